"""
From an address to a client that is logged in at the node that takes writes.

The driver's own discovery of a replica set would leave the address that the secret names: it goes by the names that
the nodes give themselves, and keeps a monitor for each. Here one node is asked at a time. The one in the secret comes
first (a DocumentDB cluster's endpoint is its primary); a secondary names the primary before anybody has logged in.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pymongo
from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.saslprep import saslprep

from rotation.engines import tls
from rotation.engines.documentdb.bounds import done
from rotation.engines.documentdb.faults import (
    AT_LOGINS,
    COSTLY,
    DROPPED_HANDSHAKE,
    ENDED,
    ENDED_WITHOUT_TLS,
    ENGINE,
    LATE,
    NO_PRIMARY,
    ODD,
    UNRESOLVED,
    refusal,
    translate,
)
from rotation.engines.documentdb.peers import Peer, require_followed
from rotation.engines.fault import by_class
from rotation.engines.scram import TooManyIterations
from rotation.engines.session import login_at
from rotation.errors import InvalidSecret, TlsFailed, Unreachable
from rotation.topology.names import require_elsewhere, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pymongo.server_description import ServerDescription

    from rotation.errors import EngineError
    from rotation.model import Address, Credential, Deadline

Client = MongoClient[dict[str, Any]]

DEFAULT_DATABASE: Final = "admin"
"""Where users live: on DocumentDB always, on MongoDB unless the secret says otherwise."""

ELECTION_SECONDS: Final = 15.0
"""How long a primary is waited for; elections typically end within 12 seconds (MongoDB manual, "Replication")."""

CLOSE_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.002
_TURN_SECONDS: Final = 0.1

_FIXED: Final[dict[str, Any]] = {
    "appname": "rotation",
    "directConnection": True,
    "maxPoolSize": 1,
    "retryReads": False,
    "retryWrites": False,
    "serverMonitoringMode": "poll",
    "heartbeatFrequencyMS": 60_000,
    "connect": True,
}
"""
One connection beside the monitor's, so that a revert uses the login that the change was made with.

connect: on Lambda the driver would not look at the node before the first command (MongoClient, "connect").

retryWrites: DocumentDB has none (developer guide, "Functional differences", "Retryable writes").
"""

_TLS: Final = ("[SSL", "SSL handshake failed")
_DROPPED: Final = "EOF"
"""What OpenSSL and PyMongo write of a handshake that failed; these words are not translated."""


@dataclass(frozen=True)
class Login:
    """Who logs in where, until when."""

    address: Address
    credential: Credential
    bundle: Path | None
    deadline: Deadline

    @property
    def database(self) -> str:
        """The database that holds the user."""
        return self.address.auth_database or DEFAULT_DATABASE

    @property
    def users_database(self) -> str:
        """The database that holds the users that are changed: an admin's need not be its own."""
        users = self.address.users_database
        return self.database if users is None else users or DEFAULT_DATABASE

    @property
    def where(self) -> str:
        """Where the login goes, and as whom; users live in the database that holds them, whatever else is used."""
        return self._at_peer(self._named)

    @property
    def _named(self) -> Peer:
        """The node that the secret names."""
        return Peer(self.address.host, self.address.port)

    def _at_peer(self, peer: Peer) -> str:
        place = replace(self.address, host=peer.host, port=peer.port, database=self.database)
        return login_at(place, self.credential.username)

    def open(self, *, again: bool = False) -> Client:
        """
        Log in at the primary; ``again`` waits for one where just now there was one.

        Raises what the port promises of ``Engine.connect``.
        """
        patience = self.deadline.within(ELECTION_SECONDS)
        peer = named = self._named
        failure = (NO_PRIMARY if patience.remaining() else LATE).at(self.where)
        while patience.remaining():
            try:
                found = self._at(peer)
            except Unreachable as error:
                if peer == named and not again:
                    raise
                failure, found = error, named
            if isinstance(found, MongoClient):
                return found
            if found in {named, peer}:
                time.sleep(min(_TURN_SECONDS, patience.remaining()))
            peer = found
        raise failure

    def _at(self, peer: Peer) -> Client | Peer:
        """Log in at the node if it takes writes, else say which one to ask next."""
        with self._closed_on_failure(self._client(peer)) as client:
            description = self._described(client, peer)
            if description.is_writable:
                self._log_in(client, peer)
                return client
        close(client)
        if not description.primary:
            return self._named
        primary = Peer(*description.primary)
        require_followed(self.address, primary, self._at_peer(peer))
        return primary

    @contextlib.contextmanager
    def _closed_on_failure(self, client: Client) -> Iterator[Client]:
        try:
            yield client
        except BaseException:
            close(client)
            raise

    def _client(self, peer: Peer) -> Client:
        require_elsewhere(peer.host, peer.port, self.deadline)
        milliseconds = max(1, int(self.deadline.remaining() * 1000))
        trusted = str(tls.authorities(self.bundle, peer.host))
        encrypted: dict[str, Any] = {"tlsCAFile": trusted} if self.address.tls else {}
        try:
            return MongoClient(
                f"[{peer.host}]" if ":" in peer.host else peer.host,
                peer.port,
                username=self.credential.username,
                password=self.credential.password.reveal(),
                authSource=self.database,
                connectTimeoutMS=milliseconds,
                serverSelectionTimeoutMS=milliseconds,
                tls=self.address.tls,
                **encrypted,
                **_FIXED,
            )
        except (PyMongoError, ValueError):
            raise self._unspeakable() from None

    def _described(self, client: Client, peer: Peer) -> ServerDescription:
        """Wait for what the node says of itself, which it does before any login."""
        while self.deadline.remaining():
            (description,) = client.topology_description.server_descriptions().values()
            if description.error is not None:
                raise self._explained(description.error, peer) from None
            if description.server_type_name != "Unknown":
                return description
            time.sleep(_LOOK_SECONDS)
        raise LATE.at(self._at_peer(peer))

    def _log_in(self, client: Client, peer: Peer) -> None:
        try:
            in_time = done(lambda: self._ask(client), self.deadline)
        except OperationFailure as error:
            raise refusal(error, self._at_peer(peer)) from None
        except TooManyIterations:
            raise COSTLY.at(self._at_peer(peer)) from None
        except (PyMongoError, BSONError, OSError) as error:
            raise self._explained(error, peer) from None
        except ODD as error:
            raise (self._explained(error, peer) if self._speakable else self._unspeakable()) from None
        if not in_time:
            raise LATE.at(self._at_peer(peer))

    def _ask(self, client: Client) -> None:
        """Ask something, for which the driver logs in."""
        with pymongo.timeout(max(self.deadline.remaining(), 0.001)):
            client[self.database].command("connectionStatus")

    @property
    def _speakable(self) -> bool:
        """Whether the driver can prepare name and password: RFC 4013 forbids some characters, and drops some."""
        try:
            f"{self.credential.username}{self.database}".encode()
            saslprep(self.credential.password.reveal())
        except (ValueError, LookupError):
            return False
        return True

    def _explained(self, error: Exception, peer: Peer) -> EngineError:
        """
        Return what is wrong with the server's TLS, if it is that; the driver leaves no more of it than a text.

        Where a second look shows nothing wrong the network may have broken off: retryable.
        """
        text, where = str(error), self._at_peer(peer)
        if not any(mark in text for mark in _TLS):
            return self._plainly_explained(error, peer)
        fault = self._diagnosed(peer)
        if fault is None and _DROPPED in text:
            return DROPPED_HANDSHAKE.at(where)
        what, remedy = (fault or tls.TlsFault.HANDSHAKE).value
        return TlsFailed(what, engine=ENGINE, where=where, remedy=remedy, retryable=fault is None)

    def _plainly_explained(self, error: Exception, peer: Peer) -> EngineError:
        """Return what the driver's error means where it is not about TLS."""
        where = self._at_peer(peer)
        if by_class(AT_LOGINS, error) is not ENDED:
            return translate(error, where, AT_LOGINS)
        if self.deadline.remaining() and not resolve(peer.host, peer.port, self.deadline):
            return UNRESOLVED.at(where)
        return (ENDED if self.address.tls else ENDED_WITHOUT_TLS).at(where)

    def _diagnosed(self, peer: Peer) -> tls.TlsFault | None:
        """Look at the TLS of each address of the host, until something is wrong."""
        trusted = tls.authorities(self.bundle, peer.host)
        addresses = resolve(peer.host, peer.port, self.deadline)
        looks = (
            tls.diagnose((numeric, peer.port), peer.host, trusted, self.deadline, lambda _plain: True)
            for numeric in addresses
        )
        return next(filter(None, looks), None)

    def _unspeakable(self) -> InvalidSecret:
        what = "The host, the user name or the password has a form or a character that MongoDB's protocol has not"
        return InvalidSecret(what, where=self.where, remedy="Correct it.")


def close(client: Client) -> None:
    """Close the client; its farewell to the server is bounded, and its threads end within a second."""
    with pymongo.timeout(CLOSE_SECONDS):
        client.close()
