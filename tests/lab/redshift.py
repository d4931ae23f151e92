"""Redshift on the stage: the stand-in (tests/support/redshift), an application with rights, an admin."""

from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

from redshift_connector.core import Connection
from redshift_connector.error import InterfaceError

from tests.lab.client import Rejected
from tests.lab.theatre import Scene
from tests.support.emulators.redshift.server import DATABASE, RedshiftServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.servers.tls import Authority

FUNCTION: Final = "redshift"
STRATEGIES: Final = ("alternating-users", "single-user", "single-user-by-admin")

_APPLICATION: Final = """
CREATE USER {user} PASSWORD '{password}' CONNECTION LIMIT 50 SESSION TIMEOUT 3600;
ALTER USER {user} SET statement_timeout TO 30000;
CREATE GROUP {user}_readers;
ALTER GROUP {user}_readers ADD USER {user};
CREATE ROLE {user}_writers;
GRANT ROLE {user}_writers TO {user};
CREATE TABLE public.orders_of_{user} (item varchar(20));
CREATE VIEW public.teas_of_{user} AS SELECT item FROM public.orders_of_{user};
GRANT SELECT ON public.orders_of_{user} TO GROUP {user}_readers;
GRANT INSERT ON public.orders_of_{user} TO ROLE {user}_writers;
GRANT SELECT ON public.teas_of_{user} TO {user} WITH GRANT OPTION;
CREATE SCHEMA own_{user};
GRANT USAGE, CREATE ON SCHEMA own_{user} TO {user}
"""


class RedshiftScene(Scene):
    """The stand-in with applications on it."""

    engine = "redshift"

    def __init__(self, server: RedshiftServer) -> None:
        """Take a stand-in that runs."""
        self._server = server
        self.title = "a stand-in for Redshift"
        self.host, self.port = server.host, server.port
        self.bundle = server.bundle
        self.database = DATABASE

    def prepare_admin(self, admin: str, password: str) -> None:
        """Make a superuser: only one gives what the clone makes to the base."""
        self._server.execute(f"CREATE USER {admin} PASSWORD 'A1{password}' CREATEUSER")
        self._server.execute(f"ALTER USER {admin} PASSWORD {hashed(password)}")

    def prepare(self, user: str, password: str, admin: str) -> None:  # noqa: ARG002 a superuser needs no grant
        """Make a user with a setting, a group, a role, direct rights, and a schema to make things in."""
        for statement in _APPLICATION.format(user=user, password=f"A1{password}").split(";"):
            self._server.execute(statement.strip())
        self._server.execute(f"ALTER USER {user} PASSWORD {hashed(password)}")

    def set_password(self, user: str, password: str) -> None:
        """Change a user's password."""
        self._server.execute(f"ALTER USER {user} PASSWORD {hashed(password)}")

    def take_right(self, admin: str) -> str:
        """Make the admin no superuser any more."""
        statement = f"ALTER USER {admin} NOCREATEUSER;"
        self._server.execute(statement.rstrip(";"))
        return statement

    def obey(self, remedy: str) -> list[str]:
        """Run the first statement: the second way is for who wants no superuser."""
        statements = re.findall(r"ALTER USER [^;]+;", remedy)[:1]
        for statement in statements:
            self._server.execute(statement.rstrip(";"))
        return statements

    def work(self, secret: Mapping[str, Any]) -> None:
        """Use the application's rights: read, write, make something of one's own, and use what the other made."""
        user = secret["username"].removesuffix("_clone")
        with closing(_connect(secret)) as connection:
            cursor = connection.cursor()
            for statement in (
                f"INSERT INTO public.orders_of_{user} VALUES ('tea')",
                f"SELECT count(*) FROM public.orders_of_{user}",
                f"SELECT count(*) FROM public.teas_of_{user}",
                f"CREATE TABLE IF NOT EXISTS own_{user}.made_by_{secret['username']} (id int)",
                f"CREATE TABLE IF NOT EXISTS own_{user}.made_by_{user} (id int)",
                f"INSERT INTO own_{user}.made_by_{user} VALUES (1)",
                f"INSERT INTO own_{user}.made_by_{secret['username']} VALUES (1)",
            ):
                cursor.execute(statement)

    def logins(self, since: int) -> tuple[int, int]:
        """Count what was let in and what was not."""
        return self._server.accepted(since), self._server.refused(since)

    def mark(self) -> int:
        """Return the number of logins so far."""
        return len(self._server.logins)

    def log_text(self, since: int = 0) -> str:  # noqa: ARG002 the marks here count logins
        """Return the server's log, and all that clients said after their logins."""
        return self._server.log_text()


def hashed(password: str) -> str:
    """Return the hash of a password that need not keep the rules for clear ones."""
    salt = secrets.token_bytes(32)
    return f"'sha256|{hashlib.sha256(password.encode() + salt).hexdigest()}|{salt.hex()}'"


@contextmanager
def provide(authority: Authority) -> Iterator[Scene]:
    """Start a stand-in, and stop it afterwards."""
    with RedshiftServer(authority) as server:
        yield RedshiftScene(server)


def log_in(secret: Mapping[str, Any], bundle: str) -> None:  # noqa: ARG001 as other engines'
    """Log in as a client does, and ask for something."""
    with closing(_connect(secret)) as connection:
        connection.cursor().execute("SELECT 1")


def _connect(secret: Mapping[str, Any]) -> Connection:
    """Log in without TLS: the driver takes no authority but from the environment, and the login is what counts."""
    connection = Connection.__new__(Connection)
    try:
        connection.__init__(  # type: ignore[misc]  # so that a refused one can be closed
            user=secret["username"],
            password=secret["password"],
            database=secret["dbname"],
            host="127.0.0.1",
            port=secret["port"],
            ssl=False,
            application_name="shop",
        )
    except InterfaceError as error:
        connection._usock.close()  # noqa: SLF001 the driver leaves it open
        if isinstance(error.args[0], dict) and error.args[0].get("C") == "28000":
            raise Rejected from None
        raise
    connection.autocommit = True
    return connection
