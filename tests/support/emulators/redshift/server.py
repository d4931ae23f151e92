"""
A stand-in for Amazon Redshift, which runs nowhere but in AWS: a wire proxy before a real PostgreSQL (15 or later).

What is Redshift's here: the login (TLS, start-up parameters, MD5 and SHA-256 digests), the forms and rules of
passwords, users, groups and roles, folded names, escapes in strings, one statement a message, the system views, the
grants with their grant option, and the refusal of what Redshift does not have (statements.ABSENT).

What it does not reproduce, and what is therefore verified nowhere outside of AWS: Redshift's planner, its locks and
its serializable isolation; the texts of its errors and, but for those of a login, their codes; one database alone
(``dev``); IAM, identity providers, the extended result protocol (server_protocol_version); external tables,
datashares and models as more than names with rights; row-level security and masking; the enforcement of DROP, ALTER,
scoped and system privileges but for ALTER USER, CREATE USER, CREATE ROLE and ACCESS SYSTEM TABLE; how the real system
tables mask a password; one name for a user and a group at a time.
"""

from __future__ import annotations

import secrets
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, Self

from tests.support.emulators.redshift import catalog
from tests.support.emulators.redshift.proxy import Front, Login, Record
from tests.support.emulators.redshift.statements import translated
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.servers.tls import Authority

DATABASE = "dev"
BOOTSTRAP = "awsuser"


class RedshiftServer:
    """The stand-in: to be entered as a context."""

    def __init__(self, authority: Authority, *, tls: bool = True, certificate: tuple[Path, Path] | None = None) -> None:
        """Describe it; ``certificate`` replaces one for localhost and 127.0.0.1."""
        self.bundle = authority.bundle if tls else None
        self.host, self.port = "localhost", 0
        self.user, self.password = BOOTSTRAP, f"Boot1-{secrets.token_hex(8)}"
        self._authority = authority
        self._certificate = certificate
        self._behind = PostgresServer(authority, tls=False, access=["host all all 127.0.0.1/32 trust"])
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start PostgreSQL, make it look like Redshift, and listen."""
        with ExitStack() as stack:
            stack.enter_context(self._behind)
            self._behind.create_database(DATABASE)
            self._run_behind(*catalog.script())
            self.execute(f"CREATE USER {self.user} PASSWORD '{self.password}' CREATEUSER CREATEDB")
            self._records = stack.enter_context(closing(self._behind.admin(DATABASE)))
            shown = (self._certificate or self._authority.issue("localhost")) if self.bundle else None
            self.front = stack.enter_context(Front((self._behind.host, self._behind.port), self._record_of, shown))
            self.port = self.front.port
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End it; what came over the wire is a log, too."""
        (self._behind.folder / "wire.log").write_bytes(b"\n".join(self.said))
        self._stack.close()

    def execute(self, *texts: str) -> None:
        """Run Redshift's statements as a superuser, past the front."""
        self._run_behind("SET standard_conforming_strings = off", *map(translated, texts))

    def query(self, text: str, values: tuple[object, ...] | None = None) -> list[tuple[Any, ...]]:
        """Ask PostgreSQL itself, as a superuser."""
        with closing(self._behind.admin(DATABASE)) as connection, connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall()

    def _run_behind(self, *texts: str) -> None:
        with closing(self._behind.admin(DATABASE)) as connection, connection.cursor() as cursor:
            cursor.execute("SET log_statement = 'none'; SET escape_string_warning = off")
            for text in texts:
                cursor.execute(text)

    def _record_of(self, user: str) -> Record:
        with self._records.cursor() as cursor:
            cursor.execute(
                "SELECT u.password, nullif(r.rolvaliduntil, 'infinity') FROM redshift.users u "
                "JOIN pg_roles r ON r.rolname = u.name WHERE u.name = %s",
                (user,),
            )
            row = cursor.fetchone()
        return (row[0], row[1]) if row else (None, None)

    def show(self, certificate: tuple[Path, Path]) -> None:
        """Show another certificate from the next connection on."""
        self.front.show(certificate)

    @property
    def logins(self) -> list[Login]:
        """Every attempt to log in, oldest first."""
        return self.front.logins

    def accepted(self, since: int = 0) -> int:
        """Count the logins that were let in."""
        return sum(login.accepted for login in self.logins[since:])

    def refused(self, since: int = 0) -> int:
        """Count the logins that were not."""
        return sum(not login.accepted for login in self.logins[since:])

    @property
    def said(self) -> list[bytes]:
        """All that clients sent after their logins, as it came over the wire."""
        return self.front.said

    def log_text(self) -> str:
        """Return the log of the server behind, and what came over the wire."""
        return self._behind.log_text() + "\n".join(content.decode(errors="replace") for content in self.said)


def provide(authority: Authority) -> RedshiftServer:
    """Return the stand-in that ordinary tests share."""
    return RedshiftServer(authority)
