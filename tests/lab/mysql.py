"""MySQL on the stage: a real server, applications with tables and rights, an admin as RDS gives one."""

from __future__ import annotations

import json
import re
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pymysql

from tests.lab.client import Rejected
from tests.lab.theatre import ServerScene
from tests.support.servers.mysql import MySQLServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.theatre import Scene
    from tests.support.servers.tls import Authority

DATABASE: Final = "shop"
FUNCTION: Final = "mysql"
STRATEGIES: Final = (
    "alternating-users",
    "retained-password",
    "retained-password-by-admin",
    "single-user",
    "single-user-by-admin",
)
REFUSED: Final = frozenset({1045})

_ADMIN: Final = (
    "CREATE USER `{user}`@`%` IDENTIFIED BY {password}",
    (
        "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, "
        "SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, REPLICATION CLIENT, "
        "CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER ON *.* TO `{user}`@`%` "
        "WITH GRANT OPTION"
    ),
)
_APPLICATION: Final = (
    "CREATE USER `{user}`@`%` IDENTIFIED BY {password} REQUIRE SSL WITH MAX_USER_CONNECTIONS 50",
    "CREATE TABLE shop.`orders_of_{user}` (id int AUTO_INCREMENT PRIMARY KEY, item text)",
    "GRANT SELECT, INSERT ON shop.`orders_of_{user}` TO `{user}`@`%`",
    "CREATE DATABASE `own_{user}`",
    "GRANT SELECT, INSERT, CREATE, DROP, INDEX ON `own_{user}`.* TO `{user}`@`%`",
)


class MySQLScene(ServerScene):
    """A server with applications on it."""

    _server: MySQLServer
    engine: ClassVar[str] = "mysql"
    name: ClassVar[str] = "MySQL"
    dynamic: ClassVar[tuple[str, ...]] = (
        (
            "GRANT APPLICATION_PASSWORD_ADMIN, ROLE_ADMIN, CONNECTION_ADMIN, SET_ANY_DEFINER ON *.* TO `{user}`@`%` "
            "WITH GRANT OPTION"
        ),
    )
    retaining: ClassVar[tuple[str, ...]] = ("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO `{user}`@`%`",)

    def __init__(self, server: MySQLServer) -> None:
        """Take a server that runs."""
        self._server = server
        self.host, self.port = "localhost", server.port
        self.bundle = server.bundle
        self.database = DATABASE
        ((version,),) = server.execute("CREATE DATABASE shop", "SELECT VERSION()")
        self.title = f"{self.name} {version}"

    def prepare_admin(self, admin: str, password: str) -> None:
        """Make an admin with the rights of RDS's."""
        self._run((*_ADMIN, *self.dynamic), admin, password)

    def prepare(self, user: str, password: str, admin: str) -> None:  # noqa: ARG002 this admin may manage everybody
        """Make a user with rights on a table, and with a database of its own."""
        self._run((*_APPLICATION, *self.retaining), user, password)

    def set_password(self, user: str, password: str) -> None:
        """Change a user's password; a second one stays."""
        self._run(("ALTER USER `{user}`@`%` IDENTIFIED BY {password}",), user, password)

    def limit(self, user: str, connections: int) -> None:
        """Let a user have so many connections."""
        self._run((f"ALTER USER `{{user}}`@`%` WITH MAX_USER_CONNECTIONS {connections}",), user, "")

    def drop(self, user: str) -> None:
        """Drop a user."""
        self._run(("DROP USER `{user}`@`%`",), user, "")

    def take_right(self, admin: str) -> str:
        """Take the right to manage accounts (manual, "ALTER USER Statement": CREATE USER, or UPDATE for mysql)."""
        statement = f"REVOKE CREATE USER, UPDATE ON *.* FROM `{admin}`@`%`"
        self._server.execute(statement)
        return f"{statement};"

    def obey(self, remedy: str) -> list[str]:
        """Run each statement behind the word for it."""
        statements = re.findall(r"GRANT [^;]+;", remedy.partition("Run: ")[2])
        self._server.execute(*statements)
        return statements

    def _run(self, statements: tuple[str, ...], user: str, password: str) -> None:
        filled = (one.format(user=user, password=json.dumps(password)) for one in statements)
        self._server.execute(*filled, quiet=True)  # they hold passwords in clear, as a DBA's do

    def work(self, secret: Mapping[str, Any]) -> None:
        """Use the application's rights: read, write, make something of one's own, and use what the other made."""
        user = secret["username"].removesuffix("_clone")
        with closing(connected(secret, str(self.bundle))) as connection, connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO `orders_of_{user}` (item) VALUES ('tea')")
            cursor.execute(f"SELECT count(*) FROM `orders_of_{user}`")
            cursor.execute(f"CREATE TABLE IF NOT EXISTS `own_{user}`.made (id int)")
            cursor.execute(f"INSERT INTO `own_{user}`.made VALUES (1)")

    def logins(self, since: int) -> tuple[int, int]:
        """Count what the server accepted and refused."""
        logins = self._server.logins(since)
        return len(logins.accepted), len(logins.refused)


@contextmanager
def provide(authority: Authority) -> Iterator[Scene]:
    """Start a server, and stop it afterwards."""
    with MySQLServer(authority) as server:
        yield MySQLScene(server)


def log_in(secret: Mapping[str, Any], bundle: str) -> None:
    """Log in as a client does, and ask for something."""
    with closing(connected(secret, bundle)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def connected(secret: Mapping[str, Any], bundle: str) -> pymysql.Connection[Any]:
    """Log in; raises Rejected where the server refuses."""
    try:
        return pymysql.connect(
            host=secret["host"],
            port=secret["port"],
            user=secret["username"],
            password=secret["password"],
            database=secret["dbname"],
            ssl_ca=bundle,
            ssl_verify_identity=True,
            autocommit=True,
        )
    except pymysql.err.OperationalError as error:
        if error.args[0] in REFUSED:
            raise Rejected from None
        raise
