"""PostgreSQL: RDS, Aurora, and servers of one's own."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import psycopg2

from rotation.engines import tls
from rotation.engines.postgresql.accounts import fitting
from rotation.engines.postgresql.connection import Connection
from rotation.engines.postgresql.deadline import DeadlinePassed, logging_in
from rotation.engines.postgresql.faults import ENGINE, LATE
from rotation.engines.postgresql.opening import options
from rotation.engines.postgresql.refusals import UNRESOLVED, decode, refusal
from rotation.engines.postgresql.session import PostgreSQLSession
from rotation.engines.session import login_at
from rotation.errors import InvalidSecret, TlsFailed, Unreachable
from rotation.model import Address, Credential, Deadline, Limits, Traits
from rotation.topology.names import resolve

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from pathlib import Path

    from psycopg2 import extensions

    from rotation.engines.postgresql.connection import Again
    from rotation.errors import EngineError

_TRAITS: Final = Traits(
    name=ENGINE,
    names=frozenset({"postgres", "postgresql", "aurora-postgresql"}),
    default_port=5432,
    default_database="postgres",
    limits=Limits(password_min=8, password_max=128, name_bytes=63, default_excluded="/@\"'\\:"),
)

_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)
"""The message that asks for TLS (PostgreSQL manual, "Message Formats", SSLRequest)."""

_FIXED: Final = {
    "application_name": "",
    "client_encoding": "",
    "gssencmode": "disable",
    "passfile": "/dev/null",
    "require_auth": "scram-sha-256,md5",
    "sslcertmode": "disable",
    "target_session_attrs": "any",
}
"""
What would else be taken from the environment (PGPASSFILE, PGAPPNAME, …) or from a file in the home folder.

The name and the encoding are among the options, since a pooler that keeps these two would hand them on.

A server that asks for the password in clear text gets none, nor is one believed that asks for no proof at all.
"""


class _Login(NamedTuple):
    """Who logs in where, and until when."""

    address: Address
    credential: Credential
    deadline: Deadline

    @property
    def where(self) -> str:
        """Name place and user as messages do."""
        return login_at(self.address, self.credential.username)


class _EndsEarly(Exception):
    """The server would end the session, or has ended it, by a limit of its database's or user's owner."""

    def __init__(self, version: int) -> None:
        self.version = version


class PostgreSQL:
    """The engine. It holds no connection and no credential."""

    traits = _TRAITS

    def __init__(self, ca_bundle: Path | None = None) -> None:
        """Take the file of authorities to trust; without one, Amazon's and the system's count."""
        self._bundle = tls.check(ca_bundle)

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> PostgreSQLSession:
        """Log in at the first address of the host that answers, and have a first statement answered."""
        fitting(credential.username)
        login = _Login(address, credential, deadline)
        try:
            connection = self._opened(login)
        except _EndsEarly as limit:
            connection = self._opened(login, limit.version)
        return PostgreSQLSession(connection)

    def _opened(self, login: _Login, version: int = 0, **parameters: str) -> Connection:
        """Log in, once more with what the server's version has where a limit of the owner's would end the session."""
        settings = " ".join(filter(None, (options(login.deadline, version), parameters.pop("options", ""))))
        raw = self._first_that_answers(login, {"options": settings, **parameters})
        try:
            return _lasting(raw, login, version, partial(self._opened, login, version))
        except BaseException:
            raw.close()
            raise

    def _first_that_answers(self, login: _Login, parameters: Mapping[str, str]) -> extensions.connection:
        """Try the host's addresses in turn; each may take an equal share of the time that is left."""
        address, deadline = login.address, login.deadline
        failure: EngineError = UNRESOLVED.at(login.where)
        found = resolve(address.host, address.port, deadline)
        for left in range(len(found), 0, -1):
            share = deadline.within(deadline.remaining() / left)
            try:
                return self._log_in(found[-left], login, share, parameters)
            except Unreachable as error:
                failure = error
            except TlsFailed as error:
                raise self._diagnosed(found[-left], address, deadline, error) from None
        raise failure

    def _log_in(
        self, numeric: str, login: _Login, deadline: Deadline, parameters: Mapping[str, str]
    ) -> extensions.connection:
        where = login.where
        try:
            with logging_in(deadline):
                return psycopg2.connect(None, None, None, **{**self._parameters(numeric, login), **parameters})
        except DeadlinePassed:
            raise LATE.at(where) from None
        except UnicodeDecodeError as error:  # a server that does not write UTF-8
            raise refusal(decode(error.object), where) from None
        except ValueError:
            what = "The user name, the password or the database's name has a character that PostgreSQL has not"
            raise InvalidSecret(what, where=where, remedy="Take it out.") from None
        except psycopg2.Error as error:
            raise refusal(str(error), where) from None

    def _parameters(self, numeric: str, login: _Login) -> dict[str, str]:
        """Return all that libpq is told; ``host`` is there to be verified, ``hostaddr`` is where it connects."""
        address, credential = login.address, login.credential
        texts = (address.database, credential.username, credential.password.reveal())
        if any("\0" in text for text in texts):
            raise ValueError  # C would end the text there
        encrypted = {"sslmode": "verify-full", "sslrootcert": str(tls.authorities(self._bundle, address.host))}
        return {
            **_FIXED,
            **(encrypted if address.tls else {"sslmode": "disable"}),
            "host": address.host,
            "hostaddr": numeric,
            "port": str(address.port),
            "dbname": address.database,
            "user": credential.username,
            "password": credential.password.reveal(),
        }

    def _diagnosed(self, numeric: str, address: Address, deadline: Deadline, error: TlsFailed) -> TlsFailed:
        """Return what exactly is wrong with the server's certificate, if a second look shows it."""
        peer = (numeric, address.port)
        trusted = tls.authorities(self._bundle, address.host)
        fault = tls.diagnose(peer, address.host, trusted, deadline, _ask_for_tls)
        if fault is None:
            return error
        what, remedy = fault.value
        return TlsFailed(what, engine=ENGINE, where=str(address), remedy=remedy)


def _lasting(raw: extensions.connection, login: _Login, version: int, again: Again) -> Connection:
    """Have the first statement answered. Raises _EndsEarly where the session may be ended before its work is done."""
    known = raw.server_version
    try:
        connection = Connection(raw, login.deadline, login.where, again)
    except Unreachable:  # without the server's code, where it has ended the session before it was spoken to
        if version == known or not login.deadline.remaining():
            raise
        raise _EndsEarly(known) from None
    if connection.opening.shortest < login.deadline.remaining() and version != known:
        raise _EndsEarly(known)
    return connection


def _ask_for_tls(plain: socket.socket) -> bool:
    plain.sendall(_SSL_REQUEST)
    return plain.recv(1) == b"S"
