"""MongoDB on the stage: a real server, an application with roles, an admin that manages users and nothing else."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.lab.client import Rejected
from tests.lab.theatre import ServerScene
from tests.support.servers.mongodb import MongoServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.theatre import Scene
    from tests.support.servers.tls import Authority

DATABASE: Final = "shop"
FUNCTION: Final = "documentdb"
STRATEGIES: Final = ("alternating-users", "single-user", "single-user-by-admin")
CHANGE_OWN: Final = "changeOwnPassword"
MANAGES: Final = "userAdminAnyDatabase"
REFUSED: Final = 18
IN_SHELL: Final = re.compile(r'db\.getSiblingDB\("(\w+)"\)\.grantRolesToUser\(("\w+"), (\[.*?\])\)')
"""How a grant is typed into mongosh."""


class MongoScene(ServerScene):
    """A MongoDB server with applications on it."""

    _server: MongoServer
    engine = "docdb"
    default_port = 27017

    def __init__(self, server: MongoServer) -> None:
        """Take a server that runs."""
        self._server = server
        self.title = f"MongoDB {server.version}"
        self.host, self.port = server.host, server.port
        self.bundle = server.bundle
        self.database = DATABASE
        privilege = {"resource": {"db": "admin", "collection": ""}, "actions": [CHANGE_OWN]}
        server.run("createRole", CHANGE_OWN, privileges=[privilege], roles=[])

    def prepare_admin(self, admin: str, password: str) -> None:
        """Make an admin that manages users, and sees sessions."""
        self._server.run("createUser", admin, pwd=password, roles=[MANAGES, "clusterMonitor"])

    def prepare(self, user: str, password: str, admin: str) -> None:  # noqa: ARG002 an admin manages all users
        """Make a user with rights on a collection of its own, by a role of its own."""
        orders = {"db": DATABASE, "collection": f"orders_of_{user}"}
        privilege = {"resource": orders, "actions": ["find", "insert", "createIndex"]}
        self._server.run("createRole", f"clerk_of_{user}", database=DATABASE, privileges=[privilege], roles=[])
        roles = [{"role": f"clerk_of_{user}", "db": DATABASE}, CHANGE_OWN]
        self._server.run("createUser", user, pwd=password, roles=roles)

    def set_password(self, user: str, password: str) -> None:
        """Change a user's password."""
        self._server.run("updateUser", user, pwd=password)

    def drop(self, user: str) -> None:
        """Drop a user."""
        self._server.run("dropUser", user)

    def take_right(self, admin: str) -> str:
        """Take the role that manages users."""
        self._server.run("revokeRolesFromUser", admin, roles=[MANAGES])
        return f'db.getSiblingDB("admin").revokeRolesFromUser("{admin}", ["{MANAGES}"])'

    def obey(self, remedy: str) -> list[str]:
        """Run each grant, as mongosh does."""
        found = list(IN_SHELL.finditer(remedy))
        for grant in found:
            database, user, roles = grant.groups()
            self._server.run("grantRolesToUser", json.loads(user), database=database, roles=json.loads(roles))
        return [grant[0] for grant in found]

    def work(self, secret: Mapping[str, Any]) -> None:
        """Use the application's rights: write, read, make an index."""
        with _connected(secret, str(self.bundle)) as client:
            orders = client[DATABASE][f"orders_of_{secret['username'].removesuffix('_clone')}"]
            orders.insert_one({"item": "tea"})
            orders.find_one({"item": "tea"})
            orders.create_index("item")

    def logins(self, since: int) -> tuple[int, int]:
        """Count what the server accepted and refused, but for the administrator of the tests."""
        logins = [login for login in self._server.logins(since).all if login.user != self._server.user]
        accepted = sum(login.accepted for login in logins)
        return accepted, len(logins) - accepted


@contextmanager
def provide(authority: Authority) -> Iterator[Scene]:
    """Start a server, and stop it afterwards."""
    with MongoServer(authority) as server:
        yield MongoScene(server)


def log_in(secret: Mapping[str, Any], bundle: str) -> None:
    """Log in as a client does, and ask for something."""
    with _connected(secret, bundle) as client:
        client.admin.command("connectionStatus")


@contextmanager
def _connected(secret: Mapping[str, Any], bundle: str) -> Iterator[MongoClient[dict[str, Any]]]:
    client: MongoClient[dict[str, Any]] = MongoClient(
        secret["host"],
        secret["port"],
        username=secret["username"],
        password=secret["password"],
        tls=True,
        tlsCAFile=bundle,
        directConnection=True,
        retryWrites=False,
    )
    with client:
        try:
            client.admin.command("ping")
        except OperationFailure as error:
            if error.code == REFUSED:
                raise Rejected from None
            raise
        yield client
