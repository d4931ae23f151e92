"""An application's users on a real server, MySQL or MariaDB, as the tests of the engine need them."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rotation.engines.mysql import MySQL
from rotation.engines.mysql.connection import quoted
from rotation.model import Address, Credential, Deadline, Pair, Password

if TYPE_CHECKING:
    from rotation.engines.mysql.session import MySQLSession
    from tests.support.servers.mysql import MySQLServer

ARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:app-AbCdEf"
SECONDS = 10.0
DATABASE = "shop"
RIGHTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, "
    "CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER"
)


def unique(stem: str = "app") -> str:
    """Return a name that nobody else on the server has."""
    return f"{stem}_{secrets.token_hex(4)}"


class Stage:
    """The engine under test, a server, and users on it."""

    def __init__(self, server: MySQLServer) -> None:
        """Trust the server's authority."""
        self.server = server
        self.engine = MySQL(server.bundle)
        self.made: list[str] = []
        """Every password that was made here."""
        self.run(f"CREATE DATABASE IF NOT EXISTS {DATABASE}", f"CREATE TABLE IF NOT EXISTS {DATABASE}.t (a int, b int)")

    @property
    def is_mariadb(self) -> bool:
        """Which of the two it is."""
        return self.server.flavour == "mariadb"

    def password(self) -> Password:
        """Make a password that the server's log can be searched for."""
        self.made.append(f"Pw-{secrets.token_hex(12)}")
        return Password(self.made[-1])

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as superuser, out of the log, and give the last one's rows."""
        return self.server.execute(*statements, quiet=True)

    def user(self, name: str | None = None, options: str = "", host: str = "%") -> Credential:
        """Make a user with a few rights."""
        credential = Credential(name or unique(), self.password())
        account = f"{quoted(credential.username)}@{quoted(host)}"
        self.run(
            f"CREATE USER {account} IDENTIFIED BY '{credential.password.reveal()}' {options}",
            f"GRANT SELECT, INSERT ON {DATABASE}.* TO {account}",
            f"GRANT UPDATE (a, b) ON {DATABASE}.t TO {account}",
        )
        return credential

    def retaining(self, name: str | None = None) -> Credential:
        """Make a user that may keep two passwords."""
        user = self.user(name)
        self.run(f"GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {quoted(user.username)}")
        return user

    def admin(self) -> Credential:
        """Make an admin with the rights of RDS's."""
        admin = self.user(unique("admin"))
        self.run(f"GRANT {RIGHTS} ON *.* TO {admin.username} WITH GRANT OPTION")
        if self.is_mariadb:
            self.run(f"GRANT `CONNECTION ADMIN` ON *.* TO {admin.username}".replace("`", ""))
        else:
            self.run(
                "GRANT APPLICATION_PASSWORD_ADMIN, ROLE_ADMIN, CONNECTION_ADMIN, SET_ANY_DEFINER, XA_RECOVER_ADMIN, "
                f"BACKUP_ADMIN ON *.* TO {admin.username} WITH GRANT OPTION"
            )
        return admin

    def superuser(self) -> Credential:
        """Return the server's own superuser."""
        return Credential(self.server.user, Password(self.server.password))

    def address(self, database: str = "") -> Address:
        """Return the server's address."""
        return Address(self.server.name, self.server.port, database)

    def login(self, who: Credential, database: str = "", seconds: float = SECONDS) -> MySQLSession:
        """Log in through the engine."""
        return self.engine.connect(self.address(database), who, Deadline(seconds))

    def accepts(self, who: Credential) -> bool:
        """Return whether a client is let in."""
        try:
            self.server.connect(who.username, who.password.reveal()).close()
        except Exception:  # noqa: BLE001 whatever the reason is
            return False
        return True

    def level(self, admin: Credential, pair: Pair, *, rehearse: bool = False) -> tuple[Credential, list[str]]:
        """Prepare the idle user, and give its credential and the changes."""
        idle = Credential(pair.idle, self.password())
        with self.login(admin) as session:
            return idle, list(session.level(pair, idle.password, rehearse=rehearse))

    def as_clients_see(self, who: Credential, *statements: str, database: str = DATABASE) -> list[tuple[Any, ...]]:
        """Run statements as an application does."""
        rows: list[tuple[Any, ...]] = []
        connection = self.server.connect(who.username, who.password.reveal(), database)
        with closing(connection), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows


def pair_of(base: str, *, promote: str = "clone", version: str = "version-1") -> Pair:
    """Return the pair of a base, of which one is about to be promoted."""
    pair = Pair(ARN, base, base, version)
    return replace(pair, idle=pair.clone) if promote == "clone" else pair
