"""Numbers of the servers that need a server of their own, or a setting of the whole server: where each leads."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.engines.mysql import engine
from rotation.engines.mysql.wire import PlainSocket
from rotation.errors import AccountUnusable, EngineError, GuardViolation, PermissionDenied, StatementFailed, Unreachable
from tests.lab.stages.mysql import Stage, unique
from tests.support.servers.mariadb import MariaDBServer
from tests.support.servers.mysql import MySQLServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pymysql

    from rotation.model import Credential, Deadline
    from tests.support.servers.tls import Authority

ELSEWHERE: Final = "127.0.0.77"
"""An address of this machine that servers do not take for their own."""


def refused(stage: Stage, who: Credential) -> EngineError:
    """Log in, and give what it is refused with."""
    with pytest.raises(EngineError) as caught:
        stage.login(who).__exit__(None, None, None)
    return caught.value


@contextmanager
def settings(stage: Stage, **wanted: int) -> Iterator[None]:
    """Change variables of the whole server for a while."""
    with ExitStack() as stack:
        for name, value in wanted.items():
            ((before,),) = stage.run(f"SELECT @@GLOBAL.{name}")
            stack.callback(stage.run, f"SET GLOBAL {name} = {before}")
            stage.run(f"SET GLOBAL {name} = {value}")
        yield


@pytest.fixture(params=[MySQLServer, MariaDBServer], scope="module")
def limited(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Stage]:
    """Start a server that limits the sessions of each user, and that has no user yet for all addresses."""
    with request.param(authority, options={"max-user-connections": "2"}) as server:
        yield Stage(server)


@pytest.fixture
def from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the function come from another address than the server's."""

    def dial(numeric: str, port: int, deadline: Deadline) -> PlainSocket:
        plain = PlainSocket(socket.AF_INET, socket.SOCK_STREAM)
        plain.deadline = deadline
        plain.bind((ELSEWHERE, 0))
        plain.connect((numeric, port))
        return plain

    monkeypatch.setattr(engine, "dial", dial)
    monkeypatch.setattr(engine, "resolve", lambda *_: ["127.0.0.1"])


@pytest.mark.usefixtures("from_elsewhere")
def test_a_server_that_lets_nobody_in_from_here(limited: Stage) -> None:
    """1130 is told before any login: nothing is known of the credential, and trying again is no use."""
    never = refused(limited, limited.superuser())
    assert (type(never), never.code, never.retryable) == (Unreachable, "1130", False)


def test_a_server_that_limits_every_user(limited: Stage) -> None:
    """1203 comes after the password was accepted, and passes."""
    user = limited.user()
    with limited.login(user), limited.login(user):
        full = refused(limited, user)
    assert isinstance(full, AccountUnusable)
    assert (full.code, full.password_accepted, full.retryable) == ("1203", True, True)


def test_a_server_whose_connections_are_all_in_use(stage: Stage) -> None:
    """1040 tells nothing of the credential, and passes."""
    user, few = stage.user(), 10 if stage.is_mariadb else 1
    with settings(stage, max_connections=few), ExitStack() as stack:
        for _ in range(few):
            stack.enter_context(stage.login(user))
        full = refused(stage, user)
    assert (type(full), full.code, full.retryable) == (Unreachable, "1040", True)


def test_a_user_that_may_run_no_more_statements(stage: Stage) -> None:
    """1226 after the login says the same as while logging in, and is no refusal of the password."""
    user = stage.user(options="WITH MAX_QUERIES_PER_HOUR 8")
    with stage.login(user) as session:
        assert session.end_sessions(user.username) == 0
        with pytest.raises(AccountUnusable) as caught:
            list(map(session.end_sessions, [user.username] * 8))
    assert (caught.value.code, caught.value.password_accepted) == ("1226", True)


def test_a_right_that_is_missing_has_its_number(stage: Stage) -> None:
    """1227 is PermissionDenied, and names the grant."""
    user, victim = stage.user(), stage.user()
    stage.run(f"GRANT SELECT ON mysql.* TO {user.username}")
    with stage.login(user) as session, pytest.raises(PermissionDenied, match="GRANT CREATE USER") as caught:
        session.set_password(victim.username, stage.password())
    assert caught.value.code == "1227"


def test_a_method_that_the_server_lost(mysql: Stage) -> None:
    """1524: the account names a plugin that is not there any more."""
    user = mysql.user()
    mysql.run("INSTALL PLUGIN mysql_no_login SONAME 'mysql_no_login.so'")
    mysql.run(f"ALTER USER {user.username} IDENTIFIED WITH mysql_no_login", "UNINSTALL PLUGIN mysql_no_login")
    lost = refused(mysql, user)
    assert isinstance(lost, AccountUnusable)
    assert (lost.code, lost.password_accepted) == ("1524", False)


def test_a_method_that_mariadb_lost(mariadb: Stage) -> None:
    """1524: the account names a plugin that is not there any more."""
    name = unique()
    mariadb.run("INSTALL SONAME 'auth_ed25519'", f"CREATE USER {name} IDENTIFIED VIA ed25519 USING PASSWORD('x')")
    mariadb.run("UNINSTALL SONAME 'auth_ed25519'")
    lost = refused(mariadb, type(mariadb.user())(name, mariadb.password()))
    assert (type(lost), lost.code) == (AccountUnusable, "1524")


def test_ed25519_is_told_as_what_it_is(mariadb: Stage) -> None:
    """The driver has no library for it: the login says so before a password is sent, and an admin leaves it alone."""
    user, admin = mariadb.user(), mariadb.admin()
    mariadb.run("INSTALL SONAME 'auth_ed25519'")
    mariadb.run(f"ALTER USER {user.username} IDENTIFIED VIA ed25519 USING PASSWORD('{user.password.reveal()}')")
    try:
        told = refused(mariadb, user)
        assert (type(told), told.code) == (AccountUnusable, "2059")
        assert "ed25519" in told.remedy
        with mariadb.login(admin) as session, pytest.raises(GuardViolation, match="logs in by ed25519"):
            session.guard_target(user.username, allow_privileged=True)
    finally:
        mariadb.run(f"DROP USER {user.username}", "UNINSTALL SONAME 'auth_ed25519'")


class Restarted(MySQLServer):
    """A server that can start again as it was: its superuser is there already."""

    def set_superuser(self, connection: pymysql.Connection[Any]) -> None:
        """Make the superuser once."""
        if not self._options:
            super().set_superuser(connection)

    def read_only(self) -> None:
        """Start again, on storage that takes no changes."""
        self.stop()
        self._options = {"innodb-read-only": "ON"}
        self.start()


def test_storage_that_takes_no_changes(authority: Authority) -> None:
    """3501 and 1836 are told as a server that is read-only; the rehearsal finds it before."""
    with Restarted(authority) as server:
        stage = Stage(server)
        user = stage.user()
        stage.run(f"GRANT CREATE ON shop.* TO {user.username}")
        server.read_only()
        with stage.login(user) as session:
            connection = session._connection  # noqa: SLF001 no statement of ours needs that storage but this one
            for act, code in (
                (lambda: session.rehearse_password(user.username, stage.password()), ""),
                (lambda: session.set_password(user.username, stage.password()), "3501"),
                (lambda: connection.run("CREATE TABLE shop.more (a int)"), "1836"),
            ):
                with pytest.raises(StatementFailed, match="read-only") as caught:
                    act()
                assert caught.value.code == code
