"""A connection of redshift_connector whose every wait is bounded and whose every error is translated."""

from __future__ import annotations

import contextlib
import logging
import struct
from typing import TYPE_CHECKING, Any, Final

from rotation.engines.redshift.driver import Connection as DriversConnection
from rotation.engines.redshift.faults import CLEAR_TEXT, COSTLY, DRIVERS, NO_ROW, refusal, translate
from rotation.engines.redshift.forms import FORMS, Form
from rotation.engines.scram import TooManyIterations, require_bounded
from rotation.engines.session import login_at
from rotation.errors import InvalidSecret

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from rotation.engines.redshift.network import Channel
    from rotation.model import Address, Credential, Deadline

logging.getLogger("redshift_connector").setLevel(logging.WARNING)
# At the level DEBUG, which Lambda's own settings can switch on, the driver logs what the server says of a statement.

_CLEAR_TEXT, _SCRAM_CONTINUE = 3, 11
"""AuthenticationCleartextPassword, AuthenticationSASLContinue (PostgreSQL manual, "Message Formats")."""

_LIMIT: Final = "SET statement_timeout TO {}"
"""
The first statement of a session, which a limit of the user's own hardly catches (Developer Guide, "SET").

From here on a statement ends in the server a little before this side stops waiting, so that its end is known.
"""

_FIRST: Final = """
SELECT pg_catalog.set_config('search_path', 'pg_catalog', false),
       pg_catalog.set_config('enable_case_sensitive_identifier', 'true', false)
"""
"""
What every session goes on with (Developer Guide, "SET_CONFIG").

Nothing that a user created stands before the catalogs, and a name in double quotes is the one that it says.
"""


class ClearTextRefused(Exception):
    """The server asked for the password in clear text on a connection without TLS."""


class _Driver(DriversConnection):
    """The driver's connection over a channel of ours."""

    def __init__(
        self, channel: Channel, address: Address, credential: Credential, forms: MutableMapping[str, Form]
    ) -> None:
        self._channel = channel
        self._name, self._forms = credential.username, forms
        self._encrypted = address.tls
        super().__init__(
            user=credential.username,
            password=credential.password.reveal(),
            database=address.database,
            host="127.0.0.1",  # only looked up: the channel is connected already
            port=address.port,
            ssl=False,  # only here: the channel is encrypted and verified already
            application_name="rotation",
            tcp_keepalive=True,
        )
        self.autocommit = True

    @property
    def _usock(self) -> Any:  # noqa: ANN401 what the driver takes for a socket
        return self._channel

    @_usock.setter
    def _usock(self, opened: Any) -> None:  # noqa: ANN401 the driver's own socket, not connected to anything
        opened.close()

    def handle_AUTHENTICATION_REQUEST(self, data: bytes, cursor: Any) -> None:  # noqa: N802, ANN401 the driver's
        """Answer the server's question for a proof of the password, and note what it tells."""
        code = struct.unpack("!i", data[:4])[0]
        if code == _CLEAR_TEXT and not self._encrypted:
            raise ClearTextRefused
        if code == _SCRAM_CONTINUE:
            require_bounded(data[4:])
        if code in FORMS:
            self._forms[self._name] = FORMS[code]
        super().handle_AUTHENTICATION_REQUEST(data, cursor)


def log_in(channel: Channel, address: Address, credential: Credential, forms: MutableMapping[str, Form]) -> _Driver:
    """Log in over the channel, and note the password's form. Raises EngineError; the channel is closed then."""
    where = login_at(address, credential.username)
    texts = (address.database, credential.username, credential.password.reveal())
    if any("\0" in text for text in texts):
        what = "The user name, the password or the database's name has a character that Redshift has not"
        raise InvalidSecret(what, where=where, remedy="Take it out.")
    try:
        return _Driver(channel, address, credential, forms)
    except ClearTextRefused:
        raise CLEAR_TEXT.at(where) from None
    except TooManyIterations:
        raise COSTLY.at(where) from None
    except DRIVERS as error:
        raise refusal(error, where) from None


class Connection:
    """One session with the server; each statement is durable when it returns, but within a transaction."""

    def __init__(
        self, raw: _Driver, address: Address, user: str, deadline: Deadline, forms: MutableMapping[str, Form]
    ) -> None:
        """Take over the driver's connection, and have the first statements answered."""
        self._raw = raw
        self._cursor = raw.cursor()  # one for all statements: the driver makes much for each
        self._forms = forms
        self.address = address
        self.user = user
        self.where = login_at(address, user)
        self.run(_LIMIT.format(max(1, int(deadline.remaining() * 900))))
        self.run(_FIRST)

    def form_of(self, *users: str) -> Form:
        """
        Return the form of the first of the users of whom a login of this invocation told.

        Where none did, the one that every client answers.
        """
        return next((self._forms[user] for user in users if user in self._forms), Form.MD5)

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement, and give its rows."""
        try:
            self._cursor.execute(statement, values or None)
            return [tuple(row) for row in self._cursor.fetchall()] if self._cursor.description else []
        except DRIVERS as error:
            raise translate(error, self.where) from None

    def one(self, statement: str, *values: object) -> Any:  # noqa: ANN401 a column's value
        """Run a query that gives one row of one column. Raises StatementFailed where there is none."""
        rows = self.run(statement, *values)
        if not rows:
            raise NO_ROW.at(self.where)
        return rows[0][0]

    @contextlib.contextmanager
    def transaction(self, *, keep: bool) -> Iterator[None]:
        """Do all of it, or nothing; without ``keep``, nothing in any case."""
        self.run("BEGIN")
        try:
            yield
        except BaseException:
            # A connection that is gone has rolled back already; the error under way says more than this one.
            with contextlib.suppress(Exception):
                self.run("ROLLBACK")
            raise
        self.run("COMMIT" if keep else "ROLLBACK")

    def close(self) -> None:
        """End the session; nothing is raised."""
        with contextlib.suppress(*DRIVERS):
            self._raw.close()
