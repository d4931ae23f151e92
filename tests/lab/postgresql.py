"""PostgreSQL on the stage: a real server, an application with tables and rights, an admin that is no superuser."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg2
from psycopg2 import sql

from tests.lab.client import Rejected
from tests.lab.theatre import Scene
from tests.support import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.postgresql_address import Postgres
    from tests.support.tls import Authority

DATABASE: Final = "shop"
FUNCTION: Final = "postgresql"
STRATEGIES: Final = ("alternating-users", "single-user", "single-user-by-admin")

_APPLICATION: Final = """
CREATE ROLE {admin} LOGIN CREATEROLE PASSWORD {admin_password};
CREATE ROLE {user} LOGIN PASSWORD {password} CONNECTION LIMIT 50;
GRANT {user} TO {admin} WITH ADMIN OPTION;
GRANT pg_signal_backend TO {admin};
ALTER ROLE {user} SET statement_timeout = '30s'
"""
_TABLES: Final = """
CREATE TABLE orders (id serial PRIMARY KEY, item text NOT NULL);
GRANT SELECT, INSERT, UPDATE ON orders TO {user};
GRANT USAGE ON SEQUENCE orders_id_seq TO {user};
CREATE SCHEMA app AUTHORIZATION {user}
"""


class PostgresScene(Scene):
    """A PostgreSQL server with one application on it."""

    engine = "postgres"
    default_port = 5432

    def __init__(self, server: Postgres) -> None:
        """Take a server that runs."""
        self._server = server
        self.title = f"PostgreSQL {server.version}"
        self.host, self.port = "localhost", server.port
        self.bundle = server.bundle
        self.database = DATABASE

    def prepare(self, user: str, password: str, admin: str, admin_password: str) -> None:
        """Make the application's user, its tables and rights, and the admin."""
        names = {"user": sql.Identifier(user), "admin": sql.Identifier(admin)}
        words = {"password": sql.Literal(password), "admin_password": sql.Literal(admin_password)}
        self._server.create_database(DATABASE)
        self._server.execute("SET log_statement = 'none'", sql.SQL(_APPLICATION).format(**names, **words))
        self._server.execute(sql.SQL(_TABLES).format(**names), database=DATABASE)

    def work(self, secret: Mapping[str, Any]) -> None:
        """Use the application's rights: read, write, and make something of one's own."""
        with _connected(secret, str(self.bundle)) as connection, connection.cursor() as cursor:
            cursor.execute("INSERT INTO orders (item) VALUES ('tea'); SELECT count(*) FROM orders")
            cursor.execute(f"CREATE TABLE app.made_by_{cursor.connection.info.backend_pid} (id int)")

    def logins(self, since: int) -> tuple[int, int]:
        """Count what the server accepted and refused."""
        logins = self._server.logins(since)
        return len(logins.accepted), len(logins.refused)

    def mark(self) -> int:
        """Give the present end of the server's log."""
        return self._server.mark()

    def log_text(self, since: int = 0) -> str:
        """Give the server's log."""
        return self._server.log_text(since)


@contextmanager
def provide(authority: Authority) -> Iterator[Scene]:
    """Start a server, and stop it afterwards."""
    with postgresql.provide(authority) as server:
        yield PostgresScene(server)


def log_in(secret: Mapping[str, Any], bundle: str) -> None:
    """Log in as a client does, and ask for something."""
    with _connected(secret, bundle) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@contextmanager
def _connected(secret: Mapping[str, Any], bundle: str) -> Iterator[Any]:
    try:
        connection = psycopg2.connect(
            host=secret["host"],
            port=secret["port"],
            dbname=secret["dbname"],
            user=secret["username"],
            password=secret["password"],
            sslmode="verify-full",
            sslrootcert=bundle,
        )
    except psycopg2.OperationalError as error:
        if "authentication failed" in str(error):
            raise Rejected from None
        raise
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()
