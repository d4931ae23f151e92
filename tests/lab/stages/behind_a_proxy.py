"""Each engine's server with a proxy before it, for what is asked of all engines alike."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import pytest

from tests.lab import documentdb, mariadb, mysql, postgresql, redshift
from tests.lab.stages import documentdb as documentdb_stage
from tests.lab.stages import mysql as mysql_stage
from tests.lab.stages import postgresql as postgresql_stage
from tests.lab.stages import redshift as redshift_stage
from tests.lab.theatre import Application, Theatre, emulated
from tests.support.emulators.redshift.server import RedshiftServer
from tests.support.network.proxy import Proxy
from tests.support.servers.mariadb import MariaDBServer
from tests.support.servers.mongodb import MongoServer
from tests.support.servers.mysql import MySQLServer
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from rotation.model import Address, Credential, Password
    from rotation.ports import Engine
    from tests.support.servers.tls import Authority

_numbers = itertools.count()


class Users(Protocol):
    """What the engines' stages have in common."""

    engine: Engine
    made: list[str]

    def address(self) -> Address:
        """Return the server's address."""

    def user(self) -> Credential:
        """Make an application's user."""

    def password(self) -> Password:
        """Make a password."""


class Kind(NamedTuple):
    """How an engine is set up."""

    server: Callable[[Authority], Any]
    scene: Callable[[Any], Any]
    stage: Callable[[Any], Any]
    module: ModuleType


KINDS: Final = {
    "postgresql": Kind(PostgresServer, postgresql.PostgresScene, postgresql_stage.Stage, postgresql),
    "mysql": Kind(MySQLServer, mysql.MySQLScene, mysql_stage.Stage, mysql),
    "mariadb": Kind(MariaDBServer, mariadb.MariaDBScene, mysql_stage.Stage, mariadb),
    "documentdb": Kind(MongoServer, documentdb.MongoScene, documentdb_stage.Stage, documentdb),
    "redshift": Kind(RedshiftServer, redshift.RedshiftScene, redshift_stage.Stage, redshift),
}


@dataclass
class Post:
    """A server, users on it, the function with its secrets, and the proxy through which these two reach it."""

    name: str
    server: Any
    users: Users
    theatre: Theatre
    proxy: Proxy

    @property
    def direct(self) -> Address:
        """The server's own address."""
        return self.users.address()

    @property
    def address(self) -> Address:
        """The proxy's address."""
        return replace(self.direct, port=self.proxy.port)

    def changer(self) -> Credential:
        """Make a user that may change its own password."""
        make: Callable[[], Credential] = getattr(self.users, "changer", self.users.user)
        return make()

    def application(self, strategy: str) -> Application:
        """Bring an application of its own name onto the stage."""
        return self.theatre.application(f"post_{next(_numbers)}", strategy)


@contextmanager
def posted(name: str, authority: Authority) -> Iterator[Post]:
    """Run a server, a proxy before it, and Secrets Manager."""
    kind = KINDS[name]
    with kind.server(authority) as server, Proxy("127.0.0.1", server.port) as proxy, emulated() as emulator:
        scene = kind.scene(server)
        scene.port = proxy.port
        yield Post(name, server, kind.stage(server), Theatre(kind.module, scene, emulator), proxy)


@pytest.fixture(scope="session", params=KINDS)
def post(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Post]:
    """Return each engine's in turn."""
    with posted(request.param, authority) as one:
        yield one
