"""PostgreSQL: RDS, Aurora, and servers of one's own."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Final

import psycopg2

from rotation.engines import tls
from rotation.engines.postgresql.accounts import fitting
from rotation.engines.postgresql.connection import Connection
from rotation.engines.postgresql.deadline import DeadlinePassed, bounded
from rotation.engines.postgresql.faults import ENGINE, LATE
from rotation.engines.postgresql.refusals import UNRESOLVED, decode, refusal
from rotation.engines.postgresql.session import PostgreSQLSession
from rotation.engines.session import login_at
from rotation.errors import InvalidSecret, TlsFailed, Unreachable
from rotation.model import Limits, Traits
from rotation.topology.names import resolve

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from psycopg2 import extensions

    from rotation.errors import EngineError
    from rotation.model import Address, Credential, Deadline

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
    "application_name": "rotation",
    "client_encoding": "UTF8",
    "gssencmode": "disable",
    "passfile": "/dev/null",
    "options": "",
    "sslcertmode": "disable",
    "target_session_attrs": "any",
}
"""What would else be taken from the environment (PGPASSFILE, PGOPTIONS, …) or from a file in the home folder."""


class PostgreSQL:
    """The engine. It holds no connection and no credential."""

    traits = _TRAITS

    def __init__(self, ca_bundle: Path | None = None) -> None:
        """Take the file of authorities to trust; without one, Amazon's and the system's count."""
        self._trusted = tls.authorities(ca_bundle)

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> PostgreSQLSession:
        """Log in at the first address of the host that answers, and have a first statement answered."""
        fitting(credential.username)
        raw = self._first_that_answers(address, credential, deadline)
        try:
            probe = partial(self._logs_in_by_scram, raw, address, credential, deadline)
            return PostgreSQLSession(Connection(raw, deadline, login_at(address, credential.username), probe))
        except BaseException:
            raw.close()
            raise

    def _first_that_answers(
        self, address: Address, credential: Credential, deadline: Deadline
    ) -> extensions.connection:
        """Try the host's addresses in turn; each may take an equal share of the time that is left."""
        failure: EngineError = UNRESOLVED.at(login_at(address, credential.username))
        found = resolve(address.host, address.port, deadline)
        for left in range(len(found), 0, -1):
            share = deadline.within(deadline.remaining() / left)
            try:
                return self._log_in(found[-left], address, credential, share)
            except Unreachable as error:
                failure = error
            except TlsFailed as error:
                raise self._diagnosed(found[-left], address, deadline, error) from None
        raise failure

    def _log_in(
        self, numeric: str, address: Address, credential: Credential, deadline: Deadline
    ) -> extensions.connection:
        where = login_at(address, credential.username)
        try:
            with bounded(deadline):
                return psycopg2.connect(None, None, None, **self._parameters(numeric, address, credential))
        except DeadlinePassed:
            raise LATE.at(where) from None
        except UnicodeDecodeError as error:  # a server that does not write UTF-8
            raise refusal(decode(error.object), where) from None
        except ValueError:
            what = "The user name, the password or the database's name has a character that PostgreSQL has not"
            raise InvalidSecret(what, where=where, remedy="Take it out.") from None
        except psycopg2.Error as error:
            raise refusal(str(error), where) from None

    def _logs_in_by_scram(
        self, raw: extensions.connection, address: Address, credential: Credential, deadline: Deadline
    ) -> bool:
        """Log in once more, and insist on SCRAM: libpq gives up before it answers another request."""
        parameters = self._parameters(raw.info.dsn_parameters["hostaddr"], address, credential)
        try:
            with bounded(deadline):
                psycopg2.connect(None, None, None, **parameters, require_auth="scram-sha-256").close()
        except (DeadlinePassed, psycopg2.Error):
            return False
        return True

    def _parameters(self, numeric: str, address: Address, credential: Credential) -> dict[str, str]:
        """Return all that libpq is told; ``host`` is there to be verified, ``hostaddr`` is where it connects."""
        texts = (address.database, credential.username, credential.password.reveal())
        if any("\0" in text for text in texts):
            raise ValueError  # C would end the text there
        encrypted = {"sslmode": "verify-full", "sslrootcert": str(self._trusted)}
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
        fault = tls.diagnose(peer, address.host, self._trusted, deadline, _ask_for_tls)
        if fault is None:
            return error
        what, remedy = fault.value
        return TlsFailed(what, engine=ENGINE, where=str(address), remedy=remedy)


def _ask_for_tls(plain: socket.socket) -> bool:
    plain.sendall(_SSL_REQUEST)
    return plain.recv(1) == b"S"
