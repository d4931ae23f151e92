"""
Policies of row-level security and of masking that are attached to a user: what it sees, and how.

They are read where this login may: superusers and holders of sys:secadmin see them, others an error or no row
(Developer Guide, "SVV_RLS_ATTACHED_POLICY", "SVV_ATTACHED_MASKING_POLICY"). All is of the connected database alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rotation.engines.redshift.rights import Right, Rights
from rotation.engines.redshift.text import identifier
from rotation.errors import PermissionDenied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.engines.redshift.connection import Connection

_NAME: Final = re.compile(r'"([^"]+)"|([^\[\]{}",\s]+)')
_ATTACHED: Final[Mapping[str, str]] = {
    "RLS": """SELECT relschema, relname, polname, 0, '', '' FROM pg_catalog.svv_rls_attached_policy
 WHERE granteekind = 'user' AND grantee = %s""",
    "MASKING": """SELECT schema_name, table_name, policy_name, priority, output_columns, input_columns
  FROM pg_catalog.svv_attached_masking_policy WHERE grantee_type = 'user' AND grantee = %s""",
}


def readable(connection: Connection) -> frozenset[str]:
    """Return which kinds this login may read, outside of a transaction, which an error would end."""
    return frozenset(kind for kind in _ATTACHED if _may_read(connection, kind))


def _may_read(connection: Connection, kind: str) -> bool:
    try:
        connection.run(_ATTACHED[kind], connection.user)
    except PermissionDenied:
        return False
    return True


def read_policies(connection: Connection, kinds: frozenset[str], user: str) -> Rights:
    """Read what is attached to the user itself."""
    return {
        Right(kind, (schema, relation, policy), _columns(outputs, inputs), str(priority)): False
        for kind in kinds
        for schema, relation, policy, priority, outputs, inputs in connection.run(_ATTACHED[kind], user)
    }


def _columns(outputs: str, inputs: str) -> str:
    """Write the columns as ATTACH MASKING POLICY wants them; the view shows an array, parts of a column with dots."""
    if not outputs:
        return ""
    written = (", ".join(identifier(*name.split(".")) for name in _names(text)) for text in (outputs, inputs))
    return "({}) USING ({})".format(*written)


def _names(array: str) -> list[str]:
    return [quoted or plain for quoted, plain in _NAME.findall(array)]
