"""A connection of PyMySQL whose every wait is bounded and whose every error is translated."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rotation.engines.moment import Moment
from rotation.engines.mysql.faults import EMPTY, ENGINE, translate
from rotation.errors import AccountUnusable

if TYPE_CHECKING:
    import pymysql

    from rotation.model import Credential, Deadline, Password


_QUERIES: Final = ("SELECT ", "SHOW ")


class Account(NamedTuple):
    """An account: a user name and the host part that makes it one of several of that name."""

    user: str
    host: str
    is_role: bool = False
    """Whether it is one of MariaDB's roles, which have no host part."""

    def __str__(self) -> str:
        """Return the account as statements name it."""
        return quoted(self.user) if self.is_role else f"{quoted(self.user)}@{quoted(self.host)}"


class Server(NamedTuple):
    """What a server is and knows, by the comments for its version that it reads as statements."""

    is_mariadb: bool = False
    verifies_current: bool = False
    """REPLACE, since 8.0.13 ("ALTER USER")."""
    keeps_two_passwords: bool = False
    """RETAIN, since 8.0.14 ("Password Management")."""
    keeps_attributes: bool = False
    """ATTRIBUTE, since 8.0.21 ("The INFORMATION_SCHEMA USER_ATTRIBUTES Table")."""


def quoted(name: str) -> str:
    """Quote a name as every SQL mode understands it."""
    return "`{}`".format(name.replace("`", "``"))


class Connection:
    """One session with the server, in autocommit mode and without SQL modes."""

    def __init__(
        self,
        raw: pymysql.Connection[Any],
        deadline: Deadline,
        where: str,
        credential: Credential,
        account: Account,
        server: Server,
    ) -> None:
        """Take over the driver's connection, the account that the server took its login for, and what it is."""
        self._raw = raw
        self._server = server
        self.account = account
        self.deadline = deadline
        self.where = where
        self.user = credential.username
        self.password = credential.password
        """The login's own password; after the login has changed it, the new one."""
        self.quotes_certificates = False
        """Whether the server was seen to quote what REQUIRE asks of a certificate."""
        self.moment = Moment()

    def recall(self, query: str) -> list[tuple[Any, ...]]:
        """Run a query on accounts; under the lock give its answer of a moment ago again, if nothing was changed."""
        return self.moment.rows(query, lambda: self.run(query))

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement, and give its rows."""
        if not statement.lstrip().startswith(_QUERIES):
            self.moment.end()
        try:
            with self._raw.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall())
        except Exception as error:  # noqa: BLE001 whatever the driver trips over may quote the statement
            raise translate(error, self.where) from None

    def one(self, statement: str) -> Any:  # noqa: ANN401 a column's value
        """Run a query that gives one row of one column. Raises StatementFailed where no row comes."""
        return self.only(self.run(statement))

    def only(self, rows: list[tuple[Any, ...]]) -> Any:  # noqa: ANN401 a column's value
        """Return the one value of an answer. Raises StatementFailed where no row came."""
        if not rows:
            raise EMPTY.at(self.where)
        return rows[0][0]

    def literal(self, text: str | Password) -> str:
        """Quote a text."""
        return str(self._raw.escape(text if isinstance(text, str) else text.reveal()))

    def close(self) -> None:
        """End the session; nothing is waited for, and nothing raised."""
        with contextlib.suppress(Exception):
            self._raw.close()

    def require_own_account(self) -> None:
        """Refuse a login that acts as another account (a nameless one, a proxied one): it would change that one's."""
        if self.account.user != self.user:
            raise AccountUnusable(
                f"The login {self.user} acts as another account ({self.account})",
                engine=ENGINE,
                where=self.where,
                remedy="Drop the nameless account that stands before it, or the proxy grant.",
            )

    @cached_property
    def mandatory_roles(self) -> str:
        """The roles that MySQL gives to everybody, as its variable lists them; MySQL 8 alone reads the comment."""
        return str(self.run("SELECT '' /*!80011 , @@GLOBAL.mandatory_roles */")[0][-1])

    @property
    def is_mariadb(self) -> bool:
        """Whether this is MariaDB."""
        return self._server.is_mariadb

    @property
    def verifies_current(self) -> bool:
        """Whether REPLACE is known."""
        return self._server.verifies_current

    @property
    def keeps_two_passwords(self) -> bool:
        """Whether RETAIN is known."""
        return self._server.keeps_two_passwords

    @property
    def keeps_attributes(self) -> bool:
        """Whether accounts have an ATTRIBUTE."""
        return self._server.keeps_attributes
