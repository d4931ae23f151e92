"""What a user owns in the connected database, and how it changes hands (Redshift has no REASSIGN OWNED)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rotation.engines.redshift.rights import Right, Rights
from rotation.engines.redshift.text import identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.engines.redshift.connection import Connection

_OWNED: Final = (
    """SELECT 'TABLE', n.nspname, c.relname, '' FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       JOIN pg_catalog.pg_user u ON u.usesysid = c.relowner
 WHERE u.usename = %s AND c.relkind IN ('r', 'v', 'm')
   AND n.nspname NOT LIKE 'pg\\\\_%' AND c.relname NOT LIKE 'mv\\\\_tbl\\\\_\\\\_%'""",
    """SELECT 'SCHEMA', n.nspname, '', '' FROM pg_catalog.pg_namespace n
       JOIN pg_catalog.pg_user u ON u.usesysid = n.nspowner
 WHERE u.usename = %s AND n.nspname NOT LIKE 'pg\\\\_%'""",
    """SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, n.nspname, p.proname,
       pg_catalog.oidvectortypes(p.proargtypes) FROM pg_catalog.pg_proc_info p
       JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
       JOIN pg_catalog.pg_user u ON u.usesysid = p.proowner WHERE u.usename = %s""",
    """SELECT 'DATABASE', d.datname, '', '' FROM pg_catalog.pg_database d
       JOIN pg_catalog.pg_user u ON u.usesysid = d.datdba WHERE u.usename = %s""",
    """SELECT 'DATASHARE', s.share_name, '', '' FROM pg_catalog.svv_datashares s
       JOIN pg_catalog.pg_user u ON u.usesysid = s.share_owner
 WHERE u.usename = %s AND s.share_type = 'OUTBOUND'""",
    """SELECT 'MODEL', m.schema_name, m.model_name, '' FROM pg_catalog.svv_ml_model_info m
 WHERE m.user_name = %s""",
)
"""
Relations but a session's temporary ones and the tables behind materialized views; schemas, external ones among them;
functions and procedures; databases; datashares; models.
Languages have no owner.
"""

_ALL: Final[Mapping[str, tuple[str, ...]]] = {
    "TABLE": ("SELECT", "INSERT", "UPDATE", "DELETE", "DROP", "REFERENCES", "ALTER", "TRUNCATE"),
    "SCHEMA": ("CREATE", "USAGE", "ALTER", "DROP"),
    "FUNCTION": ("EXECUTE",),
    "PROCEDURE": ("EXECUTE",),
    "DATABASE": ("CREATE", "TEMPORARY"),
    "DATASHARE": ("ALTER", "SHARE"),
    "MODEL": ("EXECUTE",),
}
"""All that can be granted on a thing (Developer Guide, "GRANT")."""

_FIXED: Final = frozenset({"DATASHARE", "MODEL"})
"""What has no OWNER TO."""


@dataclass(frozen=True, slots=True, order=True)
class Thing:
    """Something that has an owner."""

    kind: str
    names: tuple[str, ...]
    arguments: str = ""

    def __str__(self) -> str:
        """Name it as statements do."""
        shown = identifier(*self.names)
        return (
            f"{self.kind} {shown}({self.arguments})"
            if self.kind in {"FUNCTION", "PROCEDURE"}
            else f"{self.kind} {shown}"
        )

    @property
    def movable(self) -> bool:
        """Whether its owner can be changed."""
        return self.kind not in _FIXED

    def give_to(self, user: str) -> str:
        """Write the statement (Developer Guide, "ALTER TABLE", "ALTER SCHEMA", "ALTER FUNCTION", …)."""
        return f"ALTER {self} OWNER TO {identifier(user)}"


def read_owned(connection: Connection, user: str) -> list[Thing]:
    """Read what the user owns."""
    rows = (row for query in _OWNED for row in connection.run(query, user))
    return sorted(Thing(kind, tuple(filter(None, names)), arguments) for kind, *names, arguments in rows)


def implied(things: list[Thing]) -> Rights:
    """Return the rights that an owner has without a grant; each of them it may pass on."""
    return {Right(it.kind, it.names, it.arguments, privilege): True for it in things for privilege in _ALL[it.kind]}
