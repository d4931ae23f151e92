"""Setting a password without sending it, and saying which right is missing."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final

from rotation.engines.redshift.faults import ENGINE
from rotation.engines.redshift.text import folded, identifier, literal
from rotation.errors import PasswordRejected, PermissionDenied, StatementFailed

if TYPE_CHECKING:
    from rotation.engines.redshift.connection import Connection
    from rotation.model import Password

_SALT_BYTES: Final = 32
_POLICY: Final = ("22", "28")
"""The SQLSTATE classes in which a password is refused."""


def hashed(password: Password) -> str:
    """
    Make the text that stands for the password: ``sha256|digest|salt`` (Developer Guide, "CREATE USER").

    The digest is of the password followed by the salt's bytes; the salt is written in hexadecimal.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.sha256(password.reveal().encode("utf-8", "surrogatepass") + salt).hexdigest()
    return f"sha256|{digest}|{salt.hex()}"


def unusable() -> str:
    """Make a text that no password stands for; PASSWORD DISABLE is for superusers alone."""
    return f"sha256|{secrets.token_hex(32)}|{secrets.token_hex(_SALT_BYTES)}"


def set_hash(connection: Connection, username: str, secret: str) -> None:
    """Run the statement that sets the password (Developer Guide, "ALTER USER")."""
    try:
        connection.run(f"ALTER USER {identifier(folded(username))} PASSWORD {literal(secret)}")
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
    remedy = (
        f"Make it a superuser (ALTER USER {admin} CREATEUSER;), or run: CREATE ROLE rotation; "
        f"GRANT {permission} TO ROLE rotation; GRANT ROLE rotation TO {admin};"
    )
    return PermissionDenied(
        f"The login {connection.user} may not {what}",
        engine=ENGINE,
        code=denied.code,
        where=connection.where,
        remedy=remedy,
    )
