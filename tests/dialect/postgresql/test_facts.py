"""What PostgreSQL does when a password changes under it: each fact that the engine builds on."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg2
import pytest

from rotation.errors import AccessMismatch, AccountUnusable, AuthenticationFailed, StatementFailed
from rotation.model import Password
from rotation.ports import Caution
from tests.lab.stages.postgresql import pair_of, unique

if TYPE_CHECKING:
    from rotation.model import Credential
    from tests.lab.stages.postgresql import Stage


def owner_login(stage: Stage) -> tuple[Credential, str]:
    """Make a user whose login acts as a role that owns everything."""
    user, owner = stage.user(), unique("owner")
    stage.run("CREATE ROLE {}", owner)
    stage.run("GRANT {} TO {}", owner, user.username)
    stage.run("ALTER ROLE {} SET role TO {}", user.username, owner)
    return user, owner


def test_a_user_whose_login_sets_a_role_changes_its_own_password(stage: Stage) -> None:
    """As the role it could not (42501); the engine's sessions act as the user itself."""
    user, _ = owner_login(stage)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        stage.as_clients_see(user, f"ALTER ROLE {user.username} PASSWORD 'x'")
    new = replace(user, password=stage.password())
    with stage.login(user) as session:
        session.set_password(user.username, new.password)
    stage.accepts(new)


def test_the_password_of_the_role_that_a_login_takes_stays(stage: Stage) -> None:
    """CURRENT_USER would have named that role."""
    user, owner = owner_login(stage)
    before = stage.run("SELECT rolpassword FROM pg_authid WHERE rolname = %s", values=(owner,))
    with stage.login(user) as session:
        session.set_password(user.username, stage.password())
    assert stage.run("SELECT rolpassword FROM pg_authid WHERE rolname = %s", values=(owner,)) == before


def test_the_clone_of_an_owner_login_acts_as_the_owner(stage: Stage) -> None:
    """Its role is the base's role, never the base and never itself."""
    base, owner = owner_login(stage)
    admin = stage.admin(base.username)
    clone, _ = stage.level(admin, pair_of(base.username))
    assert stage.as_clients_see(clone, "SELECT current_user::text") == [(owner,)]
    with stage.login(clone) as session:
        session.check_access(pair_of(base.username))


@pytest.mark.parametrize("gone", [True, False])
def test_a_role_that_a_login_cannot_take_is_passed_over(stage: Stage, gone: bool) -> None:  # noqa: FBT001
    """The base acts as itself then, so the clone does too, and the dry run says what to take away."""
    base, role = stage.user(), unique("role")
    stage.run("CREATE ROLE {}", role)
    stage.run("GRANT {} TO {}", role, base.username)
    stage.run("ALTER ROLE {} SET role TO {}", base.username, role)
    stage.run("DROP ROLE {}" if gone else "REVOKE {} FROM " + base.username, role)
    admin, pair = stage.admin(base.username), pair_of(base.username)
    clone, _ = stage.level(admin, pair)
    for user in (base, clone):
        assert stage.as_clients_see(user, "SELECT current_user::text") == [(base.username,)]
    with stage.login(clone) as session:
        session.check_access(pair)
    with stage.login(admin) as session:
        assert any(f'ALTER ROLE "{base.username}" RESET role' in line for line in session.cautions(base.username, pair))
    again, _ = stage.level(admin, pair_of(base.username, promote="base"))
    with stage.login(again) as session:
        session.check_access(pair_of(base.username, promote="base"))


def test_a_database_that_sets_the_role_of_all_logins_sets_the_clones(stage: Stage) -> None:
    """The clone's own setting would win over the database's, and the base has none."""
    base, owner = stage.user(), unique("owner")
    database = stage.server.create_database(unique("db"))
    stage.run("CREATE ROLE {}", owner)
    stage.run("GRANT {} TO {}", owner, base.username)
    stage.run("ALTER DATABASE {} SET role TO {}", database, owner)
    clone, _ = stage.level(stage.admin(base.username), pair_of(base.username))
    for place, role in ((database, owner), ("postgres", base.username)):
        for user in (base, clone):
            assert stage.as_clients_see(user, "SELECT current_user::text", place) == [(role,)]
        with stage.login(clone, place) as session:
            session.check_access(pair_of(base.username))


RESETS = ("RESET ROLE", "RESET ALL", "RESET SESSION AUTHORIZATION", "SET SESSION AUTHORIZATION DEFAULT", "DISCARD ALL")


def test_what_an_application_does_to_its_role_leads_back_to_the_base(stage: Stage) -> None:
    """Also what poolers send between two clients, but for older minors; SET ROLE NONE gives the clone."""
    base = stage.user()
    clone, _ = stage.level(stage.admin(base.username), pair_of(base.username))
    lost = clone.username if stage.minor_that_loses_roles else base.username
    expected = dict.fromkeys(RESETS[:2], base.username) | dict.fromkeys(RESETS[2:], lost)
    for statement, user in {**expected, "SET ROLE NONE": clone.username}.items():
        with closing(stage.server.connect(clone.username, clone.password.reveal())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                cursor.execute("SELECT current_user::text")
                assert cursor.fetchone() == (user,), statement


def test_a_server_that_takes_the_role_off_is_told_of(stage: Stage) -> None:
    """By the clone's own session, and before there is a clone by a login that says its role itself."""
    base = stage.user()
    admin, pair = stage.admin(base.username), pair_of(base.username)
    with stage.login(admin) as session:
        before = [line for line in session.cautions(base.username, pair) if "DISCARD ALL" in line]
    clone, _ = stage.level(admin, pair)
    with stage.login(clone) as session:
        after = session.check_access(pair)
        assert session.mark_of(clone.username) is not None
    assert before == after
    assert len(after) == stage.minor_that_loses_roles
    assert all("Upgrade the server from PostgreSQL 16.4 to 16.6" in line for line in after)


def test_a_base_is_told_nothing_of_resets(stage: Stage) -> None:
    """What it makes is its own, whatever a pool sends."""
    base = stage.user()
    admin = stage.admin(base.username)
    stage.level(admin, pair_of(base.username))
    again, _ = stage.level(admin, pair_of(base.username, promote="base"))
    with stage.login(again) as session:
        assert session.check_access(pair_of(base.username, promote="base")) == []


def test_an_odd_name_is_said_at_a_login(stage: Stage) -> None:
    """The login that says its role says it whatever its characters are."""
    odd = stage.user(unique("b\\ack sl'ash\" ö"))
    with stage.login(odd) as session:
        assert session._connection.keeps_role is not stage.minor_that_loses_roles  # noqa: SLF001


def test_a_clone_sees_and_ends_its_sessions_only_as_itself(stage: Stage) -> None:
    """The server goes by the login's role; the base is no member of its clone, and SET ROLE NONE leads there."""
    base = stage.user()
    admin, pair = stage.admin(base.username), pair_of(base.username)
    clone, _ = stage.level(admin, pair)
    with closing(stage.server.connect(clone.username, clone.password.reveal())) as other:
        pid = other.info.backend_pid
        seen = f"SELECT query FROM pg_stat_activity WHERE pid = {pid}"
        assert stage.as_clients_see(clone, seen) == [("<insufficient privilege>",)]
        for function in ("pg_cancel_backend", "pg_terminate_backend"):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                stage.as_clients_see(clone, f"SELECT {function}({pid})")
        assert stage.as_clients_see(clone, f"SET ROLE NONE; {seen}") != [("<insufficient privilege>",)]
        assert stage.as_clients_see(clone, f"SET ROLE NONE; SELECT pg_terminate_backend({pid})") == [(True,)]
    with stage.login(admin) as session:
        assert any("pg_terminate_backend" in line for line in session.cautions(base.username, pair))


def test_what_a_clone_may_not_say_of_itself(stage: Stage) -> None:
    """Settings of the login are the base's to change: the clone changes the base's, and has them a rotation later."""
    base = stage.user()
    admin, pair = stage.admin(base.username), pair_of(base.username)
    clone, _ = stage.level(admin, pair)
    stage.as_clients_see(base, "ALTER ROLE SESSION_USER SET work_mem TO '5MB'")
    stage.as_clients_see(base, f"SET SESSION AUTHORIZATION {base.username}")
    for statement in ("ALTER ROLE SESSION_USER RESET work_mem", f"SET SESSION AUTHORIZATION {base.username}"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            stage.as_clients_see(clone, statement)
    stage.as_clients_see(clone, "ALTER ROLE CURRENT_USER SET work_mem TO '7MB'")
    assert stage.as_clients_see(base, "SHOW work_mem") == [("7MB",)]
    assert stage.as_clients_see(clone, "SHOW work_mem") != [("7MB",)]
    clone, _ = stage.level(admin, pair)
    assert stage.as_clients_see(clone, "SHOW work_mem") == [("7MB",)]


def test_the_membership_goes_with_who_granted_it(stage: Stage) -> None:
    """Since PostgreSQL 16; so the present admin grants it as itself, and takes what others granted away."""
    base = stage.user()
    first, pair = stage.admin(base.username), pair_of(base.username)
    clone, _ = stage.level(first, pair)
    second = stage.admin(base.username, clone.username)
    _, changes = stage.level(second, pair_of(base.username, promote="base"))
    if stage.major < 16:
        assert changes == []
        return
    grant = f'GRANT "{base.username}" TO "{clone.username}" WITH INHERIT TRUE, SET TRUE'
    assert changes == [grant]
    stage.run("REASSIGN OWNED BY {} TO {}", first.username, second.username)
    stage.run("DROP OWNED BY {}", first.username)
    stage.run("DROP ROLE {}", first.username)
    assert stage.as_clients_see(clone, "SELECT current_user::text") == [(base.username,)]
    assert stage.level(second, pair)[1] == []


def test_as_few_grantors_as_can_be(stage: Stage) -> None:
    """A superuser takes away what an admin granted; what the first superuser granted stays."""
    base = stage.user()
    pair = pair_of(base.username)
    clone, _ = stage.level(stage.admin(base.username), pair)
    stage.level(stage.superuser(), pair)
    grantors = "SELECT grantor::regrole::text FROM pg_auth_members WHERE member = %s::regrole"
    if stage.major >= 16:
        assert stage.run(grantors, values=(clone.username,)) == [("postgres",)]
    another = stage.admin(base.username, clone.username)
    stage.level(another, pair)
    assert len(stage.run(grantors, values=(clone.username,))) == (2 if stage.major >= 16 else 1)
    assert len(stage.level(stage.superuser(), pair)[1]) == (stage.major >= 16)


def test_an_admin_whose_right_hangs_on_another_is_told_of(stage: Stage) -> None:
    """Where that one goes, the admin's grants go with it."""
    base = stage.user()
    first, second = stage.admin(base.username), stage.admin()
    stage.as_clients_see(first, f"GRANT {base.username} TO {second.username} WITH ADMIN OPTION")
    _, changes = stage.level(second, pair_of(base.username))
    told = [line for line in changes if isinstance(line, Caution)]
    assert len(told) == (stage.major >= 16)
    assert all(first.username in line for line in told)


def test_createdb_works_through_the_base(stage: Stage) -> None:
    """The clone does not have it, and can use it."""
    base, database = stage.user(options="CREATEDB"), unique("db")
    clone, _ = stage.level(stage.superuser(), pair_of(base.username))
    stage.as_clients_see(clone, f"CREATE DATABASE {database} TEMPLATE template0")
    rows = stage.run("SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = %s", values=(database,))
    assert rows == [(base.username,)]


def test_a_clone_of_the_samples_function_is_taken_over(stage: Stage) -> None:
    """What it made goes to the base, and both read it."""
    base = stage.user()
    clone = stage.user(base.username + "_clone")
    database = stage.server.create_database(unique("db"))
    stage.run("GRANT {} TO {}", base.username, clone.username)
    stage.run("GRANT CREATE, USAGE ON SCHEMA public TO {}", base.username, database=database)
    stage.as_clients_see(clone, "CREATE TABLE legacy AS SELECT 1 AS x", database)
    levelled, changes = stage.level(stage.admin(base.username, clone.username), pair_of(base.username))
    assert "table public.legacy" in str(changes)
    for user in (base, levelled):
        assert stage.as_clients_see(user, "SELECT x FROM legacy", database) == [(1,)]


def test_a_clone_that_granted_memberships_is_taken_over(stage: Stage) -> None:
    """Since PostgreSQL 16 they depend on it: they go first, and the error says so."""
    base, other, extra = stage.user(), stage.user(), unique("extra")
    clone = stage.user(base.username + "_clone")
    stage.run("CREATE ROLE {}", extra)
    stage.run("GRANT {} TO {} WITH ADMIN OPTION", extra, clone.username)
    stage.as_clients_see(clone, f"GRANT {extra} TO {other.username}")
    admin = stage.superuser()
    if stage.major >= 16:
        with pytest.raises(AccessMismatch, match="CASCADE") as refused:
            stage.level(admin, pair_of(base.username))
        statement = refused.value.what.partition("the admin may not ")[2]
        stage.run(f"{statement} CASCADE")
    stage.level(admin, pair_of(base.username))


@pytest.mark.parametrize("limit", ["role", "connect", "database", "nologin"])
def test_some_refusals_come_only_after_the_password_was_accepted(stage: Stage, limit: str) -> None:
    """They prove the password; a wrong one is refused before."""
    user = stage.user()
    database = stage.server.create_database(unique("db"))
    if limit == "role":
        stage.run("ALTER ROLE {} CONNECTION LIMIT 0", user.username)
    elif limit == "connect":
        stage.run("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", database)
    elif limit == "database":
        stage.run("ALTER DATABASE {} CONNECTION LIMIT 0", database)
    else:
        stage.run("ALTER ROLE {} NOLOGIN", user.username)
    with pytest.raises(AccountUnusable) as refused:
        stage.login(user, database)
    assert refused.value.password_accepted
    with pytest.raises(AuthenticationFailed):
        stage.login(replace(user, password=Password("wrong")), database)


def test_a_passed_validity_reads_like_a_wrong_password(stage: Stage) -> None:
    """So no decision is built on that text."""
    user = stage.user(options="VALID UNTIL '2001-01-01'")
    with pytest.raises(AuthenticationFailed):
        stage.login(user)


def test_changing_the_same_user_at_once_is_worth_another_try(stage: Stage) -> None:
    """XX000 has no better code; a lock of ours keeps rotations apart, others are not bound by it."""
    user = stage.user()
    with closing(stage.server.admin()) as other, other.cursor() as cursor, stage.login(user) as session:
        cursor.execute("BEGIN")
        cursor.execute(f"ALTER ROLE {user.username} CONNECTION LIMIT 7")
        threading.Timer(0.2, lambda: other.cursor().execute("COMMIT")).start()
        with pytest.raises(StatementFailed) as failed:
            session.set_password(user.username, stage.password())
    assert (failed.value.code, failed.value.retryable) == ("XX000", True)


def test_locks_count_for_each_database(stage: Stage) -> None:
    """So the secret's own database is where they are taken."""
    user, database, name = stage.user(), stage.server.create_database(unique("db")), unique("lock")
    with stage.login(user) as one, stage.login(user, database) as two:
        assert one.lock(name) is False
        assert two.lock(name) is False


def test_a_read_only_default_of_the_user_does_not_concern_its_password(stage: Stage) -> None:
    """A reporting user is read-only by its own setting, and rotates."""
    user = stage.user()
    stage.run("ALTER ROLE {} SET default_transaction_read_only TO on", user.username)
    stage.run("ALTER ROLE {} SET synchronous_commit TO off", user.username)
    with stage.login(user) as session:
        session.set_password(user.username, stage.password())
        with session._connection.transaction(keep=False):  # noqa: SLF001
            assert session._connection.one("SHOW synchronous_commit") == "on"  # noqa: SLF001


def test_nothing_that_a_user_made_stands_before_the_catalogs(stage: Stage) -> None:
    """An admin's session calls the server's functions, whatever a search path says."""
    user, schema = stage.user(), unique("trap")
    stage.run("CREATE SCHEMA {}", schema)
    stage.run("GRANT USAGE ON SCHEMA {} TO PUBLIC", schema)
    stage.run("CREATE FUNCTION {}.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'md5' $$", schema)
    stage.run("ALTER ROLE {} SET search_path TO {}, pg_catalog", user.username, schema)
    with stage.login(user) as session:
        session.set_password(user.username, stage.password())
    stored = stage.run("SELECT rolpassword FROM pg_authid WHERE rolname = %s", values=(user.username,))
    assert stored[0][0].startswith("SCRAM-SHA-256$")


def test_a_login_by_scram_stays_one(stage: Stage) -> None:
    """A user that is set to md5 and logs in by SCRAM keeps SCRAM: where pg_hba.conf asks for it, md5 is refused."""
    user = stage.user()
    stage.run("ALTER ROLE {} SET password_encryption TO 'md5'", user.username)
    stored = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"
    for who in (user, stage.admin(user.username)):
        with stage.login(who) as session:
            session.set_password(user.username, user.password)
        assert stage.run(stored, values=(user.username,))[0][0].startswith("SCRAM-SHA-256$")
        stage.accepts(user)


def test_a_clone_ends_its_own_sessions(stage: Stage) -> None:
    """The engine's session acts as the clone itself."""
    base = stage.user()
    clone, _ = stage.level(stage.admin(base.username), pair_of(base.username))
    with closing(stage.server.connect(clone.username, clone.password.reveal())), stage.login(clone) as session:
        assert session.end_sessions(clone.username) == 1


def test_replication_does_not_work_through_the_base(stage: Stage) -> None:
    """So a difference in it refuses; given to the clone by a superuser it works for both."""
    base = stage.user(options="REPLICATION")
    pair = pair_of(base.username)
    with pytest.raises(AccessMismatch, match="REPLICATION"):
        stage.level(stage.admin(base.username), pair)
    clone, _ = stage.level(stage.superuser(), pair)
    for who in (base, clone):
        assert identified(stage, who)
    stage.run("ALTER ROLE {} NOREPLICATION", clone.username)
    with pytest.raises(psycopg2.OperationalError, match=r"(?i)replication"):
        identified(stage, clone)


def identified(stage: Stage, who: Credential) -> object:
    """Ask for the system in a session for replication."""
    raw = stage.server.connect(who.username, who.password.reveal(), replication="database")
    raw.autocommit = True
    with closing(raw) as connection, connection.cursor() as cursor:
        cursor.execute("IDENTIFY_SYSTEM")
        return cursor.fetchone()


def test_a_limit_of_connections_counts_for_each_user_of_a_pair(stage: Stage) -> None:
    """The base's only session leaves the clone's to it."""
    base = stage.user(options="CONNECTION LIMIT 1")
    clone, _ = stage.level(stage.admin(base.username), pair_of(base.username))
    with closing(stage.server.connect(base.username, base.password.reveal())):
        with pytest.raises(psycopg2.OperationalError, match="too many connections for role"):
            stage.server.connect(base.username, base.password.reveal())
        stage.accepts(clone)


def test_open_sessions_outlive_a_change(stage: Stage) -> None:
    """Ending a password ends no session; that is a statement of its own."""
    user = stage.user()
    with closing(stage.server.connect(user.username, user.password.reveal())) as client:
        with stage.login(stage.admin(user.username)) as session:
            session.disable_password(user.username)
        with client.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
