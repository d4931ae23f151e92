"""
On whom the pair's membership hangs.

Since PostgreSQL 16 a membership belongs to who granted it, and goes with the grantor (release notes of 16; manual,
"Dropping Roles": DROP OWNED takes the grants that a role made). So the present admin gives it under its own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rotation.engines.postgresql.accounts import MEMBERSHIP_OPTIONS
from rotation.engines.postgresql.changes import quoted
from rotation.ports import Caution

if TYPE_CHECKING:
    from rotation.engines.postgresql.connection import Connection
    from rotation.model import Pair

_GRANTS: Final = """
SELECT (SELECT CASE WHEN me.rolsuper THEN first.rolname::text ELSE me.rolname::text END
          FROM pg_catalog.pg_roles me, pg_catalog.pg_roles first
         WHERE me.rolname = session_user AND first.oid = 10 AND (me.rolsuper OR EXISTS (
               SELECT FROM pg_catalog.pg_auth_members m
                WHERE m.roleid = %(role)s::pg_catalog.regrole AND m.member = me.oid AND m.admin_option))),
       ARRAY(SELECT DISTINCT g.rolname::text
          FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.grantor
         WHERE m.roleid = %(role)s::pg_catalog.regrole AND m.member = session_user::pg_catalog.regrole
           AND m.admin_option AND NOT EXISTS (
               SELECT FROM pg_catalog.pg_auth_members other
                WHERE other.roleid = m.roleid AND other.member = m.member AND other.admin_option
                  AND other.grantor = 10))
"""
"""
Under whose name a grant of the login's stands: a superuser's under the first one's (manual, GRANT; oid 10).

And who gave the login its right to grant, where the first superuser has not.
"""


class Grants(NamedTuple):
    """What is known of the grants of a role by this login."""

    grantor: str | None = None
    """As whose they stand; None where that makes no difference, or is another's."""
    hanging: tuple[str, ...] = ()
    """Names who gave the login its right: with that one the pair's membership would go."""


def grants_of_login(connection: Connection, pair: Pair) -> Grants:
    """Read as whose a grant of the base by this login stands, and on whom its right to grant hangs."""
    if connection.version < MEMBERSHIP_OPTIONS:
        return Grants()
    admin, base = quoted(connection.user), quoted(pair.base)
    ((grantor, givers),) = connection.run(_GRANTS, {"role": base})
    return Grants(
        grantor,
        tuple(
            Caution(
                f"not changed: the admin has its right to grant {pair.base} from {giver} alone. Before that one is "
                f"dropped, run as a superuser: GRANT {base} TO {admin} WITH ADMIN OPTION"
            )
            for giver in givers
        ),
    )
