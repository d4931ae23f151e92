"""How a session begins: by whom it is answered, and what the server's owner sets for all sessions."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from rotation.engines.mysql import opening
from rotation.engines.mysql.connection import Account, Connection, Server
from rotation.errors import AccountUnusable, NotTheServer, StatementFailed
from rotation.model import Credential, Deadline
from tests.lab.stages.mysql import pair_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pymysql

    from tests.lab.stages.mysql import Stage


class Pooler:
    """
    Passes everything on, but greets with a number of its own, as poolers do, whose clients are not the server's.

    ProxySQL's greeting names its own session (its issue 1748), MaxScale's too (mariadb_client.cc,
    send_mysql_client_handshake), and their connections to the server have the server's numbers.
    """

    def __init__(self, stage: Stage) -> None:
        self._server = stage.server
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.heard = b""

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _serve(self) -> None:
        client, _ = self._listening.accept()
        server = socket.create_connection((self._server.host, self._server.port))
        greeting = server.recv(4096)
        number = greeting.index(b"\0", 5) + 1  # after the length, the protocol and the version
        client.sendall(greeting[:number] + (4711).to_bytes(4, "little") + greeting[number + 4 :])
        threading.Thread(target=self._pass_on, args=(server, client), daemon=True).start()
        self._pass_on(client, server)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := source.recv(4096):
                self.heard += part
                sink.sendall(part)
        sink.close()


@contextlib.contextmanager
def settings(stage: Stage, **wanted: object) -> Iterator[None]:
    """Set what sessions begin with, and set it back."""
    before = {name: stage.run(f"SELECT @@GLOBAL.{name}")[0][0] for name in wanted}
    stage.run(*(f"SET GLOBAL {name} = {value}" for name, value in wanted.items()))
    try:
        yield
    finally:
        stage.run(
            *(f"SET SESSION {name} = DEFAULT" for name in wanted if name != "init_connect"),
            *(f"SET GLOBAL {name} = {value!r}" for name, value in before.items()),
        )


def test_a_pooler_is_known_before_anything_is_set(stage: Stage) -> None:
    """The error names the way round it; the server ran one query, which sets nothing."""
    user, mark = stage.user(), stage.server.mark()
    with Pooler(stage) as pooler, pytest.raises(NotTheServer, match=r'"rotation": \{"host"'):
        stage.engine.connect(replace(stage.address(), port=pooler.port), user, Deadline(5))
    said = [line.partition("Query")[2].strip() for line in stage.server.log_text(mark).splitlines() if "Query" in line]
    assert [line for line in said if line] == [opening._WHO]  # noqa: SLF001 the very statement


def test_a_pooler_that_answers_for_the_server_is_asked_otherwise() -> None:
    """ProxySQL answers one text itself, with its greeting's number (its issue 1797)."""
    assert not opening._WHO.upper().startswith("SELECT CONNECTION_ID()")  # noqa: SLF001 the very statement


def test_the_servers_settings_break_no_session(stage: Stage) -> None:
    """Limits of time and of rows, read-only transactions, other modes: a pair is levelled all the same."""
    base, admin = stage.user(), stage.admin()
    longest = {"max_statement_time": 0.000001} if stage.is_mariadb else {"max_execution_time": 1}
    wanted = {"tx_read_only" if stage.is_mariadb else "transaction_read_only": 1, **longest}
    odd = {"sql_select_limit": 1, "wait_timeout": 1, "sql_mode": "'ANSI,NO_BACKSLASH_ESCAPES'", "autocommit": 0}
    with settings(stage, **wanted, **odd):
        idle, _ = stage.level(admin, pair_of(base.username))
        with stage.login(idle) as session:
            session.check_access(pair_of(base.username))
        with stage.login(base) as session:
            session.set_password(base.username, base.password)
    assert stage.accepts(idle)


def test_a_user_of_mariadb_with_a_limit_of_time_is_rotated(mariadb: Stage) -> None:
    """MAX_STATEMENT_TIME of the account is lifted for the session as the server's is."""
    user = mariadb.user(options="WITH MAX_STATEMENT_TIME 0.000001")
    with mariadb.login(user) as session:
        session.rehearse_password(user.username, mariadb.password())


def test_an_init_connect_that_fails_is_told_as_that(stage: Stage) -> None:
    """1184 comes after the password was accepted: it proves it."""
    user = stage.user()
    with settings(stage, init_connect="'SELECT * FROM nowhere.nothing'"):
        with pytest.raises(AccountUnusable, match="init_connect") as caught:
            stage.login(user)
        assert caught.value.password_accepted
        stage.login(stage.superuser()).__exit__(None, None, None)


def test_names_are_read_whatever_the_server_answers_in(stage: Stage) -> None:
    """Answers in the server's own character set begin with the next statement."""
    user = stage.user("ümläut_日本")
    try:
        with stage.login(user) as session:
            session.rehearse_password(user.username, stage.password())
    finally:
        stage.run(f"DROP USER `{user.username}`")


def test_an_answer_without_a_row_is_an_error() -> None:
    """Where one row has to come."""

    class Empty:
        def cursor(self) -> Self:
            return self

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def execute(self, statement: str) -> None:
            assert statement

        def fetchall(self) -> list[tuple[object, ...]]:
            return []

    raw = cast("pymysql.Connection[Any]", Empty())
    who = Credential("app", cast("Any", None))
    with pytest.raises(StatementFailed, match="without a row"):
        Connection(raw, Deadline(1), "here", who, Account("app", "%"), Server()).one("SELECT 1")
