"""A connection of redshift_connector whose every wait is bounded and whose every error is translated."""

from __future__ import annotations

import contextlib
import logging
import struct
from typing import TYPE_CHECKING, Any, Final

from rotation.engines.redshift.driver import Connection as DriversConnection
from rotation.engines.redshift.faults import CLEAR_TEXT, DRIVERS, NO_ROW, refusal, translate
from rotation.engines.session import login_at
from rotation.errors import InvalidSecret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.engines.redshift.network import Channel
    from rotation.model import Address, Credential, Deadline

logging.getLogger("redshift_connector").setLevel(logging.WARNING)
# At the level DEBUG, which Lambda's own settings can switch on, the driver logs what the server says of a statement.

_CLEAR_TEXT: Final = 3
"""AuthenticationCleartextPassword (PostgreSQL manual, "Message Formats")."""

_FIRST: Final = """
SELECT pg_catalog.set_config('search_path', 'pg_catalog', false),
       pg_catalog.set_config('statement_timeout', %s, false)
"""
"""
What every session begins with (Developer Guide, "SET_CONFIG").

Nothing that a user created stands before the catalogs, and a statement ends in the server a little before this side
stops waiting, so that its end is known.
"""


class ClearTextRefused(Exception):
    """The server asked for the password in clear text on a connection without TLS."""


class _Driver(DriversConnection):
    """The driver's connection over a channel of ours."""

    def __init__(self, channel: Channel, address: Address, credential: Credential) -> None:
        self._channel = channel
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
        """Answer the server's question for a proof of the password."""
        if not self._encrypted and struct.unpack("!i", data[:4])[0] == _CLEAR_TEXT:
            raise ClearTextRefused
        super().handle_AUTHENTICATION_REQUEST(data, cursor)


def log_in(channel: Channel, address: Address, credential: Credential) -> _Driver:
    """Log in over the channel. Raises EngineError; the channel is closed then."""
    where = login_at(address, credential.username)
    texts = (address.database, credential.username, credential.password.reveal())
    if any("\0" in text for text in texts):
        what = "The user name, the password or the database's name has a character that Redshift has not"
        raise InvalidSecret(what, where=where, remedy="Take it out.")
    try:
        return _Driver(channel, address, credential)
    except ClearTextRefused:
        raise CLEAR_TEXT.at(where) from None
    except DRIVERS as error:
        raise refusal(error, where) from None


class Connection:
    """One session with the server; each statement is durable when it returns, but within a transaction."""

    def __init__(self, raw: _Driver, credential: Credential, deadline: Deadline, where: str) -> None:
        """Take over the driver's connection, and have the first statement answered."""
        self._raw = raw
        self.user = credential.username
        self.deadline = deadline
        self.where = where
        self.run(_FIRST, str(max(1, int(deadline.remaining() * 900))))

    def run(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement, and give its rows."""
        try:
            cursor = self._raw.cursor()
            cursor.execute(statement, values or None)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
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
