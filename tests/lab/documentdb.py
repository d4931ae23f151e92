"""MongoDB on the stage, as the nearest thing to Amazon DocumentDB that runs on any machine."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.lab.client import Rejected
from tests.lab.theatre import Scene
from tests.support.mongodb import MongoServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.tls import Authority

FUNCTION: Final = "documentdb"
STRATEGIES: Final = ("alternating-users", "single-user", "single-user-by-admin")
REFUSED: Final = 18


class MongoScene(Scene):
    """A server with applications on it."""

    engine = "docdb"

    def __init__(self, server: MongoServer) -> None:
        """Take a server that runs; its users may change their own password."""
        self._server = server
        self.title = f"MongoDB {server.version}"
        self.host, self.port = "localhost", server.port
        self.bundle = server.bundle
        self.database = "shop"
        own = {"resource": {"db": "admin", "collection": ""}, "actions": ["changeOwnPassword"]}
        server.run("createRole", "changeOwnPassword", privileges=[own], roles=[])

    def prepare_admin(self, admin: str, password: str) -> None:
        """Make an admin that may manage users and end their sessions."""
        roles = ["userAdminAnyDatabase", "hostManager", "clusterMonitor"]
        self._server.run("createUser", admin, pwd=password, roles=roles)

    def prepare(self, user: str, password: str, admin: str) -> None:  # noqa: ARG002 this admin may manage everybody
        """Make a user with rights on one database."""
        roles = [{"role": "readWrite", "db": f"shop_of_{user}"}, {"role": "changeOwnPassword", "db": "admin"}]
        self._server.run("createUser", user, pwd=password, roles=roles)

    def work(self, secret: Mapping[str, Any]) -> None:
        """Read and write."""
        user = secret["username"].removesuffix("_clone")
        with _client(secret, str(self.bundle)) as client:
            client[f"shop_of_{user}"].orders.insert_one({"item": "tea"})

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
    with MongoServer(authority) as server:
        yield MongoScene(server)


def log_in(secret: Mapping[str, Any], bundle: str) -> None:
    """Log in as a client does, and ask for something."""
    try:
        with _client(secret, bundle) as client:
            client.admin.command("ping")
    except OperationFailure as error:
        if error.code == REFUSED:
            raise Rejected from None
        raise


def _client(secret: Mapping[str, Any], bundle: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(
        secret["host"],
        secret["port"],
        username=secret["username"],
        password=secret["password"],
        tls=True,
        tlsCAFile=bundle,
        directConnection=True,
        retryWrites=False,
        serverSelectionTimeoutMS=10_000,
    )
