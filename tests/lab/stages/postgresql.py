"""An application's users on a real PostgreSQL server, as the tests of the engine need them."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psycopg2 import sql

from rotation.engines.postgresql import PostgreSQL
from rotation.model import Address, Credential, Deadline, Pair, Password
from tests.support.servers.postgresql_address import HOST

if TYPE_CHECKING:
    from rotation.engines.postgresql.session import PostgreSQLSession
    from tests.support.servers.postgresql_address import Postgres

ARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:app-AbCdEf"
SECONDS = 10.0


def unique(stem: str = "app") -> str:
    """Return a name that nobody else on the server has."""
    return f"{stem}_{secrets.token_hex(4)}"


class Stage:
    """The engine under test, a server, and users on it."""

    def __init__(self, server: Postgres) -> None:
        """Trust the server's authority."""
        self.server = server
        self.engine = PostgreSQL(server.bundle)
        self.made: list[str] = []
        """Every password that was made here."""

    @property
    def major(self) -> int:
        """The server's major version."""
        return int(self.server.version.partition(".")[0])

    @property
    def minor_that_loses_roles(self) -> bool:
        """Whether the server is one of before November 2024, which takes a login's role off a session."""
        major, minor = map(int, self.server.version.split()[0].split(".")[:2])
        return minor < {13: 17, 14: 14, 15: 9, 16: 5, 17: 1}.get(major, 0)

    def password(self) -> Password:
        """Make a password that the server's log can be searched for."""
        self.made.append(f"pw-{secrets.token_hex(12)}")
        return Password(self.made[-1])

    def run(self, statement: str, *names: str, database: str = "postgres", values: tuple[object, ...] = ()) -> Any:  # noqa: ANN401
        """Run a statement as superuser with names for its {}, and give the rows."""
        composed = sql.SQL(statement).format(*map(sql.Identifier, names))
        with closing(self.server.admin(database)) as connection, connection.cursor() as cursor:
            cursor.execute(composed, values or None)
            return cursor.fetchall() if cursor.description else []

    def user(self, name: str | None = None, options: str = "") -> Credential:
        """Make a user that may log in."""
        credential = Credential(name or unique(), self.password())
        with closing(self.server.admin()) as connection, connection.cursor() as cursor:
            cursor.execute("SET log_statement = 'none'")
            statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + options)
            password = sql.Literal(credential.password.reveal())
            cursor.execute(statement.format(sql.Identifier(credential.username), password))
        return credential

    def admin(self, *targets: str, options: str = "CREATEROLE") -> Credential:
        """Make an admin that is no superuser, as on RDS, and give it the right to change the targets."""
        credential = self.user(unique("admin"), options)
        for target in targets if self.major >= 16 else ():
            self.run("GRANT {} TO {} WITH ADMIN OPTION", target, credential.username)
        return credential

    def superuser(self) -> Credential:
        """Return the server's own superuser."""
        return Credential(self.server.user, Password(self.server.password))

    def address(self, database: str = "postgres") -> Address:
        """Return the server's address, with TLS where it has a certificate."""
        host = "localhost" if self.server.bundle and self.server.host == HOST else self.server.host
        return Address(host, self.server.port, database, tls=bool(self.server.bundle))

    def login(self, who: Credential, database: str = "postgres", seconds: float = SECONDS) -> PostgreSQLSession:
        """Log in through the engine."""
        return self.engine.connect(self.address(database), who, Deadline(seconds))

    def accepts(self, who: Credential, database: str = "postgres") -> None:
        """See that a login works."""
        with self.login(who, database):
            pass

    def level(self, admin: Credential, pair: Pair, *, rehearse: bool = False) -> tuple[Credential, list[str]]:
        """Prepare the idle user, and give its credential and the changes."""
        idle = Credential(pair.idle, self.password())
        with self.login(admin) as session:
            return idle, list(session.level(pair, idle.password, rehearse=rehearse))

    def as_clients_see(self, who: Credential, query: str, database: str = "postgres") -> Any:  # noqa: ANN401
        """Run a statement as an application does: without the engine, with what its login sets."""
        with closing(self.server.connect(who.username, who.password.reveal(), database)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall() if cursor.description else []


def pair_of(base: str, *, promote: str = "clone", version: str = "version-1") -> Pair:
    """Return the pair of a base, of which one is about to be promoted."""
    pair = Pair(ARN, base, base, version)
    return replace(pair, idle=pair.clone) if promote == "clone" else pair
