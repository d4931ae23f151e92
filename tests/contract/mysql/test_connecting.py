"""The way to MySQL and MariaDB: addresses, deadlines, TLS, and what a server is never told."""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

import pytest

from rotation.engines.mysql import MySQL, engine
from rotation.engines.tls import diagnose
from rotation.errors import AccountUnusable, StatementFailed, TlsFailed, Unreachable
from rotation.model import Address, Credential, Deadline, Password
from tests.support.network import proxy as wire
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.stages.mysql import Stage

WHO: Final = Credential("app", Password("hunter2-hunter2"))
GREETING: Final = (
    b"\x0a9.0.0\0\1\0\0\0saltsalt\0"
    + (0x8200).to_bytes(2, "little")  # protocol 4.1 and secure connection; no TLS
    + b"\x2d\2\0"
    + (0x0008).to_bytes(2, "little")  # the server names methods
    + b"\x15"
    + bytes(10)
    + b"saltsaltsalt\0mysql_native_password\0"
)


class Double:
    """A server that says what it is told to, one list of messages a connection, and keeps what it hears."""

    def __init__(self, *connections: tuple[bytes, ...]) -> None:
        self._connections = connections
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(5)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.address = Address("127.0.0.1", self._listening.getsockname()[1], "")
        self.heard = b""

    def _serve(self) -> None:
        for messages in self._connections:
            with self._listening.accept()[0] as client, contextlib.suppress(OSError):
                client.settimeout(5)
                for number, message in enumerate(messages):
                    count = number * 2 if number < 2 else 1  # one login, then an answer to each statement
                    client.sendall(len(message).to_bytes(3, "little") + bytes([count]) + message)
                    self.heard += client.recv(4096)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listening.close()


def greeting_size(stage: Stage) -> int:
    """Return how many bytes the server says before it is asked anything."""
    with socket.create_connection((stage.server.host, stage.server.port), 5) as plain:
        return 4 + int.from_bytes(plain.recv(4)[:3], "little")


def test_a_host_without_an_address_is_unreachable() -> None:
    """A name that is none resolves to nothing."""
    with pytest.raises(Unreachable, match="no address"):
        MySQL().connect(Address("a" * 70 + ".example", 3306, ""), WHO, Deadline(5))


def test_the_next_address_is_tried_when_the_first_refuses(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at the first address of the host."""
    user = stage.user()
    monkeypatch.setattr(engine, "resolve", lambda *_: ["127.0.0.2", "127.0.0.1"])
    with stage.login(user):
        pass


def test_an_address_that_stays_silent_takes_its_share_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address of a host gets an equal share of the time that is left."""
    user = stage.user()
    monkeypatch.setattr(engine, "resolve", lambda *_: ["127.0.0.2", "127.0.0.1"])
    with socket.create_server(("127.0.0.2", stage.server.port)), stage.login(user, seconds=2):
        pass


def test_a_handshake_that_nobody_answers_is_unreachable(stage: Stage) -> None:
    """A server that greets, and is not heard of again, costs the time that was given."""
    mode = wire.Mode(silent_after=greeting_size(stage))
    with wire.Proxy(stage.server.host, stage.server.port, mode) as proxy, pytest.raises(Unreachable) as caught:
        stage.engine.connect(replace(stage.address(), port=proxy.port), WHO, Deadline(1))
    assert caught.value.retryable


@pytest.mark.parametrize("method", ["mysql_clear_password", "dialog", "mysql_old_password"])
def test_a_server_that_asks_for_the_clear_password_is_not_told_it(method: str) -> None:
    """The method that a server switches to is refused before anything is sent by it."""
    double = Double((GREETING, b"\xfe" + method.encode() + b"\0salt\0"))
    with double, pytest.raises(AccountUnusable) as caught:
        MySQL().connect(replace(double.address, tls=False), WHO, Deadline(5))
    assert caught.value.code == "2059"
    assert WHO.username.encode() in double.heard
    assert WHO.password.reveal().encode() not in double.heard


def test_a_query_that_is_answered_without_rows() -> None:
    """What says OK to everything is no server that a password is changed on."""
    double = Double((GREETING, *[b"\0\0\0\2\0\0\0"] * 6))
    with double, pytest.raises(StatementFailed, match="without a row"):
        MySQL().connect(replace(double.address, tls=False), WHO, Deadline(5))


def test_a_server_that_blocks_this_address_is_unreachable() -> None:
    """1129 comes instead of the greeting; a real server sends it only where it can ask a name service who calls."""
    blocked = b"\xff" + (1129).to_bytes(2, "little") + b"Host 'app' is blocked"
    with Double((blocked,)) as double, pytest.raises(Unreachable, match="FLUSH HOSTS") as caught:
        MySQL().connect(double.address, WHO, Deadline(5))
    assert (caught.value.code, caught.value.retryable) == ("1129", True)
    assert double.heard == b""


def test_tls_that_is_not_offered_is_not_done_without() -> None:
    """There is no way back to plain text, and the server never hears of the user."""
    double = Double((GREETING,), (GREETING,))
    with double, pytest.raises(TlsFailed, match="offers no TLS"):
        MySQL().connect(double.address, WHO, Deadline(5))
    assert double.heard == b""


def test_a_fault_that_a_second_look_does_not_show_stays_as_it_was() -> None:
    """A server that ends the second connection before it greets leaves the driver's number."""
    with Double((GREETING,), ()) as double, pytest.raises(TlsFailed) as caught:
        MySQL().connect(double.address, WHO, Deadline(5))
    assert caught.value.code == "2026"


def test_a_foreign_certificate_is_refused_before_the_password(stage: Stage, tmp_path: Path) -> None:
    """An authority that is not trusted is TlsFailed, and the server never hears of the user."""
    other = type(stage.engine)(Authority.create(tmp_path, "Other").bundle)
    since = stage.server.mark()
    user = stage.user()
    with pytest.raises(TlsFailed, match="not trusted"):
        other.connect(stage.address(), user, Deadline(5))
    assert not stage.server.logins(since).of(user.username).all


def test_another_host_name_is_refused(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate for localhost is none for another name of the same address."""
    monkeypatch.setattr(engine, "resolve", lambda *_: ["127.0.0.1"])
    with pytest.raises(TlsFailed, match="another host"):
        stage.engine.connect(replace(stage.address(), host="db.example"), stage.user(), Deadline(5))


def test_a_nameless_account_that_stands_before_the_users(stage: Stage) -> None:
    """A login that acts as another account is refused: it would change that one's password."""
    user = stage.user()
    stage.run(f"CREATE USER ''@'127.0.0.1' IDENTIFIED BY '{user.password.reveal()}'")
    try:
        with pytest.raises(AccountUnusable, match="acts as another account"):
            stage.login(user)
    finally:
        stage.run("DROP USER ''@'127.0.0.1'")


def test_a_second_look_at_a_server_that_drips_ends_in_time(authority: Authority) -> None:
    """Each byte comes in time, and their sum would not."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Event()

        def drip() -> None:
            with listening.accept()[0] as client, contextlib.suppress(OSError):
                while not stop.wait(0.1):
                    client.sendall(b"\xff")

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        deadline = Deadline(0.5)
        ask = functools.partial(engine._ask_for_tls, deadline)  # noqa: SLF001 what the second look begins with
        assert diagnose(listening.getsockname(), "localhost", authority.bundle, deadline, ask) is None
        assert time.monotonic() - began < 1.5
        stop.set()
        thread.join()
