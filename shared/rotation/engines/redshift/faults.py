"""
What each error of redshift_connector becomes.

The driver raises the server's error as a mapping of its fields, whose "C" is the SQLSTATE (PostgreSQL manual, "Error
and Notice Message Fields"); what has none is looked up by its class. The text is never shown: it can quote a
statement.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Final

from scramp import ScramException  # type: ignore[import-untyped]

from rotation.engines.fault import Fault, by_class
from rotation.engines.redshift.driver import error as driver
from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    EngineError,
    PermissionDenied,
    StatementFailed,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGINE: Final = "redshift"

fault: Final = partial(Fault, ENGINE)


_AGAIN: Final = "The step can be tried again."
_CONFLICT: Final = fault(StatementFailed, "Another session changed the same account", _AGAIN, retryable=True)
_ENDED: Final = fault(Unreachable, "The connection to the server ended", _AGAIN)
LOG: Final = "SYS_QUERY_HISTORY has its text, in error_message (a superuser sees all rows, the user its own)."
_FAILED: Final = fault(StatementFailed, "The server refused a statement", LOG)
_STRANGE: Final = fault(Unreachable, "What answers does not speak Redshift's protocol", "Correct host and port.")

LATE: Final = fault(Unreachable, "The server gave no answer in time", "Look at its load and at the network.")
UNRESOLVED: Final = fault(Unreachable, "The host's name has no address", "Correct the host, or look at the DNS.")
REFUSED: Final = fault(Unreachable, "Nothing accepts connections there", "Look at the endpoint and security groups.")
NO_ROW: Final = fault(
    StatementFailed, "The server answered a query without a row", "See whether the account is there (still)."
)
COSTLY: Final = fault(
    Unreachable,
    "The server asks for more computing than a login is worth (SCRAM iterations)",
    "See that host and port are the database's own, and lower its iterations.",
    retryable=False,
)
CLEAR_TEXT: Final = fault(
    Unreachable, "The server asks for the password in clear text, without TLS", 'Take "ssl": false out of the secret.'
)

SQLSTATES: Final[Mapping[str, Fault]] = {
    "08": _ENDED,
    "23505": _CONFLICT,
    "40": _CONFLICT,
    "42501": fault(PermissionDenied, "The login lacks a right", LOG),
    "42704": fault(StatementFailed, "The account does not exist", "Create it, or correct the secret's username."),
    "42710": fault(StatementFailed, "The account came into being just now", _AGAIN, retryable=True),
    "53": fault(StatementFailed, "The server is out of a resource", _AGAIN, retryable=True),
    "55P03": fault(StatementFailed, "Another session holds a lock for too long", _AGAIN, retryable=True),
    "57": _ENDED,
    "57014": fault(StatementFailed, "The server did not finish a statement in time", _AGAIN, retryable=True),
    "XX": fault(StatementFailed, "The server failed at a statement", _AGAIN, retryable=True),
}
"""By SQLSTATE, or by its class (PostgreSQL manual, appendix "PostgreSQL Error Codes", which Redshift descends from)."""

CLASSES: Final[Mapping[type[BaseException], Fault]] = {
    driver.Warning: _FAILED,
    driver.Error: _FAILED,
    driver.InterfaceError: _ENDED,
    driver.DatabaseError: _FAILED,
    driver.DataError: _FAILED,
    driver.OperationalError: _ENDED,
    driver.IntegrityError: _FAILED,
    driver.InternalError: _FAILED,
    driver.ProgrammingError: _FAILED,
    driver.NotSupportedError: _FAILED,
    driver.ArrayContentNotSupportedError: _FAILED,
    driver.ArrayContentNotHomogenousError: _FAILED,
    driver.ArrayDimensionsNotConsistentError: _FAILED,
    ScramException: _STRANGE,
    TimeoutError: LATE,
    OSError: _ENDED,
    struct.error: _STRANGE,
    ArithmeticError: _STRANGE,
    AttributeError: _STRANGE,
    LookupError: _STRANGE,
    TypeError: _STRANGE,
    ValueError: _STRANGE,
}
"""By class. The last eight are what the driver lets through: the socket's own, and answers that it cannot read."""

DRIVERS: Final = tuple(CLASSES)
"""What to catch around every use of the driver."""

_WRONG: Final = fault(
    AuthenticationFailed,
    "The server refused the user name or the password",
    "It says the same of a user that does not exist, has its password disabled, or is past its VALID UNTIL.",
)
_FULL: Final = fault(
    AccountUnusable,
    "All connections that the server or the user may have are in use",
    "Raise the limit.",
    retryable=True,
)
LOGINS: Final[Mapping[str, Fault]] = {
    "28": _WRONG,
    "3D": fault(AccountUnusable, "The database does not exist", "Correct dbname in the secret."),
    "42501": fault(AccountUnusable, "The user may not connect to the database", "Grant it USAGE ON DATABASE."),
    "53": _FULL,
    "57": fault(Unreachable, "The server accepts no logins just now", _AGAIN),
}
_OTHER: Final = fault(
    AccountUnusable,
    "The server refused the login for a reason of its own",
    "A superuser sees it in SYS_CONNECTION_LOG, or in STL_CONNECTION_LOG on a provisioned cluster.",
)
_AFTERWARDS: Final = frozenset({"3D", "42501"})
"""What a server of this family looks at only once the password was accepted (PostgreSQL's InitPostgres)."""


def fields_of(error: BaseException) -> Mapping[str, str]:
    """Return the fields of an error that the server sent; none for one of the driver's own."""
    content = error.args[0] if error.args else None
    return content if isinstance(content, dict) else {}


def translate(error: BaseException, where: str) -> EngineError:
    """Return the error that stands for the driver's, after a login."""
    code = fields_of(error).get("C", "")
    for key in (code, code[:2]):
        if key in SQLSTATES:
            return SQLSTATES[key].at(where, code)
    if code:
        return _FAILED.at(where, code)
    return by_class(CLASSES, error).at(where)


def refusal(error: BaseException, where: str) -> EngineError:
    """Return the error that stands for the driver's, at a login; only the server's own word is a refusal."""
    fields = fields_of(error)
    code = fields.get("C", "")
    if not code:
        return by_class(CLASSES, error).at(where)
    found = next((key for key in (code, code[:2]) if key in LOGINS), "")
    refused = LOGINS.get(found, _OTHER).at(where, code)
    if isinstance(refused, AccountUnusable):
        refused.password_accepted = found in _AFTERWARDS or "too many connections for" in fields.get("M", "")
    return refused
