"""Servers that are set up otherwise: other words, other forms, read-only, without TLS, with bad certificates."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import psycopg2
import pytest
from psycopg2 import extensions

from rotation.engines.postgresql import refusals
from rotation.engines.postgresql.faults import CLASSES, SQLSTATES, translate
from rotation.errors import AccountUnusable, AuthenticationFailed, EngineError, StatementFailed, TlsFailed, Unreachable
from rotation.model import Address, Credential, Deadline, Password
from tests.dialect.postgresql.make_translations import translations
from tests.lab.stages.postgresql import Stage, pair_of, unique
from tests.support import servers
from tests.support.network import proxy as wire
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority


def test_a_server_that_speaks_german_is_understood(authority: Authority) -> None:
    """A refusal in another language is told from a limit, and both from silence."""
    with PostgresServer(authority, settings={"lc_messages": "de_DE.UTF-8"}) as server:
        stage = Stage(server)
        user = stage.user()
        with pytest.raises(AuthenticationFailed):
            stage.login(Credential(user.username, Password("wrong")))
        assert "Passwort-Authentifizierung" in server.log_text()
        stage.run("ALTER ROLE {} CONNECTION LIMIT 0", user.username)
        with pytest.raises(AccountUnusable) as refused:
            stage.login(user)
        assert refused.value.password_accepted


def test_the_table_has_what_debians_postgresql_ships() -> None:
    """The translations are those of the message catalogues."""
    installation = servers.postgres(translated=True)
    known = json.loads(refusals.MESSAGES.read_text("utf-8"))["translations"]
    found = [pair for pair in translations(installation.root / "usr/share/locale") if pair[0] in known and pair[1]]
    assert len(found) > 200
    assert [pair for pair in found if pair[1] not in known[pair[0]]] == []


def test_a_server_that_is_set_to_md5_keeps_md5(authority: Authority) -> None:
    """Its clients may know nothing else."""
    with PostgresServer(authority, settings={"password_encryption": "md5"}) as server:
        stage = Stage(server)
        user = stage.user()
        new = Credential(user.username, stage.password())
        with stage.login(user) as session:
            session.set_password(user.username, new.password)
        stage.accepts(new)
        stored = stage.run("SELECT rolpassword FROM pg_authid WHERE rolname = %s", values=(user.username,))
        assert stored[0][0].startswith("md5")
        clone, _ = stage.level(stage.admin(user.username), pair_of(user.username))
        stage.accepts(clone)
        assert not any(password in server.log_text() for password in stage.made)


def test_the_number_of_iterations_is_the_servers(authority: Authority) -> None:
    """Since PostgreSQL 16 a server can ask for more of them."""
    with PostgresServer(authority, settings={"scram_iterations": "5000"}) as server:
        stage = Stage(server)
        user = stage.user()
        with stage.login(user) as session:
            session.set_password(user.username, stage.password())
        stored = stage.run("SELECT rolpassword FROM pg_authid WHERE rolname = %s", values=(user.username,))
        assert stored[0][0].startswith("SCRAM-SHA-256$5000:")


def test_a_line_of_pg_hba_that_names_the_base_does_not_count_for_the_clone(authority: Authority) -> None:
    """The clone is named, since a line of its own is missing."""
    access = ["hostssl all pinned 127.0.0.1/32 scram-sha-256", "hostssl all pinned_clone 127.0.0.1/32 reject"]
    with PostgresServer(authority, access=access) as server:
        stage = Stage(server)
        base = stage.user("pinned")
        clone, _ = stage.level(stage.admin(base.username), pair_of(base.username))
        stage.accepts(base)
        with pytest.raises(AccountUnusable, match="as pinned_clone"):
            stage.login(clone)


def test_a_server_that_asks_for_the_clear_password_gets_none(authority: Authority) -> None:
    """With TLS as well; and one that asks for nothing is not believed."""
    access = ["hostssl all open 127.0.0.1/32 password", "hostssl all trusted 127.0.0.1/32 trust"]
    with PostgresServer(authority, access=access) as server:
        stage = Stage(server)
        for name, said in (("open", "in clear text"), ("trusted", "asks for no proof")):
            with pytest.raises(AccountUnusable, match=said) as refused:
                stage.login(stage.user(name))
            assert "pg_hba.conf" in refused.value.remedy


def test_a_read_only_server_says_so(authority: Authority) -> None:
    """The remedy is the writer's endpoint."""
    with PostgresServer(authority) as server:
        stage = Stage(server)
        user = stage.user()
        server.restart(default_transaction_read_only="on")
        with stage.login(user) as session, pytest.raises(StatementFailed, match="takes no changes") as failed:
            session.set_password(user.username, stage.password())
        assert failed.value.code == "25006"


def test_a_replica_says_so(authority: Authority) -> None:
    """It answers, logs in, and takes no changes."""
    with PostgresServer(authority) as server:
        stage = Stage(server)
        user = stage.user()
        server.stop()
        (server.data / "standby.signal").touch()
        server.start(hot_standby="on", primary_conninfo="")
        with stage.login(user) as session:
            session.lock("name")
            session.guard_target(user.username, allow_privileged=False)
            session._connection.bare("DISCARD ALL")  # noqa: SLF001 as check_access sends it, which a reader is asked too
            with pytest.raises(StatementFailed, match="takes no changes"):
                session.rehearse_password(user.username, stage.password())


@pytest.mark.parametrize(
    ("names", "expired", "expected"),
    [
        (("localhost",), True, "has expired"),
        (("db.example",), False, "another host name"),
    ],
)
def test_a_bad_certificate_is_named(
    authority: Authority,
    names: tuple[str, ...],
    expired: bool,  # noqa: FBT001
    expected: str,
) -> None:
    """No password goes to a server whose certificate does not hold."""
    certificate = authority.issue(names[0], names, expired=expired)
    with PostgresServer(authority, certificate=certificate) as server:
        stage = Stage(server)
        with pytest.raises(TlsFailed, match=expected):
            stage.login(stage.superuser())
        assert server.logins().of(server.user).all == ()


def test_a_server_without_tls_gets_no_password_unless_the_secret_says_so(authority: Authority) -> None:
    """TLS is never left out because the server has none."""
    with PostgresServer(authority, tls=False) as server:
        stage = Stage(server)
        who = stage.superuser()
        stage.accepts(who)
        with pytest.raises(TlsFailed, match="offers no TLS"):
            stage.engine.connect(Address("localhost", server.port, "postgres"), who, Deadline(5))


@pytest.fixture(scope="module")
def plain(authority: Authority) -> Iterator[Stage]:
    """Set the stage on a server without TLS, whose words a proxy can read."""
    with PostgresServer(authority, tls=False) as server:
        yield Stage(server)


@pytest.mark.parametrize(
    "mode",
    [
        wire.DEAF,
        wire.Mode(message=1, then="swallow"),
        wire.Mode(message=2, then="swallow"),
        wire.Mode(message=3, then="mute"),
        wire.Mode(on=b"pg_backend_pid", then="swallow"),
        wire.Mode(on=b"pg_backend_pid", then="mute"),
        wire.Mode(drip=0.05),
    ],
    ids=["accept", "hello", "password", "proof", "first-statement", "first-answer", "drip"],
)
def test_silence_in_any_phase_ends_in_time(plain: Stage, mode: wire.Mode) -> None:
    """A server that says nothing, or one byte at a time, is unreachable at the deadline."""
    user = plain.user()
    with wire.Proxy(plain.server.host, plain.server.port, mode) as proxy:
        address = Address("127.0.0.1", proxy.port, "postgres", tls=False)
        begin = time.monotonic()
        with pytest.raises(Unreachable, match="no answer in time"):
            plain.engine.connect(address, user, Deadline(0.5))
        assert 0.4 < time.monotonic() - begin < 1


@pytest.mark.parametrize("silent_after", [0, 1, 200])
def test_silence_during_tls_ends_in_time(stage: Stage, silent_after: int) -> None:
    """Before the answer for TLS, after it, and in the middle of the handshake."""
    user = stage.user()
    with wire.Proxy(stage.server.host, stage.server.port, wire.Mode(silent_after=silent_after)) as proxy:
        begin = time.monotonic()
        with pytest.raises(Unreachable):
            stage.engine.connect(Address("localhost", proxy.port, "postgres"), user, Deadline(0.5))
        assert time.monotonic() - begin < 1


def test_a_statement_that_takes_too_long_is_ended_by_the_server_first(stage: Stage) -> None:
    """So it is known not to have taken effect."""
    with stage.login(stage.user(), seconds=1) as session, pytest.raises(StatementFailed) as failed:
        session._connection.run("SELECT pg_sleep(5)")  # noqa: SLF001
    assert (failed.value.code, failed.value.retryable) == ("57014", True)


def test_the_servers_errors_are_translated_by_their_class(stage: Stage) -> None:
    """What the table says of a driver's class holds for what the server makes the driver raise."""
    statements = {
        psycopg2.DataError: "SELECT 1/0",
        psycopg2.IntegrityError: "INSERT INTO numbers VALUES (1), (1)",
        psycopg2.ProgrammingError: "SELEKT",
        psycopg2.NotSupportedError: "SELECT count(*) FROM numbers FOR UPDATE",
        psycopg2.OperationalError: "SELECT pg_terminate_backend(pg_backend_pid())",
        extensions.QueryCanceledError: "SET statement_timeout TO '10ms'; SELECT pg_sleep(1)",
        psycopg2.InternalError: "DO $$ BEGIN RAISE 'x' USING ERRCODE = 'XX000'; END $$",
        extensions.TransactionRollbackError: "DO $$ BEGIN RAISE 'x' USING ERRCODE = '40001'; END $$",
    }
    for kind, statement in statements.items():
        connection = stage.server.admin()
        cursor = connection.cursor()
        cursor.execute("CREATE TEMP TABLE numbers (x int PRIMARY KEY)")
        with pytest.raises(kind) as raised:
            cursor.execute(statement)
        code = raised.value.pgcode or ""
        known = SQLSTATES.get(code) or SQLSTATES.get(code[:2]) or CLASSES[kind]
        assert type(translate(raised.value, "here")) is known.kind
        connection.close()
        if kind is psycopg2.OperationalError:
            with pytest.raises(psycopg2.InterfaceError) as closed:
                cursor.execute("SELECT 1")
            assert isinstance(translate(closed.value, "here"), Unreachable)


def test_the_codes_of_the_table_are_the_servers(stage: Stage) -> None:
    """Each code that is provoked has the meaning that the table gives it."""
    user, other = stage.user(), stage.user()
    statements = {
        "22023": "SET statement_timeout TO 'soon'",
        "42501": f"ALTER ROLE {other.username} PASSWORD NULL",
        "42704": f"SET search_path TO pg_catalog; GRANT {unique('nobody')} TO {user.username}",
        "25006": "BEGIN READ ONLY; CREATE TEMP TABLE x (); ALTER ROLE CURRENT_USER PASSWORD NULL",
    }
    for code, statement in statements.items():
        with stage.login(user) as session, pytest.raises(EngineError) as raised:
            session._connection.run(statement)  # noqa: SLF001
        assert (raised.value.code, type(raised.value)) == (code, SQLSTATES[code].kind)
    with stage.login(stage.superuser()) as session, pytest.raises(StatementFailed) as raised:
        session._connection.run(f"CREATE ROLE {user.username}")  # noqa: SLF001
    assert (raised.value.code, raised.value.retryable) == ("42710", True)
