"""A second password beside the first one: RETAIN CURRENT PASSWORD, by the account itself or by an admin."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from rotation.engines.mysql.accounts import MARK, MARK_KEYS, account_of, attributes_of, mark_in
from rotation.engines.mysql.faults import IN_HISTORY, NOT_FIRST
from rotation.engines.mysql.passwords import denied_change
from rotation.engines.mysql.rights import rights_of_login
from rotation.errors import PasswordRejected, PermissionDenied, StatementFailed

if TYPE_CHECKING:
    from rotation.engines.mysql.connection import Account, Connection
    from rotation.model import Mark, Password


def retention_obstacle(connection: Connection, username: str) -> str | None:
    """Return why the server or the login's rights do not allow a second password; None where they do."""
    if connection.is_mariadb or not connection.keeps_two_passwords:
        return "the server keeps one password for a user"
    held = rights_of_login(connection)
    if username != connection.user:
        allowed = held.holds("CREATE USER")
        return None if allowed else f"the admin {connection.user} lacks CREATE USER"
    if held.holds("APPLICATION_PASSWORD_ADMIN") or held.holds("CREATE USER"):
        return None
    return f"a right is missing; to have it, run: GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {connection.account}"


def retain_password(
    connection: Connection, username: str, passwords: tuple[Password, Password], mark: Mark, known: str
) -> bool:
    """Set the second of the passwords beside the first; False where the first is not the account's first one."""
    account = account_of(connection, username)
    if username != connection.user:
        _retain_by_admin(connection, account, passwords, mark, known)
        return True
    try:
        _retain(connection, account, passwords, mark, f" REPLACE {connection.literal(passwords[0])}")
    except StatementFailed as error:
        if error.code != str(NOT_FIRST):
            raise
        return False
    connection.password = passwords[1]
    return True


def _retain(
    connection: Connection, account: Account, passwords: tuple[Password, Password], mark: Mark, condition: str = ""
) -> None:
    """
    Set the pending password and retain the first one: with REPLACE a compare-and-swap in the server.

    The mark goes along where the account has a place for it. That a user may write its own is not documented, so
    where the server says no (1227) it stays away.
    """
    pending = connection.literal(passwords[1])
    _marked(connection, f"ALTER USER {account} IDENTIFIED BY {pending}{condition} RETAIN CURRENT PASSWORD", mark)


def replace_first(connection: Connection, username: str, pending: Password, mark: Mark) -> None:
    """Set the pending password in the place of the first one, and say for which version; the second one stays."""
    try:
        account = account_of(connection, username)
        _marked(connection, f"ALTER USER {account} IDENTIFIED BY {connection.literal(pending)}", mark)
    except PermissionDenied as denied:
        raise denied_change(connection, username, denied) from None
    if username == connection.user:
        connection.password = pending


def _marked(connection: Connection, statement: str, mark: Mark) -> None:
    """Run a change of a password, with the mark where the account has a place for it and the login may write it."""
    if connection.keeps_attributes:
        content = json.dumps({MARK: dict(zip(MARK_KEYS, mark, strict=True))})
        with contextlib.suppress(PermissionDenied):
            connection.run(f"{statement} ATTRIBUTE {connection.literal(content)}")
            return
    connection.run(statement)


def _retain_by_admin(
    connection: Connection, account: Account, passwords: tuple[Password, Password], mark: Mark, known: str
) -> None:
    """
    Put the current password first, whatever state the account is in, then the pending one before it.

    The history may forbid the first statement. It is left out then, if the account's mark says that the current
    password is the first one, or says nothing. If it names this very version, all is done. Call it under the lock.
    """
    found = mark_in(attributes_of(connection, account))
    try:
        connection.run(f"ALTER USER {account} IDENTIFIED BY {connection.literal(passwords[0])}")
    except PasswordRejected as error:
        if error.code != str(IN_HISTORY) or (found and found.version not in {known, mark.version}):
            raise
        if found and found.version == mark.version:
            return
    _retain(connection, account, passwords, mark)


def discard_retained(connection: Connection, username: str) -> None:
    """End the user's second password now."""
    account = account_of(connection, username)
    try:
        connection.run(f"ALTER USER {account} DISCARD OLD PASSWORD")
    except PermissionDenied as denied:
        raise denied_change(connection, username, denied) from None
