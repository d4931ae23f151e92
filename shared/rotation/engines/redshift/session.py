"""What a rotation asks of Redshift, once a login was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.redshift import pair as pairs
from rotation.engines.redshift.connection import Connection
from rotation.engines.redshift.forms import hashed, unusable
from rotation.engines.redshift.guard import guard, require_usable
from rotation.engines.redshift.passwords import by_superuser, change, explained
from rotation.engines.session import PairedSession
from rotation.errors import PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rotation.model import Mark, Pair, Password

_SESSIONS: Final = """
SELECT process FROM pg_catalog.stv_sessions
 WHERE trim(user_name) = %s AND process <> pg_catalog.pg_backend_pid()
"""
"""Every user sees all sessions (Developer Guide, "STV_SESSIONS")."""
_END: Final = "SELECT pg_catalog.pg_terminate_backend(%s)"
"""A user ends sessions of its own, a superuser any (Developer Guide, "PG_TERMINATE_BACKEND")."""


class RedshiftSession(PairedSession[Connection]):
    """A session that acts as the user that logged in."""

    _pairs = pairs

    def lock(self, name: str, holders: Collection[str] = ()) -> bool:  # noqa: ARG002 the port's
        """
        Take nothing: Redshift has no lock that is not a table's, and none that outlives a transaction.

        LOCK locks tables, which an application's user and its admin need not share. So AWSCURRENT is read again
        after every change that is taken back, and the mark of a pair tells of a rotation in between.
        """
        return False

    def rehearse_password(self, username: str, password: Password) -> None:
        """Set the password in a transaction that is rolled back."""
        change(self._connection, username, self._hashed(username, password), keep=False)

    def set_password(self, username: str, password: Password) -> None:
        """Set the password by its hash, in the form that the user has: the clear text does not leave this process."""
        change(self._connection, username, self._hashed(username, password))

    def guard_target(self, username: str, *, allow_privileged: bool) -> None:
        """Refuse a user that is more powerful than an application's, logs in otherwise, or does not exist."""
        guard(self._connection, username, allow_privileged=allow_privileged)

    def require_usable(self, username: str) -> None:
        """Refuse a user that is past its VALID UNTIL."""
        require_usable(self._connection, username)

    def mark_of(self, username: str) -> Mark | None:  # noqa: ARG002 the port's
        """Know nothing: a mark can prove a pair that is known, and does not name one."""
        return None

    def mark_is_proof(self, username: str) -> bool:  # noqa: ARG002 the port's
        """Trust the mark: only a role that the admin or a superuser owns is one."""
        return True

    def check_access(self, pair: Pair) -> Sequence[str]:
        """See as the idle user that it is the other's equal, as far as a user may see."""
        return pairs.check_access(self._connection, pair)

    def disable_password(self, username: str) -> None:
        """Give the user a hash that no password has."""
        change(self._connection, username, unusable())

    def end_sessions(self, username: str) -> int:
        """End the user's other sessions, and count them."""
        connection = self._connection
        try:
            processes = [row[0] for row in connection.run(_SESSIONS, username)]
            for process in processes:
                connection.run(_END, process)
        except PermissionDenied as denied:
            remedy = f"Only a superuser may: {by_superuser(connection)}"
            raise explained(denied, connection, f"end the sessions of {username}", remedy) from None
        return len(processes)

    def _hashed(self, username: str, password: Password) -> str:
        return hashed(password, username, self._connection.form_of(username))
