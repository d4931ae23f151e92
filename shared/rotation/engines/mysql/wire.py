"""
Sockets whose every wait ends at a deadline.

PyMySQL's ``connect_timeout`` covers the TCP connect only, and its ``read_timeout`` counts anew with each receive. So
a server which drips its bytes is never too late. Here whatever the driver sets, what counts is the time that
is left of the whole.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rotation.model import Deadline


class _Bounded:
    """What a socket of either kind does before it waits."""

    deadline: Deadline | None = None

    def settimeout(self, value: float | None) -> None:
        """Set what is left, once there is a deadline. Raises TimeoutError where nothing is."""
        left = value if self.deadline is None else self.deadline.remaining()
        if left == 0:
            raise TimeoutError
        super().settimeout(left)  # type: ignore[misc]  # the socket that this is mixed into

    def recv_into(self, *args: Any, **options: Any) -> int:  # noqa: ANN401 the socket's own
        """Receive what there is, within what is left."""
        self.settimeout(None)
        return int(super().recv_into(*args, **options))  # type: ignore[misc]

    def sendall(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 the socket's own
        """Send all of it, within what is left."""
        self.settimeout(None)
        super().sendall(*args, **options)  # type: ignore[misc]


class PlainSocket(_Bounded, socket.socket):
    """A TCP connection."""


class _TlsSocket(_Bounded, ssl.SSLSocket):
    """The same, encrypted."""


class TlsContext(ssl.SSLContext):
    """Verifies the server's certificate and its name; what it wraps keeps its deadline."""

    sslsocket_class = _TlsSocket

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:  # noqa: ANN401
        """
        Make the handshake, in one span of what is left (OpenSSL's socket counts it as one).

        Raises OSError where the peer reset the connection meanwhile: Python 3.11 would leave the socket open then.
        """
        sock.getpeername()
        sock.settimeout(None)
        wrapped = super().wrap_socket(sock, *args, **options)
        wrapped.deadline = getattr(sock, "deadline", None)  # type: ignore[attr-defined]
        return wrapped


def dial(numeric: str, port: int, deadline: Deadline) -> PlainSocket:
    """Connect to a numeric address. Raises OSError."""
    plain = PlainSocket(socket.AF_INET6 if ":" in numeric else socket.AF_INET, socket.SOCK_STREAM)
    plain.deadline = deadline
    try:
        plain.settimeout(None)
        plain.connect((numeric, port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        plain.close()
        raise
    return plain
