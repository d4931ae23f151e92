"""Which users a rotation leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.postgresql.accounts import fitting
from rotation.engines.postgresql.faults import ENGINE
from rotation.errors import AccountUnusable, GuardViolation

if TYPE_CHECKING:
    from rotation.engines.postgresql.connection import Connection

PASSWORDLESS: Final = frozenset({"rds_iam", "rds_ad"})
"""Members of these log in by a token or a ticket, never by password (RDS user guide, "IAM database authentication")."""

POWERFUL: Final = frozenset(
    {
        "rds_superuser",
        "pg_execute_server_program",
        "pg_read_server_files",
        "pg_write_server_files",
    }
)
"""Roles whose members are, or can become, superusers (manual, "Predefined Roles"; RDS user guide)."""

_ROLES: Final = """
WITH RECURSIVE held(oid) AS (
    SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %s
    UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN held ON m.member = held.oid)
SELECT r.rolname, r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
  FROM held JOIN pg_catalog.pg_roles r USING (oid) ORDER BY r.rolname = %s DESC, r.rolname
"""
"""The user and all roles that it is a member of, directly or not. Not pg_has_role: superusers are in all."""

_USABLE: Final = """
SELECT rolcanlogin AND coalesce(rolvaliduntil > pg_catalog.now(), true) FROM pg_catalog.pg_roles WHERE rolname = %s
"""


def guard(connection: Connection, username: str, *, allow_privileged: bool) -> None:
    """Raise GuardViolation unless the user is one whose password an application's secret may hold."""
    rows = connection.run(_ROLES, (fitting(username), username))
    if not rows:
        raise _violation(connection, f"The user {username} does not exist", "Create it, or correct the secret.")
    if passwordless := sorted(PASSWORDLESS.intersection(name for name, _ in rows)):
        what = f"The user {username} is a member of {passwordless[0]} and cannot log in by password"
        raise _violation(connection, what, f"REVOKE {passwordless[0]} from it, or do not rotate it.")
    powerful = next((name for name, strong in rows if strong or name in POWERFUL), None)
    if powerful and not allow_privileged:
        what = f"The user {username} is more powerful than an application's, through the role {powerful}"
        remedy = "Only a function whose settings allow privileged targets changes it."
        raise _violation(connection, what, remedy)


def require_usable(connection: Connection, username: str) -> None:
    """Raise AccountUnusable where no password lets the user in: NOLOGIN, or past its VALID UNTIL."""
    if not connection.one(_USABLE, (fitting(username),)):
        raise AccountUnusable(
            f"The user {username} may not log in (NOLOGIN), or its password has expired (VALID UNTIL)",
            engine=ENGINE,
            where=connection.where,
            remedy="Nothing was changed. Run ALTER ROLE … LOGIN VALID UNTIL 'infinity', if it is to log in again.",
        )


def _violation(connection: Connection, what: str, remedy: str) -> GuardViolation:
    return GuardViolation(what, where=connection.where, remedy=remedy)
