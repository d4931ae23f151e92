"""The proxy fails in the ways that it promises, and in no other."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.network import proxy as wire
from tests.support.network.proxy import Mode, Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator


class Echo:
    """A server that answers `got <message>`, and remembers every message."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no connection any more."""
        with contextlib.suppress(OSError):  # closed before
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def heard_soon(self, message: bytes) -> bool:
        """Tell whether a message arrives."""
        until = time.monotonic() + 2
        while message not in self.heard and time.monotonic() < until:
            time.sleep(0.005)
        return message in self.heard

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while message := client.recv(1024):
                self.heard.append(message)
                client.sendall(b"got " + message)


@pytest.fixture
def echo() -> Iterator[Echo]:
    """Run a server behind the proxy."""
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    """Run a proxy that passes everything."""
    with Proxy("127.0.0.1", echo.port) as running:
        yield running


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    """Connect a client that is through to the server."""
    with connect(proxy) as connection:
        assert ask(connection, b"hello") == b"got hello"
        yield connection


def connect(proxy: Proxy) -> socket.socket:
    """Connect to the proxy, with little patience."""
    return socket.create_connection(("127.0.0.1", proxy.port), 0.3)


def ask(connection: socket.socket, message: bytes) -> bytes:
    """Send a message and return what comes back first."""
    connection.sendall(message)
    return connection.recv(1024)


def test_everything_passes_by_default(client: socket.socket, proxy: Proxy, echo: Echo) -> None:
    """Messages reach the server, answers come back, and connections are counted."""
    assert ask(client, b"again") == b"got again"
    assert echo.heard == [b"hello", b"again"]
    assert proxy.connections == 1


def test_refusing_ends_when_the_mode_does(proxy: Proxy) -> None:
    """A refusing port refuses at once, and is the same port when it opens again."""
    port = proxy.port
    proxy.mode = wire.REFUSE
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.mode = wire.PASS
    with connect(proxy) as connection:
        assert ask(connection, b"x") == b"got x"
    assert proxy.port == port


def test_refusing_leaves_open_connections_alone(client: socket.socket, proxy: Proxy) -> None:
    """What is connected stays connected while new clients are refused."""
    proxy.mode = wire.REFUSE
    assert ask(client, b"x") == b"got x"


def test_a_deaf_proxy_takes_connections_and_says_nothing(proxy: Proxy, echo: Echo) -> None:
    """A client of a deaf server waits until its own patience ends."""
    proxy.mode = wire.DEAF
    with connect(proxy) as connection, pytest.raises(TimeoutError):
        ask(connection, b"x")
    assert echo.heard == []


def test_a_deaf_proxy_hears_again(proxy: Proxy) -> None:
    """What was said to a deaf proxy is answered when it passes again."""
    proxy.mode = wire.DEAF
    with connect(proxy) as connection:
        connection.sendall(b"x")
        proxy.mode = wire.PASS
        assert connection.recv(1024) == b"got x"


def test_an_open_connection_can_fall_silent(client: socket.socket, proxy: Proxy) -> None:
    """Deafness in the middle is silence, not an end."""
    proxy.mode = wire.DEAF
    with pytest.raises(TimeoutError):
        ask(client, b"x")


def test_silence_begins_after_the_nth_byte(client: socket.socket, proxy: Proxy) -> None:
    """So many bytes of the answer come through, and nothing after them."""
    proxy.mode = Mode(silent_after=2)
    assert ask(client, b"x") == b"go"
    with pytest.raises(TimeoutError):
        client.recv(1)


def test_a_dripping_answer_is_whole(client: socket.socket, proxy: Proxy) -> None:
    """Every byte comes, one at a time, each after its pause."""
    proxy.mode = Mode(drip=0.01)
    begin = time.monotonic()
    client.sendall(b"x")
    assert b"".join(client.recv(1) for _ in range(5)) == b"got x"
    assert time.monotonic() - begin >= 0.05


@pytest.mark.parametrize("trigger", [Mode(on=b"CHANGE"), Mode(message=2)])
@pytest.mark.parametrize(
    ("effect", "arrives", "ends"),
    [
        ("swallow", False, TimeoutError),
        ("mute", True, TimeoutError),
        ("drop", False, ConnectionResetError),
        ("cut", True, ConnectionResetError),
        ("lose", True, ConnectionResetError),
    ],
)
def test_an_effect_is_at_its_message(
    client: socket.socket,
    proxy: Proxy,
    echo: Echo,
    trigger: Mode,
    effect: wire.Effect,
    arrives: bool,  # noqa: FBT001 (a case)
    ends: type[OSError],
) -> None:
    """The messages before pass; at the trigger the effect says what arrives and how it ends."""
    proxy.mode = Mode(on=trigger.on, message=trigger.message, then=effect)
    assert ask(client, b"before") == b"got before"
    with pytest.raises(ends):
        ask(client, b"CHANGE")
    assert (echo.heard_soon(b"CHANGE") if arrives else b"CHANGE" in echo.heard) is arrives


def test_the_next_answer_can_be_lost(client: socket.socket, proxy: Proxy, echo: Echo) -> None:
    """Counting begins when the mode is set, whatever was said before."""
    proxy.mode = wire.LOSE_NEXT_ANSWER
    with pytest.raises(ConnectionResetError):
        ask(client, b"change")
    assert echo.heard == [b"hello", b"change"]


def test_every_connection_can_be_cut(client: socket.socket, proxy: Proxy) -> None:
    """Cutting resets what is open, and new clients still pass."""
    proxy.cut_all()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with connect(proxy) as another:
        assert ask(another, b"x") == b"got x"


def test_a_question_for_tls_can_be_denied(proxy: Proxy, echo: Echo) -> None:
    """PostgreSQL's SSLRequest is answered by the proxy, and never reaches the server."""
    proxy.mode = wire.NO_TLS
    with connect(proxy) as connection:
        assert ask(connection, wire.SSL_REQUEST) == b"N"
        assert ask(connection, b"plain") == b"got plain"
    assert echo.heard == [b"plain"]


def test_a_server_that_is_down_closes_the_connection(echo: Echo) -> None:
    """Without a server behind it the proxy's clients are let go."""
    echo.close()
    with Proxy("127.0.0.1", echo.port) as proxy, connect(proxy) as connection:
        assert connection.recv(1) == b""


@pytest.mark.parametrize("mode", [wire.PASS, wire.DEAF, Mode(silent_after=0), wire.REFUSE])
def test_leaving_ends_every_thread_and_frees_the_port(echo: Echo, mode: Mode) -> None:
    """Nothing of a proxy is left when its block ends, whatever it was doing."""
    with Proxy("127.0.0.1", echo.port) as proxy, connect(proxy) as connection:
        assert ask(connection, b"x") == b"got x"
        proxy.mode = mode
    until = time.monotonic() + 2
    while any(thread.name.startswith("proxy") for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.01)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)


def test_an_end_after_the_nth_byte_is_one_of_both_directions(proxy: Proxy, echo: Echo) -> None:
    """What was asked and what was answered count together, and only one connection meets it."""
    proxy.mode = Mode(after=5, then="end")
    with connect(proxy) as connection:
        assert ask(connection, b"ab") == b"got"
        assert connection.recv(1) == b""
    with connect(proxy) as another:
        assert ask(another, b"x") == b"got x"
    assert echo.heard == [b"ab", b"x"]


@pytest.mark.parametrize(("effect", "ends"), [("swallow", TimeoutError), ("cut", ConnectionResetError)])
def test_silence_or_a_reset_after_the_nth_byte(proxy: Proxy, echo: Echo, effect: wire.Effect, ends: type) -> None:
    """Of a question that is cut only its beginning arrives."""
    proxy.mode = Mode(after=1, then=effect)
    with connect(proxy) as connection, pytest.raises(ends):
        ask(connection, b"abc")
    assert echo.heard_soon(b"a")


def test_a_settled_proxy_has_no_connection(client: socket.socket, proxy: Proxy) -> None:
    """What comes next is all that is counted."""
    proxy.settle()
    proxy.mode = Mode()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert proxy.carried == 0
