"""
On whom the pair's membership hangs.

Since PostgreSQL 16 a membership belongs to who granted it, and goes with the grantor (release notes of 16; manual,
"Dropping Roles": DROP OWNED takes the grants that a role made). So the present admin gives it under its own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.postgresql.accounts import MEMBERSHIP_OPTIONS
from rotation.engines.postgresql.changes import quoted
from rotation.ports import Caution

if TYPE_CHECKING:
    from rotation.engines.postgresql.connection import Connection
    from rotation.model import Pair

_GRANTOR: Final = """
SELECT CASE WHEN me.rolsuper THEN first.rolname::text ELSE me.rolname::text END
  FROM pg_catalog.pg_roles me, pg_catalog.pg_roles first
 WHERE me.rolname = session_user AND first.oid = 10 AND (me.rolsuper OR EXISTS (
       SELECT FROM pg_catalog.pg_auth_members m
        WHERE m.roleid = %s::pg_catalog.regrole AND m.member = me.oid AND m.admin_option))
"""
"""Under whose name a grant of the login's stands: a superuser's under the first one's (manual, GRANT; oid 10)."""

_HANGS_ON: Final = """
SELECT DISTINCT g.rolname::text
  FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.grantor
 WHERE m.roleid = %(role)s::pg_catalog.regrole AND m.member = session_user::pg_catalog.regrole AND m.admin_option
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_auth_members other
                    WHERE other.roleid = m.roleid AND other.member = m.member AND other.admin_option
                      AND other.grantor = 10)
"""


def grantor_of(connection: Connection, role: str) -> str | None:
    """Say as whose a grant of the role by this login stands; None where that makes no difference, or is another's."""
    if connection.version < MEMBERSHIP_OPTIONS:
        return None
    rows = connection.run(_GRANTOR, (quoted(role),))
    return str(rows[0][0]) if rows else None


def hanging(connection: Connection, pair: Pair) -> list[str]:
    """Name who gave the admin its right on the base: with that one the pair's membership would go."""
    if connection.version < MEMBERSHIP_OPTIONS:
        return []
    admin, base = quoted(connection.user), quoted(pair.base)
    return [
        Caution(
            f"not changed: the admin has its right to grant {pair.base} from {grantor} alone. Before that one is "
            f"dropped, run as a superuser: GRANT {base} TO {admin} WITH ADMIN OPTION"
        )
        for (grantor,) in connection.run(_HANGS_ON, {"role": quoted(pair.base)})
    ]
