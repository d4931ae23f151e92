"""PostgreSQL on the stage: a real server, an application with tables and rights, an admin that is no superuser."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psycopg2
from psycopg2 import sql

from tests.lab.client import Rejected
from tests.lab.theatre import ServerScene
from tests.support.emulators.aurora.names import ADDRESSES
from tests.support.servers import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.theatre import Scene
    from tests.support.servers.postgresql_address import Postgres
    from tests.support.servers.tls import Authority

DATABASE: Final = "shop"
FUNCTION: Final = "postgresql"
STRATEGIES: Final = ("alternating-users", "single-user", "single-user-by-admin")

_ADMIN: Final = """
CREATE ROLE {admin} LOGIN CREATEROLE PASSWORD {password};
GRANT pg_signal_backend TO {admin}
"""
_APPLICATION: Final = """
CREATE ROLE {user} LOGIN PASSWORD {password} CONNECTION LIMIT 50;
GRANT {user} TO {admin} WITH ADMIN OPTION;
ALTER ROLE {user} SET statement_timeout = '30s';
CREATE TABLE {orders} (id serial PRIMARY KEY, item text NOT NULL);
GRANT SELECT, INSERT, UPDATE ON {orders} TO {user};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {user};
CREATE SCHEMA {user} AUTHORIZATION {user}
"""


class PostgresScene(ServerScene):
    """A PostgreSQL server with applications on it."""

    _server: Postgres
    engine = "postgres"
    default_port = 5432

    def __init__(self, server: Postgres) -> None:
        """Take a server that runs."""
        self._server = server
        self.title = f"PostgreSQL {server.version}"
        self.host, self.port = "localhost", server.port
        self.bundle = server.bundle
        self.database = server.create_database(DATABASE)

    def prepare_admin(self, admin: str, password: str) -> None:
        """Make an admin that is no superuser, as on RDS."""
        self._run(_ADMIN, admin=sql.Identifier(admin), password=sql.Literal(password))

    def prepare(self, user: str, password: str, admin: str) -> None:
        """Make a user with a table that belongs to another, and with a schema of its own."""
        self._run(
            _APPLICATION,
            user=sql.Identifier(user),
            password=sql.Literal(password),
            admin=sql.Identifier(admin),
            orders=sql.Identifier(f"orders_of_{user}"),
        )

    def set_password(self, user: str, password: str) -> None:
        """Change a user's password."""
        self._run("ALTER ROLE {user} PASSWORD {password}", user=sql.Identifier(user), password=sql.Literal(password))

    def limit(self, user: str, connections: int) -> None:
        """Let a user have so many connections."""
        self._run(f"ALTER ROLE {{user}} CONNECTION LIMIT {connections}", user=sql.Identifier(user))

    def drop(self, user: str) -> None:
        """Drop a user, with all that is its own."""
        self._run("DROP OWNED BY {user}; DROP ROLE {user}", user=sql.Identifier(user))

    def take_right(self, admin: str) -> str:
        """Take the right to manage roles (manual, "CREATE ROLE", CREATEROLE)."""
        statement = f'ALTER ROLE "{admin}" NOCREATEROLE;'
        self._server.execute(statement, database=DATABASE)
        return statement

    def obey(self, remedy: str) -> list[str]:
        """Run each statement behind the word for it."""
        statements = re.findall(r"(?:ALTER|GRANT) [^;]+;", remedy.partition("Run: ")[2])
        self._server.execute(*statements, database=DATABASE)
        return statements

    def _run(self, statements: str, **parts: sql.Composable) -> None:
        hidden = "SET log_statement = 'none'"  # these statements hold passwords in clear, as a DBA's do
        self._server.execute(hidden, sql.SQL(statements).format(**parts), database=DATABASE)

    def work(self, secret: Mapping[str, Any]) -> None:
        """Use the application's rights: read, write, make something of one's own, and use what the other made."""
        user = secret["username"].removesuffix("_clone")
        orders, made = sql.Identifier(f"orders_of_{user}"), sql.Identifier(user, "made")
        with connected(secret, str(self.bundle)) as connection, connection.cursor() as cursor:
            cursor.execute(sql.SQL("INSERT INTO {} (item) VALUES ('tea')").format(orders))
            cursor.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} (id int)").format(made))
            cursor.execute(sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS more int").format(made))

    def logins(self, since: int) -> tuple[int, int]:
        """Count what the server accepted and refused."""
        logins = self._server.logins(since)
        return len(logins.accepted), len(logins.refused)


@contextmanager
def provide(authority: Authority) -> Iterator[Scene]:
    """Start a server, and stop it afterwards."""
    with postgresql.provide(authority) as server:
        yield PostgresScene(server)


def log_in(secret: Mapping[str, Any], bundle: str) -> None:
    """Log in as a client does, and ask for something."""
    with connected(secret, bundle) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@contextmanager
def connected(secret: Mapping[str, Any], bundle: str) -> Iterator[Any]:
    """Log in; raises Rejected where the server refuses."""
    try:
        connection = psycopg2.connect(
            host=secret["host"],
            hostaddr=ADDRESSES.get(secret["host"]),
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
