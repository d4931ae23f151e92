"""An application's users on the stand-in for Redshift, as the tests of the engine need them."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from redshift_connector.core import Connection

from rotation.engines.redshift import Redshift
from rotation.engines.redshift.forms import Form
from rotation.model import Address, Credential, Deadline, Pair, Password
from tests.support.emulators.redshift.server import DATABASE, RedshiftServer

if TYPE_CHECKING:
    from rotation.engines.redshift.session import RedshiftSession

ARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:app-AbCdEf"
SECONDS = 20.0
LEVELLING = ("CREATE USER", "ALTER USER", "CREATE ROLE", "ACCESS SYSTEM TABLE")
"""The permissions of an admin that levels pairs and is no superuser."""


def unique(stem: str = "app") -> str:
    """Return a name that nobody else on the server has."""
    return f"{stem}_{secrets.token_hex(4)}"


class Stage:
    """The engine under test, the stand-in, and users on it."""

    def __init__(self, server: RedshiftServer) -> None:
        """Trust the server's authority."""
        self.server = server
        self.engine = Redshift(server.bundle)
        self.made: list[str] = []
        """Every password that was made here."""

    def password(self) -> Password:
        """Make a password that a log can be searched for."""
        self.made.append(f"Pw1-{secrets.token_hex(12)}")
        return Password(self.made[-1])

    def run(self, *statements: str) -> None:
        """Run Redshift's statements as a superuser."""
        self.server.execute(*statements)

    def user(self, name: str | None = None, options: str = "", form: Form = Form.MD5) -> Credential:
        """Make a user that may log in, by a password of that form (Developer Guide, "CREATE USER", PASSWORD)."""
        credential = Credential(name or unique(), self.password())
        given = credential.password.reveal() if form is Form.MD5 else f"sha256|{credential.password.reveal()}"
        self.run(f"CREATE USER \"{credential.username}\" PASSWORD '{given}' {options}")
        return credential

    def form(self, username: str) -> Form:
        """Give the form of the user's password, as the server keeps it."""
        ((kept,),) = self.server.query("SELECT password FROM redshift.users WHERE name = %s", (username,))
        return Form.MD5 if kept.startswith("md5") else Form.SHA256

    def admin(self, *permissions: str, syslog: str = "UNRESTRICTED") -> Credential:
        """Make an admin that is no superuser, with these system permissions through a role."""
        admin, role = self.user(unique("admin"), f"SYSLOG ACCESS {syslog}"), unique("admins")
        self.run(f"CREATE ROLE {role}", f"GRANT ROLE {role} TO {admin.username}")
        for permission in permissions:
            self.run(f"GRANT {permission} TO ROLE {role}")
        return admin

    def superuser(self) -> Credential:
        """Return the superuser of the stand-in."""
        return Credential(self.server.user, Password(self.server.password))

    def address(self, database: str = DATABASE) -> Address:
        """Return the address, with TLS where there is a certificate."""
        return Address(self.server.host, self.server.port, database, tls=bool(self.server.bundle))

    def login(self, who: Credential, seconds: float = SECONDS, deadline: Deadline | None = None) -> RedshiftSession:
        """Log in through the engine, where told as part of an invocation that has a deadline already."""
        return self.engine.connect(self.address(), who, deadline or Deadline(seconds))

    def accepts(self, who: Credential) -> None:
        """See that a login works."""
        with self.login(who):
            pass

    def level(
        self, pair: Pair, admin: Credential | None = None, *, rehearse: bool = False
    ) -> tuple[Credential, list[str]]:
        """Prepare the idle user, and give its credential and the changes."""
        idle = Credential(pair.idle, self.password())
        with self.login(admin or self.superuser()) as session:
            return idle, list(session.level(pair, idle.password, rehearse=rehearse))

    def pair(self, options: str = "") -> tuple[Credential, Credential, Pair]:
        """Make a pair that is level: the base, its clone, and the pair with the clone to promote."""
        base = self.user(options=options)
        pair = pair_of(base.username)
        clone, _ = self.level(pair)
        return base, clone, pair

    def as_clients_see(self, who: Credential, *statements: str) -> Any:  # noqa: ANN401 rows
        """Run statements as an application does, without the engine, and give the last rows."""
        connection = Connection(
            user=who.username,
            password=who.password.reveal(),
            database=DATABASE,
            host="127.0.0.1",
            port=self.server.port,
            ssl=False,
            application_name="test",
        )
        with closing(connection):
            connection.autocommit = True
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def pair_of(base: str, *, promote: str = "clone", version: str = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff") -> Pair:
    """Return the pair of a base, of which one is about to be promoted."""
    pair = Pair(ARN, base, base, version)
    return replace(pair, idle=pair.clone) if promote == "clone" else pair


def promoting_base(pair: Pair) -> Pair:
    """Return the pair's next rotation, which promotes the base."""
    return replace(pair, idle=pair.base, version=str(uuid4()))
