"""What a rotation asks of MySQL and MariaDB, once a login was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.mysql import definers, locks, passwords, preparing, retaining, rights, takeover
from rotation.engines.mysql import pair as pairs
from rotation.engines.mysql.connection import Connection
from rotation.engines.mysql.faults import ENGINE, NO_SUCH_THREAD
from rotation.engines.mysql.guard import guard, require_usable
from rotation.engines.session import ConnectedSession
from rotation.errors import PermissionDenied, StatementFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rotation.model import Mark, Ownership, Pair, Password


_READ_ONLY: Final = f"SHOW GLOBAL VARIABLES WHERE Variable_name IN {passwords.READ_ONLY} AND Value = 'ON'"


class MySQLSession(ConnectedSession[Connection]):
    """A session that acts as the account that its login names."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection; the session closes it."""
        super().__init__(connection)
        self._pair: Pair | None = None

    def takes_changes(self) -> bool:
        """Ask whether nothing makes the server read-only, as it is with a replica; readers of Aurora by InnoDB's."""
        return not self._connection.run(_READ_ONLY)

    def lock(self, name: str, holders: Collection[str] = ()) -> bool:
        """Take the server's lock of that name; say whether it had to be waited for."""
        waited = locks.take(self._connection, name, holders)
        self._connection.moment.begin()
        return waited

    def cautions(self, username: str, pair: Pair | None = None) -> Sequence[str]:
        """Tell an admin what the two users of a pair define, since that stays with who defined it."""
        if pair is None or username == self._connection.user:
            return ()
        return definers.cautions(self._connection, pair)

    def rehearse_password(self, username: str, password: Password) -> None:
        """See what can be seen beforehand of whether the password could be set."""
        passwords.rehearse_password(self._connection, username, password)

    def set_password(self, username: str, password: Password) -> None:
        """Set the password; MariaDB, whose log shows clear text, is told its hash."""
        passwords.set_password(self._connection, username, password)

    def guard_target(self, username: str, *, allow_privileged: bool) -> None:
        """Refuse a user that is more powerful than an application's, logs in otherwise, or does not exist."""
        guard(self._connection, username, allow_privileged=allow_privileged)

    def require_usable(self, username: str) -> None:
        """Refuse a user that is locked, or whose password was made to expire."""
        require_usable(self._connection, username)

    def mark_of(self, username: str) -> Mark | None:
        """Read the mark beside the account; it proves something of that account alone, whose user can write it."""
        return pairs.mark_of(self._connection, username)

    def mark_is_proof(self, username: str) -> bool:  # noqa: ARG002 the port's
        """Trust MariaDB's alone: on MySQL a user that changes its own password may write its own ATTRIBUTE, too."""
        return self._connection.is_mariadb

    def ownership(self, pair: Pair) -> Ownership:
        """Return whose the idle user of the pair is, by its own mark."""
        self._pair = pair
        return pairs.ownership(self._connection, pair)

    def take_over(self, pair: Pair, former: str, *, rehearse: bool = False) -> Sequence[str]:
        """Mark as the pair's what carries the former secret's mark of it."""
        return takeover.take_over(self._connection, pair, former, rehearse=rehearse)

    def prepared_version(self, pair: Pair) -> str | None:
        """Read for which version the pair was prepared last, by the clone's mark."""
        return pairs.prepared_version(self._connection, pair)

    def level(self, pair: Pair, password: Password, *, rehearse: bool = False) -> Sequence[str]:
        """Return the idle user the access of the active one and, last, the password."""
        return preparing.level(self._connection, pair, password, rehearse=rehearse)

    def check_access(self, pair: Pair) -> Sequence[str]:
        """See as the idle user that it has what it was prepared with."""
        pairs.check_access(self._connection, pair)
        return ()

    def disable_password(self, username: str) -> None:
        """Give the user a hash that no password has; it keeps no second password either."""
        pairs.disable_password(self._connection, username, self._pair)

    def retention_obstacle(self, username: str) -> str | None:
        """Return why the user cannot be given a second password by this login; None where it can."""
        return retaining.retention_obstacle(self._connection, username)

    def retain_password(
        self, username: str, current: Password, pending: Password, mark: Mark, current_version: str
    ) -> bool:
        """Set the pending password beside the current one; False where the current is not the first one."""
        return retaining.retain_password(self._connection, username, (current, pending), mark, current_version)

    def replace_first(self, username: str, pending: Password, mark: Mark) -> None:
        """Set the pending password in the place of the first one; the second one stays."""
        retaining.replace_first(self._connection, username, pending, mark)

    def discard_retained(self, username: str) -> None:
        """End the user's second password now."""
        retaining.discard_retained(self._connection, username)

    def end_sessions(self, username: str) -> int:
        """
        End the user's other sessions, and count them.

        Raises PermissionDenied where another user's would not be seen (manual, "SHOW PROCESSLIST Statement").
        """
        connection = self._connection
        if username != connection.account.user and not rights.rights_of_login(connection).holds("PROCESS"):
            raise PermissionDenied(
                f"The login {connection.user} does not see the sessions of another user",
                engine=ENGINE,
                where=connection.where,
                remedy="Run: GRANT PROCESS ON *.* to it.",
            )
        own = connection.one("SELECT CONNECTION_ID()")
        rows = self._connection.run("SHOW PROCESSLIST")
        return sum(self._end(int(row[0])) for row in rows if row[1] == username and row[0] != own)

    def _end(self, thread: int) -> bool:
        try:
            self._connection.run(f"KILL {thread}")
        except StatementFailed as error:
            if error.code != str(NO_SUCH_THREAD):
                raise
            return False
        except PermissionDenied as denied:
            raise PermissionDenied(
                f"The login {self._connection.user} may not end the sessions of another user",
                engine=ENGINE,
                code=denied.code,
                where=self._connection.where,
                remedy="Run: GRANT CONNECTION_ADMIN (MariaDB: CONNECTION ADMIN) ON *.* to it, or on RDS: "
                "CALL mysql.rds_kill for each.",
            ) from None
        return True
