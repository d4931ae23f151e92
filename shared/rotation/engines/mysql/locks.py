"""Named locks, which any login can take: one counts only where somebody holds it who has a part in the rotation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rotation.engines.mysql.faults import ENGINE
from rotation.errors import LockWithheld, StatementFailed

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotation.engines.mysql.connection import Connection


def take(connection: Connection, name: str, holders: Collection[str]) -> bool:
    """
    Take the lock of that name; say whether it had to be waited for.

    Waits for half of the time that is left, so that the winner's work can still be looked at. Raises LockWithheld
    where a stranger holds it, before the wait and after it, and StatementFailed where it takes too long. The name is
    hashed: the server takes 64 characters (manual, "Locking Functions").
    """
    literal = connection.literal(f"rotation-{hashlib.sha256(name.encode()).hexdigest()[:48]}")
    if connection.one(f"SELECT GET_LOCK({literal}, 0)") == 1:
        return False
    known = {connection.user, *holders}
    _require_known(connection, literal, known)
    patience = max(0.1, connection.deadline.remaining() / 2)
    if connection.one(f"SELECT GET_LOCK({literal}, {patience:.3f})") == 1:
        return True
    _require_known(connection, literal, known)
    raise StatementFailed(
        "Another session holds the lock for too long",
        engine=ENGINE,
        where=connection.where,
        remedy="The step can be tried again.",
        retryable=True,
    )


def _require_known(connection: Connection, literal: str, known: Collection[str]) -> None:
    """
    Raise LockWithheld unless the lock is free by now, or its holder is known.

    Without PROCESS a login sees the sessions of its own user alone (manual, "SHOW PROCESSLIST Statement"). Who holds
    a lock in another rotation of the same secret has logged in as the same user.
    """
    thread = connection.one(f"SELECT IS_USED_LOCK({literal})")
    if thread is None:
        return
    users = {int(row[0]): str(row[1]) for row in connection.run("SHOW PROCESSLIST")}
    holder = users.get(int(thread))
    if holder not in known:
        shown = holder or "a user whom this login may not see"
        raise LockWithheld(f"{shown} (session {thread})", engine=ENGINE, where=connection.where)
