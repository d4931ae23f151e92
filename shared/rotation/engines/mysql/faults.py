"""
What each error of PyMySQL becomes, by its number alone.

The driver's text is never shown: servers quote the statement in it, and the statement may hold a password. The
numbers are those of the MySQL manual, "Server Error Message Reference" and "Client Error Message Reference", and of
the MariaDB manual, "MariaDB Error Codes". A number means one thing while logging in, and may mean another after it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import pymysql.err

from rotation.engines.fault import Fault, by_class
from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    EngineError,
    PasswordRejected,
    PermissionDenied,
    ReadOnlyServer,
    StatementFailed,
    TlsFailed,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGINE: Final = "mysql"

fault: Final = partial(Fault, ENGINE)


_AGAIN: Final = "The step can be tried again."
LATE: Final = fault(Unreachable, "The server gave no answer in time", "Look at its load and at the network.")
ENDED: Final = fault(Unreachable, "The connection to the server ended, or nothing was answered in time", _AGAIN)
UNREACHABLE: Final = fault(Unreachable, "No connection to the server", "Check host, port, security groups and subnets.")
UNRESOLVED: Final = fault(
    Unreachable, "The host's name has no address, or none in time", "Check host in the secret and the VPC's DNS."
)
UNREADABLE: Final = fault(Unreachable, "The server's answer could not be read", "Look at what answers at that address.")
NO_TLS: Final = fault(
    TlsFailed, "The server offers no TLS", 'Switch it on there; only "ssl": false in the secret goes without.'
)
TLS: Final = fault(
    TlsFailed, "The TLS handshake with the server failed", "Look at its certificate and TLS versions.", retryable=True
)
"""Retryable: where a second look shows nothing wrong with the server, the network may have broken off."""
FAILED: Final = fault(
    StatementFailed,
    "The server refused a statement",
    "It logs no text of that. Look the number up: perror NUMBER, or the manual's page of server error messages "
    "(MariaDB's own begin at 1900 and at 4000).",
)
EMPTY: Final = fault(
    StatementFailed,
    "The server answered a query without a row",
    "Look at what answers at that address: MySQL and MariaDB give one.",
)
UNKNOWN_GRANT: Final = fault(
    StatementFailed,
    "The server tells of a grant in a form that is not known here",
    "Look at SHOW GRANTS for the users, and for a newer version of this function.",
)
UNLISTED: Final = fault(
    AccountUnusable,
    "The server refused the login for a reason of its own",
    "Look the number up: perror NUMBER, or the manual's page of server error messages. The server's error log may tell "
    "more (RDS: Logs & events, error/mysql-error.log).",
)
METHOD: Final = fault(
    AccountUnusable,
    "The account logs in by a method that this function does not have",
    "Give it a password by caching_sha2_password or mysql_native_password; ed25519, IAM, sockets and directories "
    "are not supported.",
)
NEEDS_TLS: Final = fault(
    AccountUnusable,
    "The account's method needs TLS here: without it the password would have to be encrypted by the server's key, and "
    "this package holds no library for that",
    'Remove "ssl": false from the secret.',
)
_LIMIT: Final = fault(
    AccountUnusable,
    "The account is at a limit of its own",
    "Raise MAX_USER_CONNECTIONS and its like, with room for one login of this function.",
    retryable=True,
    accepted=True,
)
_LOCKED: Final = fault(
    AccountUnusable,
    "The account is locked",
    "ALTER USER … ACCOUNT UNLOCK, if it should log in.",
    accepted=True,
    locked=True,
)
_BLOCKED: Final = fault(
    AccountUnusable,
    "The server blocks the account after too many failed logins",
    "ALTER USER … ACCOUNT UNLOCK (MariaDB: FLUSH PRIVILEGES), and look for who tries old passwords.",
    locked=True,
)
_EXPIRED: Final = fault(
    AccountUnusable,
    "The account's password has expired",
    "Set it anew, to AWSCURRENT's, and ALTER USER … PASSWORD EXPIRE NEVER: rotation is what renews it.",
    accepted=True,
)
_SECURE: Final = fault(AccountUnusable, "The server lets nobody in without TLS", 'Remove "ssl": false from the secret.')

_CONNECTION: Final = {
    **dict.fromkeys((1053, 1927, 2006, 2013, 2055, 4031), ENDED),
    2026: NO_TLS,
    3032: fault(Unreachable, "The server is in offline mode", _AGAIN),
}

LOGIN: Final[Mapping[int, Fault]] = {
    **_CONNECTION,
    **dict.fromkeys(
        (1045, 1698),
        fault(
            AuthenticationFailed,
            "The server refused the user name or the password",
            "It says the same where the account does not exist for this function's address, or its REQUIRE is not met.",
        ),
    ),
    1040: fault(Unreachable, "All connections that the server allows are in use", "Raise max_connections."),
    1044: fault(
        AccountUnusable,
        "The user may not use the database",
        "GRANT a privilege on it, or correct dbname.",
        accepted=True,
    ),
    1049: fault(AccountUnusable, "The database does not exist", "Correct dbname in the secret.", accepted=True),
    1129: fault(
        Unreachable, "The server blocks this function's address after too many broken connections", "FLUSH HOSTS there."
    ),
    1130: fault(
        Unreachable,
        "The server has no account that may log in from this function's address",
        "Create the user for the function's subnets as well.",
        retryable=False,
    ),
    1184: fault(
        AccountUnusable,
        "The server ended the session when it began: what init_connect says fails for this user",
        "Run it as the user to see why (SHOW VARIABLES LIKE 'init_connect'), and correct it or the user's rights.",
        accepted=True,
    ),
    **dict.fromkeys((1203, 1226), _LIMIT),
    **dict.fromkeys((1251, 1524, 2059), METHOD),
    **dict.fromkeys((1820, 1862), _EXPIRED),
    3159: _SECURE,
    **dict.fromkeys((3118, 4151), _LOCKED),
    **dict.fromkeys((3955, 4150), _BLOCKED),
}

_READ_ONLY: Final = fault(
    ReadOnlyServer,
    "The server takes no such change: it or its storage is read-only, or an option of it forbids the statement",
    "Name the writer's endpoint; on MariaDB see also strict_password_validation.",
)
_HISTORY: Final = fault(
    PasswordRejected,
    "The account's password history holds the password",
    "See PASSWORD HISTORY and REUSE INTERVAL. In a revocation: if AWSCURRENT's is the account's first password, run "
    "ALTER USER … DISCARD OLD PASSWORD.",
)
_DENIED: Final = fault(PermissionDenied, "The login lacks a right")
_TOO_LONG: Final = fault(
    StatementFailed, "A statement took longer than this session lets one", "See the server's load.", retryable=True
)
_CONFLICT: Final = fault(StatementFailed, "Another session stands in the way", _AGAIN, retryable=True)

NOT_FIRST: Final = 3891
"""ER_INCORRECT_CURRENT_PASSWORD: what REPLACE names is not the account's first password."""

REPLACE_WANTED: Final = 3892
"""ER_MISSING_CURRENT_PASSWORD."""

IN_HISTORY: Final = 3638
"""ER_CREDENTIALS_CONTRADICT_TO_HISTORY."""

NO_SUCH_GRANT: Final = frozenset({1141, 1147, 1403})
"""What SHOW GRANTS and REVOKE say where there is nothing."""

NO_SUCH_THREAD: Final = 1094

STATEMENT: Final[Mapping[int, Fault]] = {
    **_CONNECTION,
    **dict.fromkeys((1044, 1045, 1095, 1142, 1143, 1227, 1370, 1410, 1698, 3619, 3680), _DENIED),
    **dict.fromkeys((1205, 1213, 1317, 3058), _CONFLICT),
    **dict.fromkeys((1969, 3024), _TOO_LONG),
    **dict.fromkeys((1290, 1792, 1836, 3501), _READ_ONLY),
    1133: fault(StatementFailed, "The account does not exist", "Create it, or correct the secret's username."),
    1396: fault(StatementFailed, "The account came or went just now, or does not exist", _AGAIN, retryable=True),
    **dict.fromkeys(
        (1819, 4165),
        fault(
            PasswordRejected,
            "The server's policy refuses the new password",
            "Change the rules of the secret's passwords, or the server's validate_password settings.",
        ),
    ),
    1820: _EXPIRED,
    1226: _LIMIT,
    IN_HISTORY: _HISTORY,
    NOT_FIRST: fault(
        StatementFailed, "The login's password is not the account's first one any more", _AGAIN, retryable=True
    ),
    REPLACE_WANTED: fault(
        StatementFailed,
        "The account's password can only be changed by who names its first password, which no version holds",
        "Set the account's password to AWSCURRENT's by hand, or name an admin's secret in masterarn.",
    ),
}

CLASSES: Final[Mapping[type[Exception], Fault]] = {
    pymysql.err.MySQLError: FAILED,
    pymysql.err.Warning: FAILED,
    pymysql.err.Error: FAILED,
    pymysql.err.InterfaceError: ENDED,
    pymysql.err.DatabaseError: FAILED,
    pymysql.err.DataError: FAILED,
    pymysql.err.OperationalError: FAILED,
    pymysql.err.IntegrityError: FAILED,
    pymysql.err.InternalError: ENDED,
    pymysql.err.ProgrammingError: FAILED,
    pymysql.err.NotSupportedError: FAILED,
}
"""For numbers that no table lists; InternalError is how the driver says that it lost the thread."""


def number_of(error: Exception) -> int:
    """Return the error's number; 0 where it has none."""
    number = error.args[0] if error.args else 0
    return number if isinstance(number, int) else 0


def translate(error: Exception, where: str) -> EngineError:
    """Return the error that stands for the driver's, after the login."""
    if not isinstance(error, pymysql.err.MySQLError):
        return UNREADABLE.at(where)
    number = number_of(error)
    known = STATEMENT.get(number)
    return (known or by_class(CLASSES, error)).at(where, number)


def refusal(error: Exception, where: str) -> EngineError:
    """Return the error that stands for the driver's, while logging in."""
    if isinstance(error, RuntimeError):  # how the driver asks for the package cryptography, which is not there
        return NEEDS_TLS.at(where)
    if not isinstance(error, pymysql.err.MySQLError):
        return UNREADABLE.at(where)
    number = number_of(error)
    if number in LOGIN:
        return LOGIN[number].at(where, number)
    return (UNLISTED if 1000 <= number < 2000 or number >= 3000 else ENDED).at(where, number)  # noqa: PLR2004 servers' own
