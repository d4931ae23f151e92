"""A connection of psycopg2 whose every wait is bounded and whose every error is translated."""

from __future__ import annotations

import contextlib
import functools
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import psycopg2
from psycopg2 import sql

from rotation.engines.moment import Moment
from rotation.engines.postgresql import opening
from rotation.engines.postgresql.deadline import DeadlinePassed, bounded
from rotation.engines.postgresql.faults import LATE, LATE_COMMIT, NO_ROW, UNREADABLE, translate
from rotation.errors import RotationError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from psycopg2 import extensions

    from rotation.model import Deadline


class _State(Enum):
    """Whether a transaction was begun, as far as this side knows."""

    OUTSIDE = "none"
    UNSENT = "begins with its next statement"
    BEGUN = "begun"


class Again(Protocol):
    """How the same user logs in once more, with parameters of libpq's that are not as before."""

    def __call__(self, **parameters: str) -> Connection:
        """Log in."""


class Connection:
    """One session with the server, in autocommit mode, acting as the user that logged in."""

    def __init__(self, raw: extensions.connection, deadline: Deadline, where: str, log_in_again: Again) -> None:
        """Take over the driver's connection, and have the first statement answered. Raises NotTheServer."""
        self._raw = raw
        self._log_in_again = log_in_again
        self._state = _State.OUTSIDE
        self._ending = ""
        self.moment = Moment()
        self.deadline = deadline
        self.where = where
        self.version = raw.server_version
        with self._speaking():
            raw.autocommit = True
        self.opening = opening.read(self.bare, raw.info.backend_pid, where)

    @property
    def user(self) -> str:
        """The user that logged in."""
        return str(self._raw.info.user)

    @property
    def encrypted(self) -> bool:
        """Whether TLS is used; it is verified then."""
        return bool(self._raw.info.ssl_in_use)

    @property
    def raw(self) -> extensions.connection:
        """The driver's connection, for what needs a scope."""
        return self._raw

    @functools.cached_property
    def uses_scram(self) -> bool:
        """
        Whether this login is by SCRAM, whatever form the server is set to keep new passwords in.

        An md5 password is refused where pg_hba.conf asks for SCRAM, while a SCRAM one is accepted where it asks for
        md5 (manual, "Password Authentication"). Asked before the first change: afterwards the password is another.
        """
        try:
            self._log_in_again(require_auth="scram-sha-256").close()
        except RotationError:
            return False
        return True

    @functools.cached_property
    def keeps_role(self) -> bool:
        """
        Whether this server gives a session the role of its login again after DISCARD ALL, as pools send it.

        A role that is said at the login stands for one that ALTER ROLE has set: both are what a reset leads back to.
        """
        escaped = "".join(f"\\{letter}" if letter in "\\ \t\n\r\f\v" else letter for letter in self.user)
        session = self._log_in_again(options=f"-c role={escaped}")
        try:
            session.bare("DISCARD ALL")
            return bool(session.bare("SHOW role")[0][0] == self.user)
        finally:
            session.close()

    def elsewhere(self, database: str) -> Connection:
        """Log in to another database of the server, as the same user."""
        return self._log_in_again(dbname=database)

    @contextlib.contextmanager
    def _speaking(self) -> Iterator[None]:
        try:
            with bounded(self.deadline):
                yield
        except DeadlinePassed:
            raise LATE.at(self.where) from None
        except (psycopg2.Error, psycopg2.Warning) as error:
            raise translate(error, self.where) from None
        except UnicodeError:
            raise UNREADABLE.at(self.where) from None

    def run(self, statement: str | sql.Composable, values: object = None) -> list[tuple[Any, ...]]:
        """Run a statement as the user that logged in, and give its rows."""
        before = {_State.OUTSIDE: self._as_login, _State.UNSENT: self._begin}.get(self._state)
        if self._state is _State.UNSENT:
            self._state = _State.BEGUN  # perhaps, even where no answer comes
        if before is None:
            return self.bare(statement, values)
        text = sql.SQL(statement) if isinstance(statement, str) else statement
        return self.bare(sql.SQL(f"{before()}; ") + text, values)

    def recall(self, query: str, names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Run a query on users; under the lock give its answer of a moment ago again, if nothing was changed."""
        return self.moment.rows((query, *names), lambda: self.run(query, (list(names),)))

    def end_with(self, statement: sql.Composable) -> None:
        """Run the last statement of a transaction, and end that with the same message: all of it, or nothing."""
        self._to_end(lambda: self.run(statement + sql.SQL(f"; {self._ending}")))

    def _as_login(self) -> str:
        """
        Return what stands before a statement, or at the beginning of a transaction, and counts for it alone.

        A user whose login sets a role (the common owner-role pattern, and every clone of ours) would act as that role,
        and could not change its own password. The limit ends a statement in the server a little before this side stops
        waiting, so that its end is known; it counts for each statement of a message apart (manual, statement_timeout).
        """
        left = max(1, int(self.deadline.remaining() * 900))
        return f"SET LOCAL ROLE NONE; SET LOCAL statement_timeout = {left}"

    def bare(self, statement: str | sql.Composable, values: object = None) -> list[tuple[Any, ...]]:
        """Run a statement as clients do, acting as whatever role their login gives them."""
        with self._speaking(), self._raw.cursor() as cursor:
            cursor.execute(statement, values)  # type: ignore[arg-type]  # a mapping or a sequence
            return cursor.fetchall() if cursor.description else []

    def one(self, statement: str | sql.Composable, values: object = None) -> Any:  # noqa: ANN401 a column's value
        """Run a query that gives one row of one column. Raises StatementFailed where there is none."""
        rows = self.run(statement, values)
        if not rows:
            raise NO_ROW.at(self.where)
        return rows[0][0]

    @contextlib.contextmanager
    def transaction(self, *, keep: bool) -> Iterator[None]:
        """
        Do all of it, or nothing; without ``keep``, nothing in any case.

        It begins with its first statement, in the same message, and ends where ``end_with`` has not ended it.
        """
        self._state, self._ending = _State.UNSENT, "COMMIT" if keep else "ROLLBACK"
        self.moment.end()
        try:
            yield
        except BaseException:
            self._roll_back("ROLLBACK")
            raise
        else:
            if self._state is _State.BEGUN:
                self._to_end(lambda: self.bare(self._ending))
        finally:
            self._state = _State.OUTSIDE
            self.moment.end()

    def _begin(self) -> str:
        return f"{self.opening.begin}; {self._as_login()}"

    def _to_end(self, end: Callable[[], object]) -> None:
        """End the transaction; no limit of the server's bounds the wait for a standby (manual, synchronous_commit)."""
        try:
            end()
        except Unreachable:
            if self.deadline.remaining():
                raise
            raise LATE_COMMIT.at(self.where) from None
        self._state = _State.OUTSIDE

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Within a transaction: undo this part when it fails, and raise what failed."""
        self.run("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._roll_back("ROLLBACK TO SAVEPOINT part")
            raise
        self.run("RELEASE SAVEPOINT part")

    def _roll_back(self, statement: str) -> None:
        # A connection that is gone has rolled back already; the error under way says more than this one.
        with contextlib.suppress(Exception):
            self.run(statement)

    def close(self) -> None:
        """End the session; nothing is waited for, and nothing raised."""
        with contextlib.suppress(psycopg2.Error), bounded(self.deadline):
            self._raw.close()
