"""
A user's password set, by itself or by an admin.

The clear text is sent: the only form that SCRAM-SHA-256 accepts (MongoDB manual, "updateUser", digestPassword). It
goes through verified TLS, and the server writes ``xxx`` for it into its log.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from rotation.engines.documentdb import accounts
from rotation.engines.documentdb.accounts import lacks_user_admin
from rotation.engines.documentdb.faults import ENGINE
from rotation.engines.documentdb.rights import lacks_own_password
from rotation.errors import AuthenticationFailed, PermissionDenied, Unreachable
from rotation.model import Password

if TYPE_CHECKING:
    from rotation.engines.documentdb.accounts import Account
    from rotation.engines.documentdb.connection import Connection

DEFAULT_MECHANISMS: Final = frozenset({"SCRAM-SHA-1", "SCRAM-SHA-256"})
"""What a user gets whose password is set without a word about mechanisms."""


def change(connection: Connection, username: str, password: Password) -> None:
    """Set the password; nothing else of the user changes."""
    own = username == connection.user
    try:
        connection.on_primary(lambda: _change(connection, username, password))
    except PermissionDenied:
        raise (lacks_own_password(connection) if own else lacks_user_admin(connection, username)) from None
    except AuthenticationFailed:  # on the new primary
        raise Unreachable(
            "The primary changed, and it is not known whether the new password took effect",
            engine=ENGINE,
            where=connection.where,
            remedy="The next attempt sees which one logs in.",
        ) from None
    if own:
        connection.know(password)


def _change(connection: Connection, username: str, password: Password) -> None:
    account = accounts.read(connection, username).get(username)
    kept = keeping_mechanisms(account) if account else {}
    accounts.write(connection, "updateUser", username, pwd=password.reveal(), **kept)


def keeping_mechanisms(account: Account) -> dict[str, Any]:
    """Return what keeps a user's mechanisms, which a new password would set to the default."""
    if account.mechanisms is None or account.mechanisms == DEFAULT_MECHANISMS:
        return {}
    return {"mechanisms": sorted(account.mechanisms)}


def unknown_to_everyone() -> Password:
    """
    Make a password that is forgotten at once.

    MongoDB has no user without a password, and no such thing as a locked one.
    """
    return Password(secrets.token_urlsafe(48))
