"""
The way to the server: one deadline for everything, TLS that is always verified, and a channel for the driver.

redshift_connector bounds each single receive, so that a server that drips holds it for ever; it resolves names
without a limit, for IPv4 alone; and it trusts its own bundle beside whatever else. So the connection is made here,
and the driver is given a channel in place of the socket that it would open.
"""

from __future__ import annotations

import contextlib
import functools
import io
import socket
import ssl
import struct
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from rotation.engines import tls
from rotation.engines.redshift.driver import FOLDER
from rotation.engines.redshift.faults import ENGINE, LATE, REFUSED, UNRESOLVED
from rotation.errors import EngineError, TlsFailed, Unreachable
from rotation.topology.names import resolve

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from rotation.model import Address, Deadline

SHIPPED: Final = FOLDER / "files" / "redshift-ca-bundle.crt"
"""The authorities for Redshift that its driver brings."""

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
"""The message that asks for TLS (PostgreSQL manual, "Message Formats", SSLRequest)."""


def authorities(bundle: Path | None, host: str) -> Path:
    """Return the file of the authorities in force for a host: as for other engines, with Redshift's beside them."""
    return bundle or Path(_combined(tls.authorities(None, host)).name)


@functools.cache
def _combined(others: Path) -> IO[bytes]:
    file = tempfile.NamedTemporaryFile(prefix="redshift-", suffix=".pem")  # noqa: SIM115 kept open on purpose
    file.write(others.read_bytes() + b"\n" + SHIPPED.read_bytes())
    file.flush()
    return file


class Channel:
    """What the driver takes for its socket: connected already, and bounded by the deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        """Take over the socket."""
        self._socket = connected
        self._deadline = deadline
        self.timeout = deadline.remaining()

    def connect(self, _: object) -> None:
        """Do nothing: it is connected."""

    def settimeout(self, _: object) -> None:
        """Do nothing: the deadline counts."""

    def setsockopt(self, *option: Any) -> None:  # noqa: ANN401 the socket's
        """Set an option of the socket."""
        self._socket.setsockopt(*option)

    def makefile(self, mode: str) -> io.BufferedRWPair:  # noqa: ARG002 the socket's
        """Return the stream that the driver reads and writes."""
        stream = _Stream(self._socket, self._deadline)
        return io.BufferedRWPair(stream, stream)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


class _Stream(io.RawIOBase):
    """A socket's bytes; every wait ends at the deadline."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        self._socket.settimeout(_left(self._deadline))
        return self._socket.recv_into(memoryview(buffer))

    def write(self, data: ReadableBuffer, /) -> int:
        if self._socket.fileno() < 0:  # what was still in a buffer when the connection ended
            return memoryview(data).nbytes
        self._socket.settimeout(_left(self._deadline))
        return self._socket.send(data)


def _left(deadline: Deadline) -> float:
    if not (left := deadline.remaining()):
        raise TimeoutError
    return left


def open_channel(address: Address, trusted: Path, deadline: Deadline) -> Channel:
    """
    Connect to the first address of the host that answers; each may take an equal share of the time that is left.

    Raises Unreachable or TlsFailed.
    """
    failure: EngineError = UNRESOLVED.at(str(address))
    found = resolve(address.host, address.port, deadline)
    for left in range(len(found), 0, -1):
        try:
            share = deadline.within(deadline.remaining() / left)
            return Channel(_connected(found[-left], address, trusted, share), deadline)
        except Unreachable as error:
            failure = error
    raise failure


def _connected(numeric: str, address: Address, trusted: Path, deadline: Deadline) -> socket.socket:
    peer = (numeric, address.port)
    with contextlib.ExitStack() as stack:
        try:
            plain = socket.create_connection(peer, timeout=_left(deadline))
            stack.callback(plain.close)
            connected = _encrypted(plain, address, trusted, deadline) if address.tls else plain
        except TimeoutError:
            raise LATE.at(str(address)) from None
        except ssl.SSLError:
            fault = tls.diagnose(peer, address.host, trusted, deadline, _ask_for_tls) or tls.TlsFault.HANDSHAKE
            raise _tls_failed(fault, address) from None
        except OSError:
            raise REFUSED.at(str(address)) from None
        stack.pop_all()
        return connected


def _encrypted(plain: socket.socket, address: Address, trusted: Path, deadline: Deadline) -> socket.socket:
    plain.settimeout(_left(deadline))
    if not _ask_for_tls(plain):
        raise _tls_failed(tls.TlsFault.NOT_OFFERED, address)
    plain.settimeout(_left(deadline))
    context = tls.verifying(trusted, ssl.SSLContext)
    try:
        return context.wrap_socket(plain, server_hostname=address.host)
    except ssl.SSLEOFError:
        raise ConnectionError from None


def _ask_for_tls(plain: socket.socket) -> bool:
    """Ask, and say whether the server agreed; raise OSError where it says nothing of the kind."""
    plain.sendall(_SSL_REQUEST)
    answer = plain.recv(1)
    if answer not in {b"S", b"N"}:
        raise ConnectionError
    return answer == b"S"


def _tls_failed(fault: tls.TlsFault, address: Address) -> TlsFailed:
    what, remedy = fault.value
    return TlsFailed(what, engine=ENGINE, where=str(address), remedy=remedy)
