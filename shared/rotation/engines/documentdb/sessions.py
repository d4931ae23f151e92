"""How a user's open sessions end."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rotation.engines.documentdb import accounts
from rotation.engines.documentdb.accounts import MARK, in_shell
from rotation.engines.documentdb.faults import ENGINE, Refused
from rotation.engines.documentdb.pair import NOWHERE
from rotation.errors import PermissionDenied, StatementFailed

if TYPE_CHECKING:
    from rotation.engines.documentdb.accounts import Account
    from rotation.engines.documentdb.connection import Connection

_ALL: Final = 1_000_000


def end(connection: Connection, username: str) -> int:
    """
    End the user's other sessions, and count them.

    No command of MongoDB closes another connection. An admin closes the account instead: under restrictions that
    no client meets, each connection loses its login with its next command (MongoDB manual, "Authentication
    Restrictions"), for good; the next rotation that prepares the account opens it. A user that ends its own
    sessions can do no more than end their operations and cursors.
    """
    if username == connection.user:
        count = _count(connection, username)
        with contextlib.suppress(Refused):
            connection.run("killSessions", [])
        return count
    count = _count(connection, username)
    _close(connection, username)
    with contextlib.suppress(PermissionDenied, Refused):  # the login is gone by now; this hastens it
        connection.run("killAllSessions", [{"user": username, "db": connection.database}])
    return count


def _count(connection: Connection, username: str) -> int:
    """Count the user's connections but for this one (MongoDB manual, "$currentOp")."""
    own = username == connection.user
    pipeline: list[dict[str, Any]] = [{"$currentOp": {"allUsers": not own, "idleConnections": True}}]
    try:
        answer = connection.run("aggregate", 1, database="admin", pipeline=pipeline, cursor={"batchSize": _ALL})
    except PermissionDenied as denied:
        grant = in_shell("admin", "grantRolesToUser", connection.user, [{"role": "clusterMonitor", "db": "admin"}])
        what = f"The login {connection.user} may not see the sessions of {username}"
        raise PermissionDenied(
            what, engine=ENGINE, code=denied.code, where=connection.where, remedy=f"As root, run: {grant}"
        ) from None
    user = {"user": username, "db": connection.database}
    found = {one.get("connectionId") for one in answer["cursor"]["firstBatch"] if user in one.get("effectiveUsers", [])}
    return len(found) - own


def _close(connection: Connection, username: str) -> None:
    account = accounts.read(connection, username, showAuthenticationRestrictions=True).get(username)
    if account is None or account.restrictions == NOWHERE:
        return
    if account.record is None and account.restrictions:
        what = f"The user {username} has authenticationRestrictions, and no mark that would remember them"
        remedy = "Rotate its secret once, or take them away and give them back afterwards."
        raise StatementFailed(what, engine=ENGINE, where=connection.where, remedy=remedy)
    with contextlib.suppress(Refused):  # what came of it is read back
        accounts.write(
            connection, "updateUser", username, authenticationRestrictions=list(NOWHERE), **_remembering(account)
        )
    closed = accounts.read(connection, username, showAuthenticationRestrictions=True)[username]
    if closed.restrictions != NOWHERE:
        what = f"The server has no means to end the sessions of {username}"
        raise StatementFailed(what, engine=ENGINE, where=connection.where, remedy="Restart the application's clients.")


def _remembering(account: Account) -> dict[str, Any]:
    """Return the customData that remembers the restrictions which are replaced."""
    if account.record is None:
        return {}
    record = replace(account.record, closed=account.restrictions)
    return {"customData": {**account.unrelated, MARK: record.written()}}
