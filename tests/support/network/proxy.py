"""A TCP proxy in front of a real server that behaves as networks do when they fail.

The behaviour is `Proxy.mode`, and can be changed at any time, for open connections too. Messages and bytes are
counted, on each connection, from the moment the mode was set: on an open connection whose TLS hides what is
said, `proxy.mode = Mode(message=1, then="lose")` loses the answer to what the client says next.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK = 65536
TURN_SECONDS = 0.02
SEND_SECONDS = 10.0
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
LINGER_RESET = struct.pack("ii", 1, 0)

# What happens at the client's message that `Mode.on` or `Mode.message` describe:
# swallow  it does not reach the server, and nothing comes through any more
# mute     it reaches the server, and nothing comes through any more
# drop     it does not reach the server, and the connection is reset
# cut      it reaches the server, and the connection is reset at once
# lose     it reaches the server, which answers; the answer is dropped and the connection reset
# end      it does not reach the server, and the connection is closed in order
# At the byte of `Mode.after`, in either direction: swallow is silence from there on, end closes, the others reset.
Effect = Literal["swallow", "mute", "drop", "cut", "lose", "end"]

taps: list[Callable[[bytes], object]] = []
"""Who hears all that any proxy carries."""


@dataclass(frozen=True)
class Mode:
    """What the proxy does; the fields can be combined."""

    refuse: bool = False
    """New connections are refused, as where nobody listens; open ones go on."""
    deaf: bool = False
    """Connections are taken, and nothing comes through in either direction."""
    without_tls: bool = False
    """PostgreSQL's question for TLS is answered with N: not offered."""
    drip: float | None = None
    """Seconds between the single bytes of the server's answers."""
    silent_after: int | None = None
    """So many bytes of the server still come through; then nothing does, in either direction."""
    on: bytes | None = None
    """The effect is at the client's first message that holds these bytes (without TLS)."""
    message: int | None = None
    """The effect is at the client's n-th message; 1 is the next one."""
    after: int | None = None
    """The effect is, once, when so many bytes have passed: both ways, over all connections, since the mode was set."""
    then: Effect = "swallow"
    """The effect."""

    def triggered(self, message: bytes, number: int) -> bool:
        """Tell whether the effect is at this message."""
        return number == self.message or (self.on is not None and self.on in message)


PASS = Mode()
REFUSE = Mode(refuse=True)
DEAF = Mode(deaf=True)
NO_TLS = Mode(without_tls=True)
LOSE_NEXT_ANSWER = Mode(message=1, then="lose")
CUT_NEXT = Mode(message=1, then="cut")


@dataclass(eq=False)
class _Link:
    """One client with its own connection to the server."""

    client: socket.socket
    server: socket.socket
    mode: Mode
    messages: int = 0
    answered: int = 0
    silent: bool = False
    losing: bool = False
    cut: threading.Event = field(default_factory=threading.Event)

    def take(self, mode: Mode) -> None:
        """Begin to count anew when the mode is another."""
        if mode is not self.mode:
            self.mode, self.messages, self.answered = mode, 0, 0
            self.silent = self.losing = False


class Proxy:
    """Listens on a loopback port of its own, and forwards to the target."""

    def __init__(self, target_host: str, target_port: int, mode: Mode = PASS) -> None:
        """Describe the proxy; it begins with `with`."""
        self.target = target_host, target_port
        self.host = "127.0.0.1"
        self.port = 0
        self.connections = 0
        self.carried = 0
        """Bytes that came to be carried since the mode was set, both ways and over all connections."""
        self._mode = mode
        self._links: set[_Link] = set()
        self._guard = threading.Lock()
        self._door: _Door | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        """Choose a port, and listen where the mode lets it."""
        self.mode = self._mode
        return self

    def __exit__(self, *_: object) -> None:
        """Reset every connection and give the port back."""
        self._ended.set()
        if self._door:
            self._door.close()
        self.cut_all()

    @property
    def mode(self) -> Mode:
        """How it behaves now."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode, self.carried = mode, 0
        if self._door is None or self._door.open is mode.refuse:
            if self._door:
                self._door.close()
            self._door = _Door((self.host, self.port), self._take, is_open=not mode.refuse)
            self.port = self._door.port

    def cut_all(self) -> None:
        """Reset every open connection."""
        with self._guard:
            links = list(self._links)
        for link in links:
            link.cut.set()

    def settle(self) -> None:
        """Reset every open connection, and wait until none is left: a farewell would count as the next bytes."""
        self.cut_all()
        while self._links:
            self._ended.wait(0.001)

    def _take(self, client: socket.socket) -> None:
        with self._guard:
            self.connections += 1
        threading.Thread(target=self._serve, args=(client,), daemon=True, name="proxy").start()

    def _serve(self, client: socket.socket) -> None:
        sys.settrace(None)  # nothing of the library runs here that coverage had to see
        while self._mode.deaf:
            if self._ended.wait(TURN_SECONDS):
                client.close()
                return
        with contextlib.ExitStack() as stack:
            stack.enter_context(client)
            stack.enter_context(contextlib.suppress(OSError))  # the server is down, or the client is gone
            server = stack.enter_context(socket.create_connection(self.target, SEND_SECONDS))
            client.settimeout(SEND_SECONDS)
            link = _Link(client, server, self._mode)
            with self._guard:
                self._links.add(link)
            self._forward(link)
            with self._guard:
                self._links.discard(link)
            if link.cut.is_set() or self._ended.is_set():
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)

    def _forward(self, link: _Link) -> None:
        """Carry bytes until either side ends, or the mode ends it."""
        with selectors.DefaultSelector() as selector:
            selector.register(link.client, selectors.EVENT_READ, self._client_sent)
            selector.register(link.server, selectors.EVENT_READ, self._server_sent)
            while not (link.cut.is_set() or self._ended.is_set()):
                link.take(self._mode)
                if link.mode.deaf or link.silent:
                    link.cut.wait(TURN_SECONDS)
                elif not all(_carried(key.data, link) for key, _ in selector.select(TURN_SECONDS)):
                    return

    def _client_sent(self, link: _Link) -> bool:
        """Carry one message to the server; False ends the connection."""
        message = link.client.recv(CHUNK)
        link.take(self._mode)  # it may have changed while we waited for the message
        link.messages += 1
        if link.mode.without_tls and message == SSL_REQUEST:
            link.client.sendall(b"N")
        elif message and link.mode.triggered(message, link.messages):
            _cause(link.mode.then, link, message)
        else:
            return self._pass(link, link.server, message) and bool(message)
        return bool(message) and link.mode.then != "end"

    def _server_sent(self, link: _Link) -> bool:
        """Carry one answer to the client; False ends the connection."""
        answer = link.server.recv(CHUNK)
        if link.losing:
            link.cut.set()
            return False
        if link.silent:
            return True
        limit = link.mode.silent_after
        answered = answer if limit is None else answer[: max(0, limit - link.answered)]
        link.answered += len(answered)
        link.silent = link.answered == limit
        return self._answer(link, answered) and bool(answer)

    def _answer(self, link: _Link, answer: bytes) -> bool:
        if link.mode.drip is None:
            return self._pass(link, link.client, answer)
        for byte in answer:
            if link.cut.wait(link.mode.drip) or self._ended.is_set():
                return False
            link.client.sendall(bytes([byte]))
        return True

    def _pass(self, link: _Link, receiver: socket.socket, content: bytes) -> bool:
        """Carry it as far as the mode lets it; False ends the connection."""
        for tap in taps:
            tap(content)
        with self._guard:
            begin, self.carried = self.carried, self.carried + len(content)
        after = link.mode.after
        if after is None or not begin <= after < begin + len(content):
            receiver.sendall(content)
            return True
        receiver.sendall(content[: after - begin])
        if link.mode.then == "swallow":
            link.silent = True
        elif link.mode.then != "end":
            link.cut.set()
        return link.mode.then == "swallow"


class _Door:
    """The port: open, or bound without listening, which refuses and lets nobody else take it."""

    def __init__(self, address: tuple[str, int], taken: Callable[[socket.socket], None], *, is_open: bool) -> None:
        self.open = is_open
        self._taken = taken
        self._closing = threading.Event()
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(address)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True, name="proxy-door")
        if is_open:
            self._socket.listen(64)
            self._socket.settimeout(TURN_SECONDS)
            self._thread.start()

    def close(self) -> None:
        """Close the port once its thread does not look at it any more."""
        self._closing.set()
        if self.open:
            self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                self._taken(self._socket.accept()[0])


def _carried(carry: Callable[[_Link], bool], link: _Link) -> bool:
    """Carry what one side sent; a side that broke ends the connection as one that closed it."""
    try:
        return carry(link)
    except OSError:
        return False


def _cause(effect: Effect, link: _Link, message: bytes) -> None:
    if effect in {"mute", "cut", "lose"}:
        link.server.sendall(message)
    if effect in {"cut", "drop"}:
        link.cut.set()
    link.silent = effect in {"swallow", "mute"}
    link.losing = effect == "lose"
