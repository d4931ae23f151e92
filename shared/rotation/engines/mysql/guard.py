"""Which users a rotation leaves alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rotation.engines.mysql.accounts import read_named
from rotation.engines.mysql.faults import ENGINE
from rotation.engines.mysql.grants import ALL, EVERYWHERE, Kind, schema_of
from rotation.engines.mysql.rights import Rights, held_with_roles
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
        *(ALL, "SUPER", "CREATE USER", "CREATE ROLE", "FILE"),
        *("BINLOG REPLAY", "CONNECTION ADMIN", "FEDERATED ADMIN", "REPLICATION SLAVE ADMIN", "SET USER"),
    }
)
"""
Who holds one of these everywhere is, or can become, an admin of the server.

By a source of its own, whose log is carried out without a look at rights, or by such a log itself (REPLICATION SLAVE
ADMIN, BINLOG REPLAY); by a routine that runs as somebody else (SET USER); by statements for everybody's logins
(init_connect, which MariaDB lets holders of CONNECTION ADMIN set); by a login of the server's own at itself (FEDERATED
ADMIN); by the server's files (FILE). These are the static ones of both servers (manuals, "Privileges Provided by
MySQL" and "GRANT"); MySQL's dynamic ones are below.
"""

HARMLESS: Final = frozenset(
    {
        *("APPLICATION_PASSWORD_ADMIN", "AUDIT_ABORT_EXEMPT", "BACKUP_ADMIN", "BINLOG_ADMIN", "CONNECTION_ADMIN"),
        *("CREATE_SPATIAL_REFERENCE_SYSTEM", "FIREWALL_EXEMPT", "FIREWALL_USER", "FLUSH_OPTIMIZER_COSTS"),
        *("FLUSH_PRIVILEGES", "FLUSH_STATUS", "FLUSH_TABLES", "FLUSH_USER_RESOURCES", "INNODB_REDO_LOG_ARCHIVE"),
        *("NDB_STORED_USER", "OPTIMIZE_LOCAL_TABLE", "REPLICATION_APPLIER", "RESOURCE_GROUP_ADMIN"),
        *("RESOURCE_GROUP_USER", "SESSION_VARIABLES_ADMIN", "SHOW_ROUTINE", "SKIP_QUERY_REWRITE"),
        *("TABLE_ENCRYPTION_ADMIN", "TELEMETRY_LOG_ADMIN", "TP_CONNECTION_ADMIN", "TRANSACTION_GTID_TAG"),
        "XA_RECOVER_ADMIN",
    }
)
"""
The dynamic privileges that lead to no others: an application may hold them (manual, "Dynamic Privilege Descriptions").

A plugin can bring new ones, so what is not listed here is taken for powerful. BINLOG_ADMIN and REPLICATION_APPLIER are
listed since BINLOG looks at the rights of who runs it.
"""

_WRITING: Final = frozenset({ALL, "INSERT", "UPDATE", "DELETE", "ALTER"})
"""
Who may write the server's own tables gives itself any right, and anybody a new password (SET PASSWORD).

So does who may alter them: a column can be computed.
"""

_ANYBODY: Final = "``@"
"""How the account begins that a grant of PROXY names for all."""

_OWN_SCHEMA: Final = "mysql"


def guard(connection: Connection, username: str, *, allow_privileged: bool) -> None:
    """Raise GuardViolation unless the user is one whose password an application's secret may hold."""
    state = read_named(connection, username)
    method = next((name for name, _ in state.methods if name not in METHODS), state.plugin)
    if method not in METHODS:
        what = f"The user {username} logs in by {method or 'no password'}, not by a password that the server keeps"
        raise _violation(connection, what, "ALTER USER … IDENTIFIED BY …, or do not rotate it.")
    if allow_privileged:
        return
    remedy = "Only a function whose settings allow privileged targets changes it."
    if username in SERVERS_OWN:
        raise _violation(connection, f"The user {username} is the server's own", remedy)
    for holder, held in held_with_roles(connection, state):
        rights = Rights(held)
        if powerful := next((grant for grant in held if _is_powerful(grant, rights)), None):
            what = f"The user {username} is more powerful than an application's: {holder} holds {powerful.what}"
            raise _violation(connection, what, remedy)


def require_usable(connection: Connection, username: str) -> None:
    """Raise AccountUnusable where the account is locked, or was told to have its password changed by a person."""
    state = read_named(connection, username)
    if state.locked or state.expired:
        raise AccountUnusable(
            f"The account of {username} is locked, or its password has expired",
            engine=ENGINE,
            where=connection.where,
            remedy="Nothing was changed. Run ALTER USER … ACCOUNT UNLOCK, or set its password by hand, if it is to "
            "log in again.",
            locked=state.locked,
        )


def _is_powerful(grant: Grant, beside: Rights) -> bool:
    if grant.kind is Kind.DYNAMIC:
        return grant.what not in HARMLESS
    if grant.kind is Kind.PROXY:
        return grant.on.startswith(_ANYBODY)
    if grant.on == EVERYWHERE and grant.what in POWERFUL:
        return True
    what = grant.what.partition(" (")[0]  # of a column, too
    if what not in _WRITING or grant.kind is Kind.RESTRICTION:
        return False
    if grant.on == EVERYWHERE:
        return not beside.is_restricted(what, f"`{_OWN_SCHEMA}`.*")
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
