"""The stand-in for Redshift behaves as its description says, towards the real driver."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from redshift_connector.core import Connection
from redshift_connector.error import Error

from tests.support.emulators.redshift.passwords import acceptable, stored
from tests.support.emulators.redshift.server import RedshiftServer
from tests.support.emulators.redshift.statements import translated
from tests.support.emulators.redshift.words import named, quoted, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[RedshiftServer]:
    """Run one stand-in."""
    with RedshiftServer(authority) as server:
        yield server


def connect(server: RedshiftServer, user: str, password: str) -> Connection:
    connection = Connection.__new__(Connection)
    try:
        connection.__init__(  # type: ignore[misc]  # so that a refused one can be closed
            user=user,
            password=password,
            database="dev",
            host="127.0.0.1",
            port=server.port,
            ssl=False,
            application_name="test",
        )
    except Error:
        connection._usock.close()  # noqa: SLF001 the driver leaves it open
        raise
    connection.autocommit = True
    return connection


def run(connection: Connection, statement: str) -> list[tuple[Any, ...]]:
    cursor = connection.cursor()
    cursor.execute(statement)
    return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def code(server: RedshiftServer, statement: str, *, user: str = "", password: str = "") -> str:
    """Return the SQLSTATE with which a statement is refused."""
    with closing(connect(server, user or server.user, password or server.password)) as connection:
        with pytest.raises(Error) as refused:
            run(connection, statement)
        assert run(connection, "SELECT 1") == [(1,)]
    return str(refused.value.args[0]["C"])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM pg_roles",
        "SELECT * FROM pg_catalog.pg_authid",
        "SELECT string_agg(usename, ',') FROM pg_user",
        "SELECT pg_advisory_lock(1)",
        "SAVEPOINT part",
        "SET ROLE NONE",
        "REASSIGN OWNED BY a TO b",
        "CREATE USER IF NOT EXISTS a PASSWORD DISABLE",
        "CREATE ROLE a NOLOGIN",
        "CREATE USER a PASSWORD DISABLE REPLICATION",
        "ALTER ROLE a PASSWORD 'Abcdefg1'",
        "COMMENT ON ROLE a IS 'x'",
        "GRANT a TO b",
        "DO 'BEGIN END'",
        "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
    ],
)
def test_what_redshift_does_not_have_is_refused(server: RedshiftServer, statement: str) -> None:
    """The session goes on, as after any error."""
    assert code(server, statement)[:2] == "42"


def test_a_word_within_a_text_is_no_syntax() -> None:
    """Only what stands outside of literals is looked at."""
    assert translated("SELECT 'pg_roles SAVEPOINT'") == "SELECT 'pg_roles SAVEPOINT'"


@pytest.mark.parametrize("form", ["Abcdefg1", "sha256|Abcdefg1"])
def test_both_logins_prove_the_password(server: RedshiftServer, form: str) -> None:
    """MD5 where it is kept so, the digest where a SHA-256 is; a wrong password is 28000."""
    name = "login_md5" if "|" not in form else "login_sha"
    server.execute(f"CREATE USER {name} PASSWORD '{form}'")
    before = len(server.logins)
    connect(server, name, "Abcdefg1").close()
    with pytest.raises(Error) as refused:
        connect(server, name, "Abcdefg2")
    assert refused.value.args[0]["C"] == "28000"
    assert (server.accepted(before), server.refused(before)) == (1, 1)
    kept = server.query("SELECT password FROM redshift.users WHERE name = %s", (name,))
    assert kept[0][0].startswith("md5" if "|" not in form else "sha256|")


def test_a_version_like_redshifts_is_reported(server: RedshiftServer) -> None:
    """The driver is told 8.0.2."""
    with closing(connect(server, server.user, server.password)) as connection:
        assert (b"server_version", b"8.0.2") in connection.parameter_statuses


def test_a_change_of_password_is_transactional(server: RedshiftServer) -> None:
    """What is rolled back never was."""
    server.execute("CREATE USER rolled PASSWORD 'Abcdefg1'")
    with closing(connect(server, "rolled", "Abcdefg1")) as connection:
        for statement in ("BEGIN", "ALTER USER rolled PASSWORD 'Hijklmn1'", "ROLLBACK"):
            run(connection, statement)
    connect(server, "rolled", "Abcdefg1").close()


def test_a_user_may_change_its_own_password_alone(server: RedshiftServer) -> None:
    """Nothing else of itself, and nobody else."""
    server.execute("CREATE USER small PASSWORD 'Abcdefg1'", "CREATE USER other PASSWORD 'Abcdefg1'")
    who = {"user": "small", "password": "Abcdefg1"}
    assert code(server, "ALTER USER small CREATEDB", **who) == "42501"
    assert code(server, "ALTER USER small PASSWORD DISABLE", **who) == "42501"
    assert code(server, "ALTER USER other PASSWORD 'Hijklmn1'", **who) == "42501"
    assert code(server, "CREATE USER another PASSWORD 'Hijklmn1'", **who) == "42501"
    with closing(connect(server, "small", "Abcdefg1")) as connection:
        run(connection, "ALTER USER small PASSWORD 'Hijklmn1'")
    connect(server, "small", "Hijklmn1").close()


def test_a_clear_password_keeps_the_rules(server: RedshiftServer) -> None:
    """8 to 64 characters, a capital, a small letter, a digit, and none of the forbidden ones."""
    assert code(server, "CREATE USER short PASSWORD 'Abc1'") == "22023"
    assert acceptable("Abcdefg1")
    assert not any(map(acceptable, ("abcdefg1", "ABCDEFG1", "Abcdefgh", "Abc defg1", "Abc/defg1", "A1" + "a" * 63)))
    assert stored("md5" + "0" * 32, "a") == "md5" + "0" * 32


def test_a_user_sees_its_own_rights_alone(server: RedshiftServer) -> None:
    """A superuser, and who has SYSLOG ACCESS UNRESTRICTED, sees those of all ("SVV_RELATION_PRIVILEGES")."""
    server.execute(
        "CREATE USER seen PASSWORD 'Abcdefg1'",
        "CREATE USER unseen PASSWORD 'Abcdefg1'",
        "CREATE TABLE public.sights (a int)",
        "GRANT SELECT, DROP ON public.sights TO seen, unseen",
        "CREATE ROLE watchers",
    )
    query = (
        "SELECT identity_name, privilege_type FROM svv_relation_privileges WHERE relation_name = 'sights' ORDER BY 1, 2"
    )
    with closing(connect(server, "seen", "Abcdefg1")) as connection:
        assert run(connection, query) == [("seen", "DROP"), ("seen", "SELECT")]
    server.execute("GRANT ACCESS SYSTEM TABLE TO ROLE watchers", "GRANT ROLE watchers TO seen")
    with closing(connect(server, "seen", "Abcdefg1")) as connection:
        assert len(run(connection, query)) == 2
    server.execute("ALTER USER seen SYSLOG ACCESS UNRESTRICTED")
    with closing(connect(server, "seen", "Abcdefg1")) as connection:
        assert len(run(connection, query)) == 4


def test_a_users_name_in_quotes_keeps_its_capitals(server: RedshiftServer) -> None:
    """One without is folded; what else stands in quotes is, unless the session wants it exact."""
    server.execute("CREATE USER \"MiXed\" PASSWORD 'Abcdefg1'", "CREATE USER Plain PASSWORD 'Abcdefg1'")
    connect(server, "MiXed", "Abcdefg1").close()
    connect(server, "plain", "Abcdefg1").close()
    for other in ("mixed", "Plain"):
        with pytest.raises(Error):
            connect(server, other, "Abcdefg1")
    assert named('"A""b"') == 'A"b'
    with closing(connect(server, server.user, server.password)) as connection:
        run(connection, 'CREATE TABLE public."Folded" (a int)')
        run(connection, 'GRANT SELECT ON public."FOLDED" TO plain, "MiXed"')
        run(connection, "SET enable_case_sensitive_identifier TO true")
        run(connection, 'CREATE TABLE public."Folded" (a int)')
        assert run(connection, "SELECT relname FROM pg_class WHERE relname ILIKE 'folded' ORDER BY 1") == [
            ("Folded",),
            ("folded",),
        ]


def test_only_a_superuser_enables_and_disables_passwords(server: RedshiftServer) -> None:
    """Whatever other permissions somebody has (Developer Guide, "ALTER USER", PASSWORD)."""
    server.execute(
        "CREATE USER changer PASSWORD 'Abcdefg1'",
        "CREATE USER off PASSWORD DISABLE",
        "CREATE ROLE changing",
        "GRANT CREATE USER, ALTER USER TO ROLE changing",
        "GRANT ROLE changing TO changer",
    )
    who = {"user": "changer", "password": "Abcdefg1"}
    assert code(server, "ALTER USER off PASSWORD 'Hijklmn1'", **who) == "42501"
    assert code(server, "CREATE USER born_off PASSWORD DISABLE", **who) == "42501"


def test_sessions_are_seen_by_all(server: RedshiftServer) -> None:
    """And ended by their own user or a superuser (Developer Guide, "STV_SESSIONS", "PG_TERMINATE_BACKEND")."""
    server.execute("CREATE USER looker PASSWORD 'Abcdefg1'")
    who = {"user": "looker", "password": "Abcdefg1"}
    with closing(connect(server, server.user, server.password)) as other, closing(connect(server, **who)) as connection:
        ((process,),) = run(other, "SELECT pg_backend_pid()")
        assert (process,) in run(connection, "SELECT process FROM stv_sessions")
    with closing(connect(server, server.user, server.password)) as other:
        ((process,),) = run(other, "SELECT pg_backend_pid()")
        assert code(server, f"SELECT pg_terminate_backend({process})", **who) == "42501"


def test_backslashes_are_escapes(server: RedshiftServer) -> None:
    """A text is read as PostgreSQL 8.0 did."""
    with closing(connect(server, server.user, server.password)) as connection:
        assert run(connection, r"SELECT 'a\\b\'c'") == [(r"a\b'c",)]
    assert unquoted(quoted("it's \\ here")) == "it's \\ here"


def test_what_is_said_after_a_login_is_kept(server: RedshiftServer) -> None:
    """As it came over the wire, and in the text of the log."""
    with closing(connect(server, server.user, server.password)) as connection:
        run(connection, "SELECT 'remember this'")
    assert any(b"remember this" in content for content in server.said)
    assert "remember this" in server.log_text()
    assert server.password not in server.log_text()


def test_a_user_is_dropped(server: RedshiftServer) -> None:
    """With its password."""
    server.execute("CREATE USER gone PASSWORD 'Abcdefg1'", "DROP USER gone")
    with pytest.raises(Error):
        connect(server, "gone", "Abcdefg1")


def test_roles_are_their_makers(server: RedshiftServer) -> None:
    """CREATE ROLE is a permission; who made a role gives and drops it, with FORCE where somebody has it."""
    server.execute(
        "CREATE USER maker PASSWORD 'Abcdefg1'",
        "CREATE ROLE making",
        "GRANT CREATE ROLE TO ROLE making",
        "GRANT ROLE making TO maker",
    )
    who = {"user": "maker", "password": "Abcdefg1"}
    with closing(connect(server, **who)) as connection:
        run(connection, "CREATE ROLE made")
        run(connection, "GRANT ROLE made TO maker")
        assert run(connection, "SELECT role_owner FROM svv_roles WHERE role_name = 'made'") == [("maker",)]
    assert code(server, "DROP ROLE made", **who) == "2BP01"
    assert code(server, "DROP ROLE making FORCE", **who) == "42501"
    assert code(server, "GRANT ROLE making TO maker WITH ADMIN OPTION", **who) == "42501"
    assert code(server, "DROP ROLE nothing FORCE", **who) == "42704"
    with closing(connect(server, **who)) as connection:
        run(connection, "DROP ROLE made FORCE")
        assert run(connection, "SELECT 1 FROM svv_roles WHERE role_name = 'made'") == []
