"""Setting a password: by the account itself or by an admin, alone or beside the one before."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from rotation.engines.mysql.accounts import (
    NATIVE,
    NO_PASSWORD,
    UNUSABLE,
    account_of,
    read,
)
from rotation.engines.mysql.faults import ENGINE, NOT_FIRST
from rotation.engines.mysql.rights import rights_of_login
from rotation.errors import GuardViolation, PasswordRejected, PermissionDenied, StatementFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.engines.mysql.connection import Account, Connection
    from rotation.model import Password

_POLICIES: Final = ("validate_password.", "validate_password_")
"""How the policy's variables begin: those of the component, and of the plugin that it replaced."""


READ_ONLY: Final = ("read_only", "super_read_only", "innodb_read_only")
"""The server's variables of which each, by itself, keeps it from taking changes."""

_TAKES_NO_HASHES: Final = """
SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'PASSWORD VALIDATION' AND PLUGIN_STATUS = 'ACTIVE'
   AND @@GLOBAL.strict_password_validation
"""
"""MariaDB refuses hashes where it has a check of passwords (manual, strict_password_validation)."""


def native_hash(password: Password) -> str:
    """Make what mysql_native_password keeps: the only form in which MariaDB is told a password."""
    once = hashlib.sha1(password.reveal().encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()


def set_password(connection: Connection, username: str, password: Password) -> None:
    """Set the user's password; the login's own is remembered, so that a later change of it can name it."""
    own = username == connection.user
    try:
        account = account_of(connection, username)
        if connection.is_mariadb:
            _set_on_mariadb(connection, account, password, own=own)
        elif own:
            _set_own(connection, password)
        else:
            connection.run(f"ALTER USER {account} IDENTIFIED BY {connection.literal(password)}")
    except PermissionDenied as denied:
        raise denied_change(connection, username, denied) from None
    if own:
        connection.password = password


def _set_on_mariadb(connection: Connection, account: Account, password: Password, *, own: bool) -> None:
    _require_hashes(connection)
    stored = connection.literal(native_hash(password))
    if own:
        connection.run(f"SET PASSWORD = {stored}")
    else:
        connection.run(f"ALTER USER {account} IDENTIFIED VIA {NATIVE} USING {stored}")


def _set_own(connection: Connection, password: Password) -> None:
    """
    Set the login's own password in place of the account's first one.

    REPLACE names the password of the login, since an account may demand it (PASSWORD REQUIRE CURRENT). Where the
    login's is the account's second one the server takes the change without it.
    """
    statement = f"ALTER USER CURRENT_USER() IDENTIFIED BY {connection.literal(password)}"
    if not connection.verifies_current:
        connection.run(statement.replace("CURRENT_USER()", "USER()", 1))
        return
    try:
        connection.run(f"{statement} REPLACE {connection.literal(connection.password)}")
    except StatementFailed as error:
        if error.code != str(NOT_FIRST):
            raise
        connection.run(statement)


def disable_password(connection: Connection, username: str) -> None:
    """Give the user a hash that no password has, and end its second password."""
    try:
        account = account_of(connection, username)
        if connection.is_mariadb:
            _require_hashes(connection)
            connection.run(f"ALTER USER {account} {closed(connection, NATIVE)}")
            return
        connection.run(f"ALTER USER {account} {closed(connection, read(connection, account).plugin)}")
        if connection.keeps_two_passwords:
            connection.run(f"ALTER USER {account} DISCARD OLD PASSWORD")
    except PermissionDenied as denied:
        raise denied_change(connection, username, denied) from None


def closed(connection: Connection, plugin: str, mark: str = "") -> str:
    """Return the clause of a password that nobody has. Raises GuardViolation where the plugin keeps no password."""
    if connection.is_mariadb:
        return _on_mariadb(connection, NO_PASSWORD, mark)
    if plugin not in UNUSABLE:
        raise GuardViolation(
            f"The user logs in by {plugin}, and has no password of the server's that could be ended",
            where=connection.where,
            remedy="Nothing was changed. ALTER USER … ACCOUNT LOCK keeps it out.",
        )
    return f"IDENTIFIED WITH {plugin} AS {connection.literal(UNUSABLE[plugin])}"


def opened(connection: Connection, plugin: str, password: Password) -> str:
    """Return the clause of a password that is set together with its method."""
    if connection.is_mariadb:
        return _on_mariadb(connection, native_hash(password))
    return f"IDENTIFIED WITH {plugin} BY {connection.literal(password)}"


def _on_mariadb(connection: Connection, stored: str, mark: str = "") -> str:
    hashes = (one for one in (stored, mark) if one)
    return "IDENTIFIED VIA " + " OR ".join(f"{NATIVE} USING {connection.literal(one)}" for one in hashes)


def rehearse_password(connection: Connection, username: str, password: Password) -> None:
    """
    See what can be seen beforehand: the account, the right, that changes are taken, and the password's policy.

    There is no transaction around a change of an account, so nothing is tried. What cannot be known: whether the
    password's history holds it (PASSWORD HISTORY), whether it is in the policy's dictionary, and what a policy of
    somebody's own wants. The policy's own function is not asked, since the general log would show the password.
    """
    account_of(connection, username)
    if username != connection.user:
        require_management(connection, username)
    variables = _variables(connection)
    if any(variables.get(name) == "ON" for name in READ_ONLY):
        raise StatementFailed(
            "The server takes no changes: it is read-only",
            engine=ENGINE,
            where=connection.where,
            remedy="Name the writer's endpoint, or end read_only.",
        )
    _require_policy(connection, username, password, variables)


def require_management(connection: Connection, username: str) -> None:
    """Raise PermissionDenied unless the login may change other accounts."""
    held = rights_of_login(connection)
    if not (held.holds("CREATE USER") or held.holds("UPDATE", "`mysql`.*")):
        raise denied_change(connection, username, None)


def denied_change(connection: Connection, username: str, denied: PermissionDenied | None) -> PermissionDenied:
    """Make the error that names the right to change the user's password."""
    remedy = (
        f"Run: GRANT CREATE USER ON *.* TO {connection.account}; and, on MySQL, SYSTEM_USER for a user that has it."
    )
    if username == connection.user:
        remedy = "See the server's variable read_only and the account's own restrictions, or name an admin's secret."
    return PermissionDenied(
        f"The login {connection.user} may not change the password of {username}",
        engine=ENGINE,
        code=denied.code if denied else "",
        where=connection.where,
        remedy=remedy,
    )


def _require_hashes(connection: Connection) -> None:
    """Refuse where a password check of MariaDB takes clear passwords only, which its log would show."""
    if connection.run(_TAKES_NO_HASHES):
        raise StatementFailed(
            "The server checks passwords and takes them in clear text only",
            engine=ENGINE,
            where=connection.where,
            remedy="Set strict_password_validation to OFF: this function sends hashes, since MariaDB's general log "
            "shows clear passwords.",
        )


def require_policy(connection: Connection, username: str, password: Password) -> None:
    """Hold the password against the variables of validate_password (manual, "Password Validation Options")."""
    _require_policy(connection, username, password, {} if connection.is_mariadb else _variables(connection))


def _variables(connection: Connection) -> dict[str, str]:
    """
    Read, at one moment, what says whether the server takes changes, and its policy for passwords.

    All of it is the server's, not the session's. To list a session's variables takes three times as long.
    """
    which = f"Variable_name IN {READ_ONLY} OR Variable_name LIKE 'validate_password%'"
    return dict(connection.run(f"SHOW GLOBAL VARIABLES WHERE {which}"))


def _require_policy(connection: Connection, username: str, password: Password, variables: Mapping[str, str]) -> None:
    if connection.is_mariadb:
        _require_hashes(connection)
        return
    found = variables.items()
    policy = {name.removeprefix(start): value for start in _POLICIES for name, value in found if name.startswith(start)}
    if policy and not _obeys(policy, username, password.reveal()):
        raise PasswordRejected(
            "The server's policy (validate_password) would refuse the new password",
            engine=ENGINE,
            where=connection.where,
            remedy="Change the rules of the secret's passwords, or the policy.",
        )


def _obeys(policy: Mapping[str, str], username: str, text: str) -> bool:
    if len(text) < int(policy.get("length", 0)):
        return False
    if policy.get("check_user_name") == "ON" and text.lower() in {username.lower(), username.lower()[::-1]}:
        return False
    if policy.get("policy") in {"LOW", "0"}:
        return True
    mixed = int(policy.get("mixed_case_count", 0))
    counts = {
        "number_count": sum(one.isdigit() for one in text),
        "special_char_count": sum(not one.isalnum() for one in text),
    }
    enough = all(count >= int(policy.get(name, 0)) for name, count in counts.items())
    return enough and min(sum(map(str.islower, text)), sum(map(str.isupper, text))) >= mixed
