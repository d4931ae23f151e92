"""A connection of psycopg2 whose every wait is bounded and whose every error is translated."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any, Final

import psycopg2
from psycopg2 import sql

from rotation.engines.postgresql.deadline import DeadlinePassed, bounded
from rotation.engines.postgresql.faults import LATE, NO_ROW, UNREADABLE, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg2 import extensions

    from rotation.model import Deadline

_FIRST: Final = """
SET ROLE NONE;
SET search_path TO pg_catalog;
SELECT set_config('statement_timeout', %(left)s, false),
       set_config('lock_timeout', %(left)s, false),
       set_config('idle_in_transaction_session_timeout', %(left)s, false),
       (SELECT set_config(name, 'off', false) FROM pg_settings
         WHERE name = 'default_transaction_read_only' AND source LIKE '%%user'),
       (SELECT set_config(name, 'on', false) FROM pg_settings
         WHERE name = 'synchronous_commit' AND setting = 'off'),
       (SELECT count(set_config(name, '0', false)) FROM pg_settings
         WHERE name IN ('idle_session_timeout', 'transaction_timeout'))
"""
"""
What every session begins with.

SET ROLE NONE: a user whose login sets a role (the common owner-role pattern, and every clone of ours) would act
as that role, and could not change its own password. The search path: nothing that a user created stands before
the catalogs. The time limits end a statement in the server a little before this side stops waiting, so that its
end is known, and no limit on the session itself lets a lock or a revert go; they are not sent as start-up options,
which proxies refuse. A user's own read-only default does not concern its password, and a password must be durable
before its label moves; what the server's configuration says of both is left as it is.
"""


class Connection:
    """One session with the server, in autocommit mode, acting as the user that logged in."""

    def __init__(
        self, raw: extensions.connection, deadline: Deadline, where: str, logs_in_by_scram: Callable[[], bool]
    ) -> None:
        """Take over the driver's connection, and have the first statement answered."""
        self._raw = raw
        self._logs_in_by_scram = logs_in_by_scram
        self.deadline = deadline
        self.where = where
        self.version = raw.server_version
        with self._speaking():
            raw.autocommit = True
        self.run(_FIRST, {"left": f"{max(1, int(deadline.remaining() * 900))}ms"})

    @property
    def user(self) -> str:
        """The user that logged in."""
        return str(self._raw.info.user)

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
        return self._logs_in_by_scram()

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
        """Run a statement, and give its rows."""
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
        """Do all of it, or nothing; without ``keep``, nothing in any case."""
        self.run("BEGIN")
        try:
            yield
        except BaseException:
            self._roll_back("ROLLBACK")
            raise
        self.run("COMMIT" if keep else "ROLLBACK")

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
