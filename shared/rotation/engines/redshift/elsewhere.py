"""
Direct rights in other databases than the one that this login is in.

They can be seen from here, and not changed: a session is in one database. So a loss is refused. Rights through a
role or a group reach every database by the membership, which is made level.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rotation.errors import AccessMismatch
from rotation.ports import Caution

if TYPE_CHECKING:
    from rotation.engines.redshift.connection import Connection
    from rotation.model import Pair

_QUERIES: Final = (
    """SELECT database_name, schema_name, '', schema_acl FROM pg_catalog.svv_redshift_schemas
 WHERE database_name <> pg_catalog.current_database() AND schema_acl <> ''""",
    """SELECT database_name, schema_name, table_name, table_acl FROM pg_catalog.svv_redshift_tables
 WHERE database_name <> pg_catalog.current_database() AND table_acl <> ''""",
)
"""Superusers see all, others what they may use (Developer Guide, "SVV_REDSHIFT_SCHEMAS", "SVV_REDSHIFT_TABLES")."""

_ENTRY: Final = re.compile(r"(?:^|[{,|~])((?:group |role )?[^={},|~/]*)=([^/]*)/")


def require_here(connection: Connection) -> None:
    """Raise AccessMismatch where the admin is in another database than the one that the application logs in to."""
    here, theirs = connection.address.database, connection.address.application_database
    if theirs not in {None, here}:
        raise AccessMismatch(
            f"The admin logs in to the database {here}, where rights in the application's ({theirs}) are not seen",
            where=connection.where,
            remedy=f'Take "dbname" out of the admin\'s secret, so that it logs in to {theirs}, or name {theirs} in it.',
        )


def refuse_loss(connection: Connection, pair: Pair) -> list[str]:
    """
    Name the direct rights elsewhere that the clone alone has: anybody may grant it those, so they stop no rotation.

    Raises AccessMismatch where a clone to promote lacks what its base has.
    """
    places = _read(connection, pair.base, pair.clone)
    lost = sorted({place for place, base_has, clone_has in places if set(base_has) - set(clone_has)})
    if lost and pair.promotes_clone:
        raise AccessMismatch(
            f"The user {pair.clone} lacks direct rights that {pair.base} has on {', '.join(lost)}",
            where=connection.where,
            remedy="In those databases, give these rights to a role or a group that both users have, and take them "
            f"from {pair.base} itself: no rotation can change rights outside of its database.",
        )
    more = sorted({place for place, base_has, clone_has in places if set(clone_has) - set(base_has)})
    return [Caution(f"left as it is, in another database: what {pair.clone} alone may do on {place}") for place in more]


def _read(connection: Connection, base: str, clone: str) -> list[tuple[str, str, str]]:
    rows = (row for query in _QUERIES for row in connection.run(query))
    return [
        (".".join(filter(None, names)), entries.get(base, ""), entries.get(clone, ""))
        for *names, acl in rows
        for entries in [dict(_ENTRY.findall(str(acl).replace('"', "").replace("\\", "")))]
    ]
