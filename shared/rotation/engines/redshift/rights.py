"""
What a user may do: the rights that were given to it directly, as Redshift's system views show them.

Rights through a group, a role or PUBLIC are not among them: the views name the identity that was given each
(Developer Guide, "SVV views"). All but databases, roles, groups and IAM roles is of the connected database alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rotation.engines.redshift.marks import is_mark
from rotation.engines.redshift.text import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.engines.redshift.connection import Connection

ITSELF: Final = "\0itself"
"""Stands for the user's own name, so that the rights of two users compare."""

_DEFAULT_ROLE: Final = "default-aws-iam-role"
_COMMANDS: Final = {"EXFUNC": "EXTERNAL FUNCTION"}
_KINDS_OF_DEFAULTS: Final = {"RELATION": "TABLES", "FUNCTION": "FUNCTIONS", "PROCEDURE": "PROCEDURES"}


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One privilege on one thing. ``detail`` is a column, a function's arguments or the scope of a scoped right."""

    kind: str
    names: tuple[str, ...]
    detail: str
    privilege: str


Rights = dict[Right, bool]
"""Rights, each with whether it may be passed on."""

_OF_USERS: Final = "identity_type = 'user' AND identity_name = %s"
_VIEWS: Final[Mapping[str, str]] = {
    "DATABASE": "database_name, '', privilege_scope, privilege_type, admin_option "
    "FROM pg_catalog.svv_database_privileges",
    "SCHEMA": "namespace_name, '', privilege_scope, privilege_type, admin_option FROM pg_catalog.svv_schema_privileges",
    "TABLE": "namespace_name, relation_name, '', privilege_type, admin_option FROM pg_catalog.svv_relation_privileges",
    "COLUMN": "namespace_name, relation_name, column_name, privilege_type, false FROM pg_catalog.svv_column_privileges",
    "FUNCTION": "namespace_name, function_name, argument_types, privilege_type, admin_option "
    "FROM pg_catalog.svv_function_privileges",
    "LANGUAGE": "language_name, '', '', privilege_type, admin_option FROM pg_catalog.svv_language_privileges",
    "DATASHARE": "datashare_name, '', '', privilege_type, admin_option FROM pg_catalog.svv_datashare_privileges",
    "MODEL": "namespace_name, model_name, '', privilege_type, admin_option FROM pg_catalog.svv_ml_model_privileges",
    "ASSUMEROLE": "iam_arn, '', '', command_type, false FROM pg_catalog.svv_iam_privileges",
}
_ROLES: Final = "SELECT role_name, admin_option FROM pg_catalog.svv_user_grants WHERE user_name = %s"
_GROUPS: Final = """
SELECT g.groname FROM pg_catalog.pg_user u, pg_catalog.pg_group g
 WHERE u.usesysid = ANY (g.grolist) AND u.usename = %s
"""
_DEFAULTS: Final = """
SELECT owner_name, coalesce(schema_name, ''), object_type, privilege_type, grantee_name, grantee_type, admin_option
  FROM pg_catalog.svv_default_privileges
 WHERE owner_name = %s OR (grantee_type = 'user' AND grantee_name = %s)
"""
_PROCEDURES: Final = """
SELECT schema_name, function_name, argument_type FROM pg_catalog.svv_redshift_functions
 WHERE database_name = pg_catalog.current_database() AND function_type ILIKE '%PROCEDURE%'
"""


def read_groups(connection: Connection, user: str) -> frozenset[str]:
    """Read the groups that the user is in."""
    return frozenset(row[0] for row in connection.run(_GROUPS, user))


def read_rights(connection: Connection, user: str) -> Rights:
    """Read all that was given to the user, and what is given for things that it makes."""
    found: Rights = {}
    procedures = {tuple(row) for row in connection.run(_PROCEDURES)}
    for kind, view in _VIEWS.items():
        for first, second, detail, privilege, option in connection.run(f"SELECT {view} WHERE {_OF_USERS}", user):
            actual = "PROCEDURE" if kind == "FUNCTION" and (first, second, detail) in procedures else kind
            names = tuple(filter(None, (first, second)))
            found[Right(actual, names, "" if detail == kind else detail, privilege)] = bool(option)
    roles = ((role, option) for role, option in connection.run(_ROLES, user) if not is_mark(role))
    found |= {Right("ROLE", (role,), "", ""): bool(option) for role, option in roles}
    found |= {Right("GROUP", (group,), "", ""): False for group in read_groups(connection, user)}
    return found | _defaults(connection, user)


def _defaults(connection: Connection, user: str) -> Rights:
    found: Rights = {}
    for owner, schema, things, privilege, grantee, kind, option in connection.run(_DEFAULTS, user, user):
        maker = ITSELF if owner == user else owner
        to = ITSELF if kind == "user" and grantee == user else grantee
        found[Right("DEFAULT", (maker, schema, to, kind), things, privilege)] = bool(option)
    return found


def grant(right: Right, user: str, *, option: bool) -> str:
    """Write the statement that gives the right (Developer Guide, "GRANT", "ALTER GROUP", …)."""
    if right.kind == "GROUP":
        return f"ALTER GROUP {identifier(*right.names)} ADD USER {identifier(user)}"
    passed_on = " WITH ADMIN OPTION" if right.kind == "ROLE" else " WITH GRANT OPTION"
    return _given(right, user, "GRANT", "TO") + (passed_on if option else "")


def revoke(right: Right, user: str) -> str:
    """Write the statement that takes the right away (Developer Guide, "REVOKE", "ALTER GROUP", …)."""
    if right.kind == "GROUP":
        return f"ALTER GROUP {identifier(*right.names)} DROP USER {identifier(user)}"
    return _given(right, user, "REVOKE", "FROM")


def revoke_option(right: Right, user: str) -> str:
    """Write the statement that takes the right to pass it on away (Developer Guide, "REVOKE")."""
    return _given(right, user, f"REVOKE {'ADMIN' if right.kind == 'ROLE' else 'GRANT'} OPTION FOR", "FROM")


def _given(right: Right, user: str, verb: str, direction: str) -> str:
    receiver = f"{direction} {identifier(user)}"
    if right.kind == "ROLE":
        return f"{verb} ROLE {identifier(*right.names)} {receiver}"
    if right.kind == "ASSUMEROLE":
        arn = right.names[0]
        place = "DEFAULT" if arn == _DEFAULT_ROLE else literal(arn)
        return f"{verb} ASSUMEROLE ON {place} {receiver} FOR {_COMMANDS.get(right.privilege, right.privilege)}"
    if right.kind in {"RLS", "MASKING"}:
        return _policy(right, user, verb)
    if right.kind == "DEFAULT":
        return _default(right, user, verb, direction)
    return f"{verb} {_what(right)} {receiver}"


def _policy(right: Right, user: str, verb: str) -> str:
    """Attach or detach (Developer Guide, "ATTACH RLS POLICY", "DETACH MASKING POLICY", …)."""
    *relation, policy = right.names
    table = "TABLE " if right.kind == "RLS" else ""
    what = f"{right.kind} POLICY {identifier(policy)} ON {table}{identifier(*relation)}"
    outputs, _, inputs = right.detail.partition(" USING ")
    if verb == "REVOKE":
        return f"DETACH {what}{outputs and f' {outputs}'} FROM {identifier(user)}"
    more = f" {outputs} USING {inputs}" if inputs else ""
    last = f" PRIORITY {right.privilege}" if inputs else ""
    return f"ATTACH {what}{more} TO {identifier(user)}{last}"


def _what(right: Right) -> str:
    name = identifier(*right.names)
    match right.kind:
        case "COLUMN":
            return f"{right.privilege} ({identifier(right.detail)}) ON TABLE {name}"
        case "FUNCTION" | "PROCEDURE":
            return f"{right.privilege} ON {right.kind} {name}({right.detail})"
        case _ if right.detail:
            return f"{right.privilege} FOR {right.detail} IN {right.kind} {name}"
        case _:
            return f"{right.privilege} ON {right.kind} {name}"


def _default(right: Right, user: str, verb: str, direction: str) -> str:
    maker, schema, to, kind = (user if name == ITSELF else name for name in right.names)
    place = f" IN SCHEMA {identifier(schema)}" if schema else ""
    receiver = "PUBLIC" if kind == "public" else ("" if kind == "user" else f"{kind.upper()} ") + identifier(to)
    things = _KINDS_OF_DEFAULTS.get(right.detail, right.detail)
    return (
        f"ALTER DEFAULT PRIVILEGES FOR USER {identifier(maker)}{place} "
        f"{verb} {right.privilege} ON {things} {direction} {receiver}"
    )
