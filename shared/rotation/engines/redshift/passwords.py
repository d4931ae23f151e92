"""Setting a password without sending it, and saying which right is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.redshift.faults import ENGINE
from rotation.engines.redshift.text import identifier, literal
from rotation.errors import PasswordRejected, PermissionDenied, StatementFailed

if TYPE_CHECKING:
    from rotation.engines.redshift.connection import Connection

_POLICY: Final = ("22", "28")
"""The SQLSTATE classes in which a password is refused."""


def set_hash(connection: Connection, username: str, secret: str) -> None:
    """Run the statement that sets the password (Developer Guide, "ALTER USER")."""
    try:
        connection.run(f"ALTER USER {identifier(username)} PASSWORD {literal(secret)}")
    except StatementFailed as error:
        if error.code[:2] not in _POLICY:
            raise
        what, remedy = "The server refuses the new password", "Change the rules of the secret's passwords."
        raise PasswordRejected(what, engine=ENGINE, code=error.code, where=connection.where, remedy=remedy) from None


def change(connection: Connection, username: str, secret: str, *, keep: bool = True) -> None:
    """Set the password in a transaction of its own; without ``keep``, only try."""
    try:
        with connection.transaction(keep=keep):
            set_hash(connection, username, secret)
    except PermissionDenied as denied:
        remedy = by_permission(connection, "ALTER USER")
        raise explained(denied, connection, f"change the password of {username}", remedy) from None


def explained(denied: PermissionDenied, connection: Connection, what: str, remedy: str) -> PermissionDenied:
    """Say what the login may not do, and what would let it."""
    return PermissionDenied(
        f"The login {connection.user} may not {what}",
        engine=ENGINE,
        code=denied.code,
        where=connection.where,
        remedy=remedy,
    )


def by_permission(connection: Connection, permission: str) -> str:
    """Write what gives the login a permission through a role, or all of them."""
    admin = identifier(connection.user)
    role = f"CREATE ROLE rotation; GRANT {permission} TO ROLE rotation; GRANT ROLE rotation TO {admin};"
    return f"Make it a superuser ({by_superuser(connection)}), or run: {role}"


def by_syslog(connection: Connection) -> str:
    """Write what shows the login the rights of others on tables and views."""
    admin = identifier(connection.user)
    return (
        f"Make it a superuser ({by_superuser(connection)}), or run: ALTER USER {admin} SYSLOG ACCESS UNRESTRICTED; "
        "without it rights on tables and views are not seen."
    )


def by_superuser(connection: Connection) -> str:
    """Write what makes the login a superuser."""
    return f"ALTER USER {identifier(connection.user)} CREATEUSER;"
