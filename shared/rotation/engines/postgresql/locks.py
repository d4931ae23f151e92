"""Advisory locks, which any login can take: one counts only where somebody holds it who has a part in the rotation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from rotation.engines.postgresql.faults import ENGINE
from rotation.errors import LockWithheld, StatementFailed

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotation.engines.postgresql.connection import Connection

_TRY: Final = "SELECT pg_catalog.pg_try_advisory_lock(%s)"

_WAIT: Final = "SET LOCAL lock_timeout = %s; SELECT pg_catalog.pg_advisory_lock(%s)"

_HOLDERS: Final = """
SELECT DISTINCT coalesce(a.usename::text, 'a prepared transaction')
  FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND l.classid = (%(key)s >> 32 & 4294967295)::oid AND l.objid = (%(key)s & 4294967295)::oid
"""
"""Who holds the lock of a key of 64 bits, in this database (manual, pg_locks); everybody may see that."""


def take(connection: Connection, name: str, holders: Collection[str]) -> bool:
    """
    Take the lock of that name in this database; say whether it had to be waited for.

    Waits for half of the time that is left, so that the winner's work can still be looked at. Raises LockWithheld
    where a stranger holds it, before the wait and after it.
    """
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    if connection.one(_TRY, (key,)):
        return False
    known = {connection.user, *holders}
    _require_known(connection, key, known)
    patience = max(1, int(connection.deadline.remaining() * 500))
    try:
        connection.run(_WAIT, (f"{patience}ms", key))
    except StatementFailed:
        _require_known(connection, key, known)
        raise
    return True


def _require_known(connection: Connection, key: int, known: Collection[str]) -> None:
    strangers = [user for (user,) in connection.run(_HOLDERS, {"key": key}) if user not in known]
    if strangers:
        raise LockWithheld(", ".join(strangers), engine=ENGINE, where=connection.where)
