"""Which users a rotation leaves alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rotation.engines.mysql.accounts import account_of, read
from rotation.engines.mysql.faults import ENGINE
from rotation.engines.mysql.grants import ALL, EVERYWHERE, Kind, schema_of
from rotation.engines.mysql.rights import held_with_roles, is_restricted
from rotation.errors import AccountUnusable, GuardViolation

if TYPE_CHECKING:
    from rotation.engines.mysql.connection import Connection
    from rotation.engines.mysql.grants import Grant

METHODS: Final = frozenset({"caching_sha2_password", "mysql_native_password", "sha256_password"})
"""The methods of which the server itself keeps the password."""

SERVERS_OWN: Final = frozenset(
    {"root", "mysql.sys", "mysql.session", "mysql.infoschema", "mariadb.sys", "rdsadmin", "rdsrepladmin"}
)

POWERFUL: Final = frozenset(
    {
        *(ALL, "SUPER", "CREATE USER", "CREATE ROLE", "SYSTEM_USER", "ROLE_ADMIN"),
        *("SET_USER_ID", "SET_ANY_DEFINER", "SET USER", "SYSTEM_VARIABLES_ADMIN", "CONNECTION ADMIN"),
    }
)
"""
Who holds one of these everywhere is, or can become, an admin of the server: also by a routine that is run as somebody
else (SET USER is MariaDB's word for it), and by statements for everybody's logins (init_connect, which MariaDB lets
holders of CONNECTION ADMIN set; MySQL's CONNECTION_ADMIN is another right).
"""

_WRITING: Final = frozenset({ALL, "INSERT", "UPDATE", "DELETE"})
"""Who may write the server's own tables gives itself any right, and anybody a new password (SET PASSWORD)."""

_OWN_SCHEMA: Final = "mysql"


def guard(connection: Connection, username: str, *, allow_privileged: bool) -> None:
    """Raise GuardViolation unless the user is one whose password an application's secret may hold."""
    account = account_of(connection, username)
    state = read(connection, account)
    method = next((name for name, _ in state.methods if name not in METHODS), state.plugin)
    if method not in METHODS:
        what = f"The user {username} logs in by {method or 'no password'}, not by a password that the server keeps"
        raise _violation(connection, what, "ALTER USER … IDENTIFIED BY …, or do not rotate it.")
    if allow_privileged:
        return
    remedy = "Only a function whose settings allow privileged targets changes it."
    if username in SERVERS_OWN:
        raise _violation(connection, f"The user {username} is the server's own", remedy)
    held = list(held_with_roles(connection, account))
    for holder, grant in held:
        if _is_powerful(grant, frozenset(one for other, one in held if other == holder)):
            what = f"The user {username} is more powerful than an application's: {holder} holds {grant.what}"
            raise _violation(connection, what, remedy)


def require_usable(connection: Connection, username: str) -> None:
    """Raise AccountUnusable where the account is locked, or was told to have its password changed by a person."""
    state = read(connection, account_of(connection, username))
    if state.locked or state.expired:
        raise AccountUnusable(
            f"The account of {username} is locked, or its password has expired",
            engine=ENGINE,
            where=connection.where,
            remedy="Nothing was changed. Run ALTER USER … ACCOUNT UNLOCK, or set its password by hand, if it is to "
            "log in again.",
            locked=state.locked,
        )


def _is_powerful(grant: Grant, beside: frozenset[Grant]) -> bool:
    if grant.on == EVERYWHERE and grant.what in POWERFUL:
        return True
    what = grant.what.partition(" (")[0]  # of a column, too
    if what not in _WRITING or grant.kind is Kind.RESTRICTION:
        return False
    if grant.on == EVERYWHERE:
        return not is_restricted(beside, what, f"`{_OWN_SCHEMA}`.*")
    return matches(schema_of(grant.on), _OWN_SCHEMA)


def matches(pattern: str, name: str) -> bool:
    r"""Return whether a grant's schema means that name: % and _ stand for any (manual, "GRANT Statement"); \ quotes."""
    reached = {0}  # how much of the name may have been read; a compiled pattern of each would stay in re's cache
    for part in re.findall(r"\\.|.", pattern, re.DOTALL):
        if part == "%":
            reached = set(range(min(reached, default=len(name) + 1), len(name) + 1))
        else:
            reached = {at + 1 for at in reached if part == "_" or name[at : at + 1] == part[-1]}
    return len(name) in reached


def _violation(connection: Connection, what: str, remedy: str) -> GuardViolation:
    return GuardViolation(what, where=connection.where, remedy=remedy)
