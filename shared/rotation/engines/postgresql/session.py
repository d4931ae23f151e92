"""What a rotation asks of PostgreSQL, once a login was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.postgresql import acting, cautions, locks
from rotation.engines.postgresql import pair as pairs
from rotation.engines.postgresql.accounts import parse_mark, read_comments
from rotation.engines.postgresql.changes import quoted
from rotation.engines.postgresql.connection import Connection
from rotation.engines.postgresql.faults import ENGINE
from rotation.engines.postgresql.guard import guard, require_usable
from rotation.engines.postgresql.passwords import change, disable
from rotation.engines.session import PairedSession
from rotation.errors import PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rotation.model import Mark, Pair, Password

_END_SESSIONS: Final = """
SELECT count(*) FILTER (WHERE ended) FROM (
    SELECT pg_catalog.pg_terminate_backend(pid) AS ended FROM pg_catalog.pg_stat_activity
     WHERE usename = %s AND pid <> pg_catalog.pg_backend_pid()) sessions
"""


class PostgreSQLSession(PairedSession[Connection]):
    """A session that acts as the user that logged in, whatever role its login sets."""

    _pairs = pairs

    def takes_changes(self) -> bool:
        """Ask whether the server is no replica, of streaming replication or of Aurora."""
        return not self._connection.one("SELECT pg_catalog.pg_is_in_recovery()")

    def lock(self, name: str, holders: Collection[str] = ()) -> bool:
        """Take the advisory lock of that name in this database; say whether it had to be waited for."""
        waited = locks.take(self._connection, name, holders)
        self._connection.moment.begin()
        return waited

    def rehearse_password(self, username: str, password: Password) -> None:
        """Set the password in a transaction that is rolled back."""
        change(self._connection, username, password, keep=False)

    def set_password(self, username: str, password: Password) -> None:
        """Set the password by its verifier; the clear text leaves this process only where the settings say so."""
        change(self._connection, username, password)

    def guard_target(self, username: str, *, allow_privileged: bool) -> None:
        """Refuse a user that is more powerful than an application's, logs in otherwise, or does not exist."""
        guard(self._connection, username, allow_privileged=allow_privileged)

    def require_usable(self, username: str) -> None:
        """Refuse a user that is NOLOGIN or past its VALID UNTIL."""
        require_usable(self._connection, username)

    def mark_of(self, username: str) -> Mark | None:
        """Read the mark in the user's comment, which only an admin can write."""
        return parse_mark(read_comments(self._connection, username).get(username, ""))

    def mark_is_proof(self, username: str) -> bool:  # noqa: ARG002 the port's
        """Trust the mark: a comment on a role is an admin's (PostgreSQL, COMMENT)."""
        return True

    def check_access(self, pair: Pair) -> Sequence[str]:
        """See as the idle user that its login acts with the access of the pair."""
        return acting.check(self._connection, pair)

    def cautions(self, username: str, pair: Pair | None = None) -> Sequence[str]:
        """Say what a person should know of this server, and of the pair on it."""
        return list(cautions.told(self._connection, username, pair))

    def disable_password(self, username: str) -> None:
        """Take the user's password away."""
        disable(self._connection, username)

    def end_sessions(self, username: str) -> int:
        """End the user's other sessions, and count them."""
        try:
            return int(self._connection.one(_END_SESSIONS, (username,)))
        except PermissionDenied as denied:
            admin = self._connection.user
            what = f"The login {admin} may not end the sessions of {username}"
            remedy = f"Run: GRANT pg_signal_backend TO {quoted(admin)};"
            raise PermissionDenied(
                what, engine=ENGINE, code=denied.code, where=self._connection.where, remedy=remedy
            ) from None
