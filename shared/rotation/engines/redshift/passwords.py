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
        raise explained(denied, connection, f"change the password of {username}", "ALTER USER") from None


def explained(denied: PermissionDenied, connection: Connection, what: str, permission: str) -> PermissionDenied:
    """Return what the login may not do, and what would let it."""
    admin = identifier(connection.user)
    role = f"CREATE ROLE rotation; GRANT {permission} TO ROLE rotation; GRANT ROLE rotation TO {admin};"
    return _denied(denied, connection, what, f"Make it a superuser (ALTER USER {admin} CREATEUSER;), or run: {role}")


def needs_superuser(denied: PermissionDenied, connection: Connection, what: str) -> PermissionDenied:
    """Say what the login may not do, and that only a superuser may."""
    admin = identifier(connection.user)
    return _denied(denied, connection, what, f"Only a superuser may: ALTER USER {admin} CREATEUSER;")


def lacks_syslog(denied: PermissionDenied, connection: Connection, what: str) -> PermissionDenied:
    """Say what the login does not see, and what shows it."""
    admin = identifier(connection.user)
    ways = f"ALTER USER {admin} SYSLOG ACCESS UNRESTRICTED; or make it a superuser (ALTER USER {admin} CREATEUSER;)."
    return _denied(denied, connection, what, f"As a superuser, run: {ways}")


def _denied(denied: PermissionDenied, connection: Connection, what: str, remedy: str) -> PermissionDenied:
    return PermissionDenied(
        f"The login {connection.user} may not {what}",
        engine=ENGINE,
        code=denied.code,
        where=connection.where,
        remedy=remedy,
    )
