"""MySQL and MariaDB: RDS, and servers of one's own."""

from __future__ import annotations

import ssl
import struct
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pymysql
from pymysql.constants import CR

from rotation.engines import tls
from rotation.engines.mysql.connection import Connection
from rotation.engines.mysql.faults import TLS, UNREACHABLE, UNRESOLVED, number_of, refusal
from rotation.engines.mysql.opening import Driver, opened
from rotation.engines.mysql.session import MySQLSession
from rotation.engines.mysql.wire import TlsContext, dial
from rotation.engines.session import login_at
from rotation.errors import RotationError, TlsFailed, Unreachable
from rotation.model import Limits, Traits
from rotation.topology.names import resolve

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from rotation.engines.mysql.connection import Account, Server
    from rotation.errors import EngineError
    from rotation.model import Address, Credential, Deadline

_TRAITS: Final = Traits(
    name="mysql",
    names=frozenset({"mysql", "mariadb", "aurora-mysql"}),
    default_port=3306,
    default_database="",
    limits=Limits(password_min=8, password_max=128, name_bytes=32, default_excluded="/@\"'\\"),
    two_passwords=frozenset({"mysql", "aurora-mysql"}),
    longer_names={"mariadb": 80},
)

_SSL_CAPABILITY: Final = 0x0800
_SSL_REQUEST: Final = struct.pack("<IIB23x", 0x00000200 | 0x00008000 | _SSL_CAPABILITY, 1 << 24, 45)
"""Protocol 4.1, secure connection, TLS; utf8mb4 (MySQL internals, "Protocol::SSLRequest")."""

_LONGEST_GREETING: Final = 1024
"""Bytes of a greeting that are read; one with a long version's name has 150 (internals, "Protocol::HandshakeV10")."""


class _NotOffered:
    """Refuses what a server may ask for to get at the clear password, and what the driver needs a library for."""

    def __init__(self, connection: object) -> None:
        """Take the driver's connection, as it wants."""

    def authenticate(self, packet: object) -> None:
        """Refuse."""
        del packet
        raise pymysql.OperationalError(2059, "")


_REFUSED: Final = ("mysql_clear_password", "dialog", "mysql_old_password", "client_ed25519")
_METHODS: Final[Any] = dict.fromkeys(_REFUSED, _NotOffered)


class MySQL:
    """The engine. It holds no connection and no credential."""

    traits = _TRAITS

    def __init__(self, ca_bundle: Path | None = None) -> None:
        """Take the file of authorities to trust; without one, Amazon's and the system's count."""
        self._bundle = tls.check(ca_bundle)

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> MySQLSession:
        """Log in at the first address of the host that answers, and have the first statements answered."""
        connection = self._first_that_answers(address, credential, deadline)
        try:
            connection.require_own_account()
        except BaseException:
            connection.close()
            raise
        return MySQLSession(connection)

    def _first_that_answers(self, address: Address, credential: Credential, deadline: Deadline) -> Connection:
        """Try the host's addresses in turn; each may take an equal share of the time that is left to connect."""
        where = login_at(address, credential.username)
        failure: EngineError = UNRESOLVED.at(where)
        found = resolve(address.host, address.port, deadline)
        for left in range(len(found), 0, -1):
            share = deadline.within(deadline.remaining() / left)
            try:
                plain = dial(found[-left], address.port, share)
            except OSError:
                failure = UNREACHABLE.at(where)
                continue
            plain.deadline = share
            try:
                raw, account, server = self._log_in(plain, address, credential, deadline)
            except Unreachable as error:
                failure = error
            except TlsFailed as error:
                raise self._diagnosed(found[-left], address, deadline, error) from None
            else:
                plain.deadline = deadline
                _extend(raw, deadline)
                return Connection(raw, deadline, where, credential, account, server)
        raise failure

    def _log_in(
        self, plain: socket.socket, address: Address, credential: Credential, deadline: Deadline
    ) -> tuple[Driver, Account, Server]:
        where = login_at(address, credential.username)
        trusted = tls.authorities(self._bundle, address.host)
        raw = Driver(
            host=address.host,
            user=credential.username,
            password=credential.password.reveal().encode(),
            database=address.database or None,
            charset="utf8mb4",
            autocommit=None,
            defer_connect=True,
            auth_plugin_map=_METHODS,
            **({"ssl": tls.verifying(trusted, TlsContext)} if address.tls else {"ssl_disabled": True}),
        )
        try:
            raw.connect(plain)
            return raw, *opened(raw, deadline, where)
        except RotationError:
            raw.close()
            raise
        except Exception as error:  # noqa: BLE001 whatever the driver trips over may quote the password
            raw._force_close()  # type: ignore[attr-defined]  # noqa: SLF001 at once, without a word to the server
            raise _failure(error, where) from None

    def _diagnosed(self, numeric: str, address: Address, deadline: Deadline, error: TlsFailed) -> TlsFailed:
        """Return what exactly is wrong with the server's certificate, if a second look shows it."""
        peer = (numeric, address.port)
        trusted = tls.authorities(self._bundle, address.host)
        fault = tls.diagnose(peer, address.host, trusted, deadline, partial(_ask_for_tls, deadline))
        if fault is None:
            return error
        what, remedy = fault.value
        return TlsFailed(what, engine="mysql", where=str(address), remedy=remedy)


def _extend(raw: Driver, deadline: Deadline) -> None:
    """Let the connection's socket (by now perhaps one of TLS) use all the time that the session has."""
    raw._sock.deadline = deadline  # type: ignore[attr-defined]  # noqa: SLF001 the driver gives no other way


def _failure(error: Exception, where: str) -> EngineError:
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLError):
        return TLS.at(where)
    if number_of(error) == CR.CR_CONN_HOST_ERROR:
        return UNREACHABLE.at(where)
    return refusal(error, where)


def _ask_for_tls(deadline: Deadline, plain: socket.socket) -> bool:
    """Read the server's greeting; where it offers TLS, ask for it."""
    header = _read(plain, 4, deadline)
    greeting = _read(plain, min(int.from_bytes(header[:3], "little"), _LONGEST_GREETING), deadline)
    rest = greeting[1:].partition(b"\0")[2]  # after the protocol's number and the server's version
    capabilities = int.from_bytes(rest[13:15], "little")
    if not capabilities & _SSL_CAPABILITY:
        return False
    plain.sendall(len(_SSL_REQUEST).to_bytes(3, "little") + b"\x01" + _SSL_REQUEST)
    return True


def _read(plain: socket.socket, count: int, deadline: Deadline) -> bytes:
    """Read so many bytes; each wait is of what is left of the whole, as a server may drip them."""
    received = b""
    while len(received) < count:
        plain.settimeout(max(deadline.remaining(), 0.001))
        part = plain.recv(count - len(received))
        if not part:
            raise ConnectionError
        received += part
    return received
