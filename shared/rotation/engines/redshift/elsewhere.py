"""
Direct rights in other databases than the one that this login is in.

They can be seen from here, and not changed: a session is in one database. So a difference is refused. Rights through a
role or a group reach every database by the membership, which is made level.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rotation.engines.redshift.text import folded
from rotation.errors import AccessMismatch

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


def refuse_difference(connection: Connection, pair: Pair) -> None:
    """Raise AccessMismatch where the idle user lacks direct rights elsewhere, or a clone to promote has too many."""
    base, clone = folded(pair.base), folded(pair.clone)
    differing = sorted(
        {
            place
            for place, base_has, clone_has in _read(connection, base, clone)
            if base_has != clone_has and (pair.promotes_clone or clone_has)
        }
    )
    if differing:
        raise AccessMismatch(
            f"The users {pair.base} and {pair.clone} have not the same direct rights on {', '.join(differing)}",
            where=connection.where,
            remedy="In those databases, give these rights to a role or a group that both users have, and take them "
            f"from {pair.base} and {pair.clone} themselves: no rotation can change rights outside of its database.",
        )


def _read(connection: Connection, base: str, clone: str) -> list[tuple[str, str, str]]:
    rows = (row for query in _QUERIES for row in connection.run(query))
    return [
        (".".join(filter(None, names)), entries.get(base, ""), entries.get(clone, ""))
        for *names, acl in rows
        for entries in [dict(_ENTRY.findall(str(acl).replace('"', "").replace("\\", "")))]
    ]
