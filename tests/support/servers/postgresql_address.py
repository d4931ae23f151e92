"""A PostgreSQL server as tests see it, whoever runs it."""

from __future__ import annotations

import functools
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg2
from psycopg2 import sql

from tests.support import servers
from tests.support.servers import postgresql_log
from tests.support.servers.own import Server

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 (the class has a lower-case name)

HOST = "127.0.0.1"
SUPERUSER = "postgres"


class Postgres(Server):
    """A PostgreSQL server that tests may do with what they like, wherever it runs."""

    def __init__(self, host: str, port: int, user: str, password: str, bundle: Path | None) -> None:
        """Say where it is, who its superuser is, and which authority signed its certificate."""
        self.host, self.port = host, port
        self.user, self.password = user, password
        self.bundle = bundle

    def connect(self, user: str, password: str, database: str = "postgres", **options: str | int) -> Connection:
        """Log in, with the certificate verified where the server has one."""
        parameters: dict[str, Any] = {"dbname": database, "connect_timeout": 10}
        if self.bundle:
            parameters |= {"sslmode": "verify-full", "sslrootcert": str(self.bundle)}
        parameters |= options
        connection: Connection = psycopg2.connect(
            host=self.host, port=self.port, user=user, password=password, **parameters
        )
        return connection

    def admin(self, database: str = "postgres") -> Connection:
        """Log in as superuser, each statement its own transaction."""
        connection = self.connect(self.user, self.password, database)
        connection.autocommit = True
        return connection

    def execute(self, *statements: str | sql.Composable, database: str = "postgres") -> None:
        """Run statements as superuser."""
        with closing(self.admin(database)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def create_database(self, name: str) -> str:
        """Make an empty database, and return its name."""
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return name

    @functools.cached_property
    def version(self) -> str:
        """The server's own word about its version."""
        with closing(self.admin()) as connection:
            return str(connection.get_parameter_status("server_version"))

    def logins(self, since: int = 0) -> postgresql_log.Logins:
        """Return the logins since a mark, accepted and refused."""
        return postgresql_log.read(self.log_text(since))

    @property
    def log(self) -> Path:
        """The file of its log, where the tests start it."""
        message = f"the log of {self} cannot be read from here; take a server that the tests start"
        raise servers.ServerUnavailableError(message)


class PostgresAtAddress(Postgres):
    """A server that somebody else runs, named as postgresql://user:password@host:port/?sslrootcert=FILE."""

    def __init__(self, address: str) -> None:
        """Take the address apart."""
        parts = urlsplit(address)
        bundle = parse_qs(parts.query).get("sslrootcert", [None])[0]
        super().__init__(
            parts.hostname or HOST,
            parts.port or 5432,
            unquote(parts.username or SUPERUSER),
            unquote(parts.password or ""),
            Path(bundle) if bundle else None,
        )

    def __enter__(self) -> Self:
        """Make sure that it answers."""
        self.admin().close()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it as it is: it is somebody else's."""

    def mark(self) -> int:
        """Return any place in a log that nobody reads here."""
        return 0
