"""An application's users on a real MongoDB server, as the tests of the engine need them."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rotation.engines.documentdb import DocumentDB
from rotation.model import Address, Credential, Deadline, Pair, Password

if TYPE_CHECKING:
    from rotation.engines.documentdb.session import DocumentDBSession
    from tests.support.servers.mongodb import MongoServer

ARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:app-AbCdEf"
SECONDS = 10.0
ROLES = ({"role": "readWrite", "db": "shop"},)


def unique(stem: str = "app") -> str:
    """Return a name that nobody else on the server has."""
    return f"{stem}_{secrets.token_hex(4)}"


class Stage:
    """The engine under test, a server, and users on it."""

    def __init__(self, server: MongoServer) -> None:
        """Trust the server's authority."""
        self.server = server
        self.engine = DocumentDB(server.bundle)
        self.made: list[str] = []
        """Every password that was made here."""

    def password(self) -> Password:
        """Make a password that the server's log can be searched for."""
        self.made.append(f"pw-{secrets.token_hex(12)}")
        return Password(self.made[-1])

    def user(self, name: str | None = None, *roles: object, database: str = "admin", **fields: Any) -> Credential:  # noqa: ANN401
        """Make a user, by default one that reads and writes the database shop."""
        credential = Credential(name or unique(), self.password())
        fields = {"roles": list(roles or ROLES), **fields}
        self.server.run(
            "createUser", credential.username, pwd=credential.password.reveal(), database=database, **fields
        )
        return credential

    def changer(self, *roles: object, **fields: Any) -> Credential:  # noqa: ANN401
        """Make a user that may change its own password."""
        return self.user(None, *(roles or ROLES), self.role("changeOwnPassword"), **fields)

    def role(self, *actions: str, database: str = "admin") -> str:
        """Make a role with these actions on a database."""
        name = unique("role")
        privilege = {"resource": {"db": database, "collection": ""}, "actions": list(actions)}
        self.server.run("createRole", name, privileges=[privilege], roles=[])
        return name

    def admin(self, *roles: object) -> Credential:
        """Make an admin that may manage users, and nothing else unless told."""
        return self.user(unique("admin"), "userAdminAnyDatabase", *roles)

    def address(self, port: int | None = None) -> Address:
        """Return the server's address, with TLS where it has a certificate."""
        return Address(self.server.host, port or self.server.port, "shop", tls=bool(self.server.bundle))

    def login(self, who: Credential, seconds: float = SECONDS, **address: Any) -> DocumentDBSession:  # noqa: ANN401
        """Log in through the engine."""
        return self.engine.connect(replace(self.address(), **address), who, Deadline(seconds))

    def accepts(self, who: Credential) -> None:
        """See that a login works."""
        with self.login(who):
            pass

    def level(self, admin: Credential, pair: Pair, *, rehearse: bool = False) -> tuple[Credential, list[str]]:
        """Prepare the idle user, and give its credential and the changes."""
        idle = Credential(pair.idle, self.password())
        with self.login(admin) as session:
            return idle, list(session.level(pair, idle.password, rehearse=rehearse))

    def described(self, username: str) -> dict[str, Any]:
        """Return what the server has of a user, if there is one."""
        answer = self.server.run("usersInfo", username, showAuthenticationRestrictions=True)
        return dict(answer["users"][0]) if answer["users"] else {}

    def roles(self, username: str) -> list[str]:
        """Return the user's roles."""
        return sorted(f"{role['role']}@{role['db']}" for role in self.described(username)["roles"])

    def as_clients_do(self, who: Credential) -> None:
        """Use an application's rights, without the engine."""
        with self.server.client(who.username, who.password.reveal()) as client:
            client.shop.orders.insert_one({"item": "tea"})
            assert client.shop.orders.find_one({"item": "tea"})


def pair_of(base: str, *, promote: str = "clone", version: str = "version-1") -> Pair:
    """Return the pair of a base, of which one is about to be promoted."""
    pair = Pair(ARN, base, base, version)
    return replace(pair, idle=pair.clone) if promote == "clone" else pair
