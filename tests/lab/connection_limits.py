"""Servers whose connections can be used up: who holds how many, and each way to reach a limit."""

from __future__ import annotations

import contextlib
import socket
from abc import ABC, abstractmethod
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, ClassVar, Final

import psycopg2
import pymysql
from psycopg2 import sql

from tests.lab import documentdb, mysql, postgresql
from tests.support.servers.mongodb import MongoServer
from tests.support.servers.mysql import MySQLServer
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from types import ModuleType

    from tests.lab.theatre import Application
    from tests.support.servers.tls import Authority

ROOM: Final = 50
"""Connections that an application's user may have where nobody limits it further."""


class Crowd(ABC):
    """One engine's server, and its limits."""

    module: ClassVar[ModuleType]
    scene: ClassVar[type[Any]]

    def __init__(self, server: Any, database: str) -> None:  # noqa: ANN401 each engine's own
        """Take a server that runs."""
        self.server, self.database = server, database

    @staticmethod
    @abstractmethod
    def limited(authority: Authority, connections: int) -> Any:  # noqa: ANN401 each engine's own
        """Describe a server that takes so many connections."""

    @property
    @abstractmethod
    def limits(self) -> Mapping[str, Callable[[Application], AbstractContextManager[None]]]:
        """Return what reaches each limit while it is entered."""

    @abstractmethod
    def sessions(self) -> int:
        """Count the sessions of functions."""


def _users(application: Application) -> tuple[str, str]:
    base = application.secret()["username"].removesuffix("_clone")
    return base, f"{base}_clone"


class PostgresCrowd(Crowd):
    """PostgreSQL limits the server, a database, and a user."""

    module: ClassVar[ModuleType] = postgresql
    scene: ClassVar[type[Any]] = postgresql.PostgresScene

    @staticmethod
    def limited(authority: Authority, connections: int) -> PostgresServer:
        """Describe a server that takes so many connections."""
        settings = {"max_connections": str(connections), "superuser_reserved_connections": "3"}
        return PostgresServer(authority, settings=settings)

    @property
    def limits(self) -> Mapping[str, Callable[[Application], AbstractContextManager[None]]]:
        """Return what reaches each limit while it is entered."""
        return {"server": self._full, "database": self._full_database, "user": self._full_user}

    def sessions(self) -> int:
        """Count the sessions of functions."""
        with closing(self.server.admin()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rotation'")
            return int(cursor.fetchall()[0][0])

    @contextlib.contextmanager
    def _full(self, _: Application) -> Iterator[None]:
        with ExitStack() as stack:
            with contextlib.suppress(psycopg2.OperationalError):
                while True:
                    stack.enter_context(closing(self.server.admin()))
            yield

    @contextlib.contextmanager
    def _full_database(self, _: Application) -> Iterator[None]:
        name = sql.Identifier(self.database)
        self.server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 0").format(name))
        yield
        self.server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT -1").format(name))

    @contextlib.contextmanager
    def _full_user(self, application: Application) -> Iterator[None]:
        def limit(most: int) -> None:
            for user in _users(application):
                with contextlib.suppress(psycopg2.errors.UndefinedObject):
                    self.server.execute(
                        sql.SQL(f"ALTER ROLE {{}} CONNECTION LIMIT {most}").format(sql.Identifier(user))
                    )

        limit(0)
        yield
        limit(ROOM)


class MySQLCrowd(Crowd):
    """MySQL limits the server and a user, who may always have one connection."""

    module: ClassVar[ModuleType] = mysql
    scene: ClassVar[type[Any]] = mysql.MySQLScene

    @staticmethod
    def limited(authority: Authority, connections: int) -> MySQLServer:
        """Describe a server that takes so many connections."""
        return MySQLServer(authority, options={"max-connections": str(connections)})

    @property
    def limits(self) -> Mapping[str, Callable[[Application], AbstractContextManager[None]]]:
        """Return what reaches each limit while it is entered."""
        return {"server": self._full, "user": self._full_user}

    def sessions(self) -> int:
        """Count the sessions of all but root and the server's own."""
        ((count,),) = self.server.execute(
            "SELECT count(*) FROM information_schema.processlist WHERE user NOT IN ('root', 'event_scheduler')"
        )
        return int(count)

    @contextlib.contextmanager
    def _full(self, _: Application) -> Iterator[None]:
        with ExitStack() as stack:
            with contextlib.suppress(pymysql.err.OperationalError):
                while True:  # the one more that an administrator may have, too
                    stack.enter_context(closing(self.server.admin()))
            yield

    @contextlib.contextmanager
    def _full_user(self, application: Application) -> Iterator[None]:
        def limit(most: int) -> None:
            for user in _users(application):
                self.server.execute(f"ALTER USER IF EXISTS `{user}`@`%` WITH MAX_USER_CONNECTIONS {most}")

        held = {it["username"]: it for it in application.versions() if application.is_accepted(it)}
        with ExitStack() as stack:
            for secret in held.values():
                stack.enter_context(closing(mysql.connected(secret, str(self.server.bundle))))
            limit(1)
            yield
        limit(ROOM)


class MongoCrowd(Crowd):
    """MongoDB limits the server."""

    module: ClassVar[ModuleType] = documentdb
    scene: ClassVar[type[Any]] = documentdb.MongoScene

    @staticmethod
    def limited(authority: Authority, connections: int) -> MongoServer:
        """Describe a server that takes so many connections."""
        return MongoServer(authority, options=["--maxConns", str(connections)])

    @property
    def limits(self) -> Mapping[str, Callable[[Application], AbstractContextManager[None]]]:
        """Return what reaches each limit while it is entered."""
        return {"server": self._full}

    def sessions(self) -> int:
        """Count the sessions of functions."""
        mine = {"$currentOp": {"allUsers": True, "idleConnections": True}}
        found = self.server.root["admin"].aggregate([mine, {"$match": {"appName": "rotation"}}])
        return len(list(found))

    @contextlib.contextmanager
    def _full(self, _: Application) -> Iterator[None]:
        with ExitStack() as stack:
            while self._takes(stack.enter_context(self._connected())):
                pass
            yield
        while True:  # it takes the server a moment to see that they are gone
            with self._connected() as one:
                if self._takes(one):
                    return

    def _connected(self) -> socket.socket:
        return socket.create_connection((self.server.host, self.server.port), 5)

    @staticmethod
    def _takes(connected: socket.socket) -> bool:
        """Return whether the server waits for what is said; where it is full it hangs up."""
        connected.settimeout(0.02)
        try:
            return bool(connected.recv(1))
        except TimeoutError:
            return True
        except ConnectionError:
            return False


CROWDS: Final[Mapping[str, type[Crowd]]] = {"postgresql": PostgresCrowd, "mysql": MySQLCrowd, "documentdb": MongoCrowd}
