"""
MySQL, MariaDB and MongoDB servers that somebody else runs, named in the environment; everything in them is at risk.

TEST_MYSQL, TEST_MARIADB and TEST_MONGO are `any://user:password@host:port/?ca=FILE`; without a file there is no TLS.
The user may do everything. PostgreSQL's are in tests.support.servers.postgresql_address.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support import servers
from tests.support.servers.mariadb import MariaDBServer
from tests.support.servers.mongodb import MongoServer
from tests.support.servers.mysql import MySQLServer

if TYPE_CHECKING:
    from pymongo import MongoClient

    from tests.support.servers.tls import Authority

MYSQL: Final = "TEST_MYSQL"
MARIADB: Final = "TEST_MARIADB"
MONGO: Final = "TEST_MONGO"


class Place(NamedTuple):
    """Where a server is, and who may do everything there."""

    host: str
    port: int
    user: str
    password: str
    bundle: Path | None


def place(address: str) -> Place:
    """Take an address apart; ServerUnavailableError where something is missing, never with the password."""
    parts = urlsplit(address)
    if not (parts.hostname and parts.port and parts.username and parts.password):
        raise servers.ServerUnavailableError("an address of a test server is any://user:password@host:port/?ca=FILE")
    file = parse_qs(parts.query).get("ca", [None])[0]
    return Place(
        parts.hostname, parts.port, unquote(parts.username), unquote(parts.password), Path(file) if file else None
    )


def not_here(server: object) -> servers.ServerUnavailableError:
    """Return why a test that needs more than a connection fails."""
    return servers.ServerUnavailableError(
        f"files of {server}, such as its log, cannot be read from here; take a server that the tests start"
    )


class MySQLAtAddress(MySQLServer):
    """A MySQL that somebody else runs, and goes on running."""

    def __init__(self, at: Place) -> None:
        """Know where it is."""
        self.host, self.port, self.user, self.password, self.bundle = at
        self.name = self.host
        self._process = None

    def __enter__(self) -> Self:
        """Make sure that it answers."""
        self.execute("SELECT 1")
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it as it is."""

    def mark(self) -> int:
        """Return any place in a log that nobody reads here."""
        return 0

    @property
    def folder(self) -> Path:
        """There is none."""
        raise not_here(self)


class MariaDBAtAddress(MySQLAtAddress):
    """A MariaDB that somebody else runs."""

    flavour: ClassVar[str] = "mariadb"


class MongoAtAddress(MongoServer):
    """A MongoDB that somebody else runs, and goes on running."""

    def __init__(self, at: Place) -> None:
        """Know where it is."""
        self.host, self.port, self.user, self.password, self.bundle = at
        self._process = None

    def __enter__(self) -> Self:
        """Make sure that it answers."""
        self.run("ping")
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it as it is."""
        self.root.close()

    @functools.cached_property
    def root(self) -> MongoClient[dict[str, Any]]:
        """A client of the user that may do everything."""
        return self.client(self.user)

    def mark(self) -> int:
        """Return any place in a log that nobody reads here."""
        return 0

    @property
    def folder(self) -> Path:
        """There is none."""
        raise not_here(self)


def mysql(authority: Authority) -> MySQLServer:
    """Return the MySQL that ordinary tests share: the one in the environment, or one of our own."""
    address = os.environ.get(MYSQL)
    return MySQLAtAddress(place(address)) if address else MySQLServer(authority)


def mariadb(authority: Authority) -> MySQLServer:
    """Return the MariaDB that ordinary tests share."""
    address = os.environ.get(MARIADB)
    return MariaDBAtAddress(place(address)) if address else MariaDBServer(authority)


def mongo(authority: Authority) -> MongoServer:
    """Return the MongoDB that ordinary tests share."""
    address = os.environ.get(MONGO)
    return MongoAtAddress(place(address)) if address else MongoServer(authority)


def report() -> list[str]:
    """Return the line for the header of a test run about the servers that are named, without their passwords."""
    named = [(name, os.environ.get(name, "")) for name in (MYSQL, MARIADB, MONGO)]
    said = [f"{address.rpartition('@')[2]} ({name})" for name, address in named if address]
    return [f"At addresses: {', '.join(said)}"] if said else []
