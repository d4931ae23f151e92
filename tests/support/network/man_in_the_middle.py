"""A man in the middle: it greets as the engine's server does, shows any certificate, and keeps all that it hears."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from typing import TYPE_CHECKING, Final, Self

from tests.support.network.proxy import SSL_REQUEST

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE: Final = 5.0
IDLE: Final = 0.5
"""Seconds without a word after which nothing more is expected of a client."""
_MYSQL_SSL: Final = 0x08
"""CLIENT_SSL, in the second byte of a greeting's lower capabilities."""
_MYSQL_REQUEST: Final = 36


class Stranger:
    """
    Listens on loopback while it is entered as a context.

    ``protocol`` is an engine's name, ``greeting`` what a server of MySQL's kind says first. Without a context it
    offers no TLS, though the server behind it would.
    """

    def __init__(self, protocol: str, context: ssl.SSLContext | None, greeting: bytes = b"") -> None:
        """Describe it."""
        self.heard = b""
        """All that came over the wire, as it came."""
        self.inside = b""
        """All that was said inside of TLS."""
        self.port = 0
        self._protocol, self._context, self._greeting = protocol, context, greeting
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        """Listen."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        """Hear everything out, and end."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        while self._threads:
            self._threads.pop().join(PATIENCE)

    def _start(self, work: object, *arguments: object) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))  # type: ignore[arg-type]
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._start(self._serve, self._listening.accept()[0])

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(IDLE)
        with client, contextlib.suppress(OSError, ssl.SSLError):
            self._agree(client)
            if self._context is None:
                self._listen(client)
            else:
                self._converse(client, self._context)

    def _listen(self, client: socket.socket) -> None:
        """Hear what is said without TLS; MongoDB's protocol has no word for it, and a server just ends."""
        while raw := client.recv(65536):
            self.heard += raw
            if self._protocol == "documentdb":
                return

    def _agree(self, client: socket.socket) -> None:
        """Do what the protocol wants before TLS begins."""
        offered = self._context is not None
        if self._greeting:
            client.sendall(self._greeting if offered else without_tls(self._greeting))
            if offered:
                self._hear(client, _MYSQL_REQUEST)
        elif self._protocol in {"postgresql", "redshift"}:
            self._hear(client, len(SSL_REQUEST))
            client.sendall(b"S" if offered else b"N")

    def _hear(self, client: socket.socket, count: int) -> None:
        self.heard += client.recv(count, socket.MSG_WAITALL)

    def _converse(self, client: socket.socket, context: ssl.SSLContext) -> None:
        """Shake hands, and listen; what is said inside gets no answer."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        shaken = False
        while raw := client.recv(65536):
            self.heard += raw
            incoming.write(raw)
            try:
                if not shaken:
                    tls.do_handshake()
                shaken = True
                self.inside += tls.read(65536)
            except ssl.SSLWantReadError:
                continue
            finally:  # an alert, too, is sent before the end
                client.sendall(outgoing.read())


def greeting_of(port: int) -> bytes:
    """Hear what a server of MySQL's kind says before it is asked anything."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
        header = plain.recv(4, socket.MSG_WAITALL)
        return header + plain.recv(int.from_bytes(header[:3], "little"), socket.MSG_WAITALL)


def without_tls(greeting: bytes) -> bytes:
    """Take the offer of TLS out of a greeting (MySQL internals, "Protocol::HandshakeV10")."""
    at = greeting.index(b"\0", 5) + 1 + 13 + 1
    return greeting[:at] + bytes([greeting[at] & ~_MYSQL_SSL]) + greeting[at + 1 :]


def showing(certificate: tuple[Path, Path], *, old: bool = False) -> ssl.SSLContext:
    """Show a certificate; an old one speaks TLS 1.1 at the newest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if old:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old is what is wanted
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(*certificate)
    return context
