"""What a rotation asks of DocumentDB, once a login was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.engines.documentdb import accounts, passwords, rights, sessions
from rotation.engines.documentdb import pair as pairs
from rotation.engines.documentdb.connection import Connection
from rotation.engines.session import PairedSession

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rotation.model import Mark, Pair, Password


class DocumentDBSession(PairedSession[Connection]):
    """A session of the user that logged in, at the node that takes writes."""

    _pairs = pairs

    def lock(self, name: str, holders: Collection[str] = ()) -> bool:  # noqa: ARG002 the port's
        """
        Return that nothing had to be waited for: MongoDB has no lock to take.

        Twins are harmless without one. Two deliveries of a token set the same password; ``level`` is one command,
        and of two that create the clone the second is told so (51003); whoever fails to move AWSCURRENT looks at
        it again, and makes the server agree. True would cost a look at the labels in every rotation.
        """
        return False

    def rehearse_password(self, username: str, password: Password) -> None:  # noqa: ARG002 there is no policy to ask
        """See by the privileges that the server lists for this login that it may change the password."""
        if username == self._connection.user:
            rights.require_own_password(self._connection)
        else:
            rights.require_password_of(self._connection, username)

    def set_password(self, username: str, password: Password) -> None:
        """Set the password, and keep the mechanisms that the user proves it by."""
        passwords.change(self._connection, username, password)

    def guard_target(self, username: str, *, allow_privileged: bool) -> None:
        """Refuse a user that is more powerful than an application's, logs in otherwise, or does not exist."""
        rights.guard(self._connection, username, allow_privileged=allow_privileged)

    def require_usable(self, username: str) -> None:
        """Refuse nobody: MongoDB neither locks users nor lets their passwords expire."""

    def mark_of(self, username: str) -> Mark | None:
        """Read the mark in the user's customData."""
        account = accounts.read(self._connection, username).get(username)
        return account.record.mark if account and account.record else None

    def mark_is_proof(self, username: str) -> bool:
        """Trust a mark where the server shows that the user may not write it: by changeOwnCustomData it could."""
        account = accounts.read(self._connection, username, showPrivileges=True).get(username)
        return account is not None and rights.may_mark_itself(account, self._connection.database) is False

    def check_access(self, pair: Pair) -> Sequence[str]:
        """See as the idle user that it has the roles that it was given."""
        pairs.check_access(self._connection, pair)
        return ()

    def disable_password(self, username: str) -> None:
        """
        Replace the password by one that is forgotten at once.

        This is the one password that no version holds, and is meant to be: MongoDB knows no user without one. The
        account opens again as every idle account does, by an admin, who needs no password of it.
        """
        passwords.change(self._connection, username, passwords.unknown_to_everyone())

    def end_sessions(self, username: str) -> int:
        """End the user's other sessions, and count them."""
        return sessions.end(self._connection, username)
