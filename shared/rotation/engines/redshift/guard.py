"""Which users a rotation leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rotation.engines.redshift.faults import ENGINE
from rotation.errors import AccountUnusable, GuardViolation

if TYPE_CHECKING:
    from rotation.engines.redshift.connection import Connection

PASSWORDLESS: Final = ("iam:", "iamr:", "awsidc:")
"""How the names of users begin that log in by temporary credentials alone (Management Guide, "IAM authentication")."""

POWERFUL: Final = frozenset({"sys:superuser", "sys:secadmin"})
"""System-defined roles that manage users (Developer Guide, "Amazon Redshift system-defined roles")."""

STRONG: Final = frozenset(
    {"CREATE USER", "ALTER USER", "DROP USER", "CREATE ROLE", "ALTER ROLE", "GRANT ROLE", "ALTER DEFAULT PRIVILEGES"}
)
"""System permissions by which a user can become another (Developer Guide, "System permissions for RBAC")."""

_SUPERUSER: Final = "SELECT usesuper FROM pg_catalog.pg_user WHERE usename = %s"
_UNTIL: Final = "SELECT valuntil FROM pg_catalog.pg_user WHERE usename = %s"
_HELD: Final = "SELECT role_name FROM pg_catalog.svv_user_grants WHERE user_name = %s"
_NESTED: Final = "SELECT role_name, granted_role_name FROM pg_catalog.svv_role_grants"
_SYSTEM: Final = """
SELECT identity_name, system_privilege FROM pg_catalog.svv_system_privileges WHERE identity_type = 'role'
"""


def guard(connection: Connection, username: str, *, allow_privileged: bool) -> None:
    """Raise GuardViolation unless the user is one whose password an application's secret may hold."""
    name = username
    rows = connection.run(_SUPERUSER, name)
    if not rows:
        raise _violation(connection, f"The user {username} does not exist", "Create it, or correct the secret.")
    if username.lower().startswith(PASSWORDLESS):
        what = f"The user {username} is one of IAM's and cannot log in by password"
        raise _violation(connection, what, "Do not rotate it.")
    if allow_privileged:
        return
    if rows[0][0]:
        raise _powerful(connection, username, "it is a superuser")
    if strong := sorted(_strong_roles(connection, name)):
        raise _powerful(connection, username, f"through the role {strong[0]}")


def _strong_roles(connection: Connection, name: str) -> set[str]:
    """Follow the roles that the user holds, through the roles that those hold."""
    held = {row[0] for row in connection.run(_HELD, name)}
    if not held:
        return set()
    nested = connection.run(_NESTED)
    while more := {inner for outer, inner in nested if outer in held} - held:
        held |= more
    strong = {role for role, permission in connection.run(_SYSTEM) if permission in STRONG}
    return held & (strong | POWERFUL)


def require_usable(connection: Connection, username: str) -> None:
    """Raise AccountUnusable where the user is past its VALID UNTIL; the server writes such times in UTC."""
    until = connection.one(_UNTIL, username)
    if isinstance(until, datetime) and until.replace(tzinfo=until.tzinfo or UTC) <= datetime.now(UTC):
        raise AccountUnusable(
            f"The password of the user {username} has expired (VALID UNTIL)",
            engine=ENGINE,
            where=connection.where,
            remedy="Nothing was changed. Run ALTER USER … VALID UNTIL 'infinity', if it is to log in again.",
        )


def _powerful(connection: Connection, username: str, how: str) -> GuardViolation:
    what = f"The user {username} is more powerful than an application's: {how}"
    return _violation(connection, what, "Only a function whose settings allow privileged targets changes it.")


def _violation(connection: Connection, what: str, remedy: str) -> GuardViolation:
    return GuardViolation(what, where=connection.where, remedy=remedy)
