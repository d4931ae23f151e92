"""
What each error of PyMongo becomes.

Looked up by the server's error code (MongoDB manual, "Error Codes"), then by the driver's exception class. The
text is never shown: the server quotes commands in it, and the driver names hosts.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from bson.errors import BSONError
from pymongo import errors

from rotation.engines.fault import Fault, by_class
from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    EngineError,
    PasswordRejected,
    PermissionDenied,
    StatementFailed,
    TlsFailed,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGINE: Final = "documentdb"

fault: Final = partial(Fault, ENGINE)


class NotPrimary(Unreachable):
    """The node does not take writes (any more); the command had no effect that lasts."""


class Refused(StatementFailed):
    """The server refused the command, or a field of it, for a reason that this table does not know."""


class Unsupported(Refused):
    """The server does not know the command, or a field of it."""


class AlreadyExists(StatementFailed):
    """The account came into being just now."""

    retryable = True


_AGAIN: Final = "The step can be tried again."
ENDED: Final = fault(
    Unreachable,
    "The server could not be reached, or the connection to it ended",
    "Look at the address and the network.",
)
ENDED_WITHOUT_TLS: Final = fault(
    Unreachable,
    "The server could not be reached, or the connection to it ended",
    'Look at the address and the network; where the server wants TLS, take "ssl": false out of the secret.',
)
UNRESOLVED: Final = fault(
    Unreachable,
    "The host's name has no address",
    "Correct the host, or look at the DNS. A name of SRV records is none.",
)
COSTLY: Final = fault(
    Unreachable,
    "The server asks for more computing than a login is worth (SCRAM iterations)",
    "See that host and port are the database's own, and lower its iterations.",
    retryable=False,
)
LOG: Final = (
    "MongoDB's log has its text (mongod.log). DocumentDB has none: look the code up among MongoDB's error codes, and "
    "see the audit log, where it is on (CloudWatch, /aws/docdb/CLUSTER/audit)."
)
_FAILED: Final = fault(StatementFailed, "The server refused a command", LOG)
_REFUSED: Final = fault(Refused, "The server refused a command", LOG)
_MISUSED: Final = fault(StatementFailed, "The driver refused a command", "Report it, with the version of the driver.")
_SLOW: Final = fault(StatementFailed, "The server did not finish a command in time", _AGAIN, retryable=True)
_BUSY: Final = fault(StatementFailed, "Another command was in the way of this one", _AGAIN, retryable=True)
_NOT_PRIMARY: Final = fault(NotPrimary, "The node does not take writes: another one became primary", _AGAIN)
_POLICY: Final = fault(PasswordRejected, "The server refuses the new password", "Look at the password's settings.")
_UNSUPPORTED: Final = fault(Unsupported, "The server does not know a command, or a field of it")
_UNREADABLE: Final = fault(
    StatementFailed,
    "An answer of the server cannot be decoded",
    "See whether the user's customData holds a text that is not in UTF-8.",
)
LOST_LOGIN: Final = fault(Unreachable, "The session is not logged in any more", _AGAIN)

LATE: Final = fault(Unreachable, "The server gave no answer in time", "Look at its load and at the network.")
NO_PRIMARY: Final = fault(
    Unreachable, "No node of the replica set takes writes", "Wait for the election, or name the cluster's endpoint."
)
DROPPED_HANDSHAKE: Final = fault(
    TlsFailed,
    "The server ended the TLS handshake: it offers no TLS, or is about to stop",
    'Switch TLS on there; only "ssl": false in the secret goes without.',
    retryable=True,
)

_THERE: Final = fault(AlreadyExists, "The account came into being just now", _AGAIN)

CODES: Final[Mapping[int, Fault]] = {
    6: ENDED,
    7: ENDED,
    9: _UNSUPPORTED,
    11: fault(StatementFailed, "The account does not exist", "Create it, or correct the secret's username."),
    13: fault(PermissionDenied, "The login lacks a right", LOG),
    18: LOST_LOGIN,
    24: _BUSY,
    31: fault(StatementFailed, "A role of the user does not exist (any more)", "Create it, or take it off the user."),
    50: _SLOW,
    59: _UNSUPPORTED,
    64: _SLOW,
    89: ENDED,
    91: _NOT_PRIMARY,
    112: _BUSY,
    134: _BUSY,
    189: _NOT_PRIMARY,
    262: _SLOW,
    303: _UNSUPPORTED,
    391: LOST_LOGIN,
    9001: ENDED,
    10058: _NOT_PRIMARY,
    10107: _NOT_PRIMARY,
    11600: _NOT_PRIMARY,
    11602: _NOT_PRIMARY,
    13435: _NOT_PRIMARY,
    13436: _NOT_PRIMARY,
    40415: _UNSUPPORTED,
    50687: _POLICY,
    50692: _POLICY,
    11000: _THERE,
    51003: _THERE,
}
"""
11000 is DocumentDB's word for a user that is there already, 303 its "feature not supported"; 50687 and 50692 are what
RFC 4013 forbids in a password.
"""

LOGIN_CODES: Final[Mapping[int, Fault]] = {
    18: fault(
        AuthenticationFailed,
        "The server refused the user name or the password",
        'A user that does not live in the database admin needs "authSource" in the secret.',
    ),
    334: fault(AccountUnusable, "The user has no password of a kind that the server and the driver share"),
    8000: fault(AuthenticationFailed, "The server refused the user name or the password"),
}
"""What a code means at the login alone. 8000 is MongoDB Atlas's."""

CLASSES: Final[Mapping[type[Exception], Fault]] = {
    errors.AutoReconnect: ENDED,
    errors.BulkWriteError: _FAILED,
    errors.ClientBulkWriteException: _FAILED,
    errors.CollectionInvalid: _MISUSED,
    errors.ConfigurationError: fault(
        StatementFailed, "The server speaks no version of the protocol that the driver speaks", "Upgrade the server."
    ),
    errors.ConnectionFailure: ENDED,
    errors.CursorNotFound: _FAILED,
    errors.DocumentTooLarge: _MISUSED,
    errors.DuplicateKeyError: _FAILED,
    errors.EncryptedCollectionError: _MISUSED,
    errors.EncryptionError: _MISUSED,
    errors.ExecutionTimeout: _SLOW,
    errors.InvalidName: _MISUSED,
    errors.InvalidOperation: _MISUSED,
    errors.InvalidURI: _MISUSED,
    errors.NetworkTimeout: LATE,
    errors.NotPrimaryError: _NOT_PRIMARY,
    errors.OperationFailure: _REFUSED,
    errors.ProtocolError: ENDED,
    errors.PyMongoError: _FAILED,
    errors.ServerSelectionTimeoutError: LATE,
    errors.WTimeoutError: _SLOW,
    errors.WaitQueueTimeoutError: LATE,
    errors.WriteConcernError: _SLOW,
    errors.WriteError: _FAILED,
    BSONError: _UNREADABLE,
    OSError: ENDED,
    Exception: _FAILED,
}


_STRANGE: Final = fault(Unreachable, "What answers does not speak MongoDB's protocol", "Correct host and port.")
ODD: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, struct.error)
"""What the driver lets through at a login whose answers lack a field, or have one of another kind."""

AT_LOGINS: Final[Mapping[type[Exception], Fault]] = {**CLASSES, **dict.fromkeys(ODD, _STRANGE)}
"""By class, as long as nobody has logged in."""


def translate(error: Exception, where: str, classes: Mapping[type[Exception], Fault] = CLASSES) -> EngineError:
    """Return the error that stands for the driver's, by the server's code or else by one of the classes."""
    code = _code(error)
    fault = CODES.get(code) if code is not None else None
    return (fault or by_class(classes, error)).at(where, "" if code is None else str(code))


def refusal(error: errors.OperationFailure, where: str) -> EngineError:
    """Return the error that stands for what the server said of a login; without a code it is the driver's own doubt."""
    if error.code is None:
        return _STRANGE.at(where)
    fault = LOGIN_CODES.get(error.code)
    return fault.at(where, str(error.code)) if fault else translate(error, where)


def by_code(code: object, where: str) -> EngineError:
    """Return the error that stands for a code that the server reports beside an answer."""
    known = code if isinstance(code, int) else None
    return CODES.get(known or 0, _SLOW).at(where, "" if known is None else str(known))


def _code(error: Exception) -> int | None:
    """Return the server's code; the driver keeps that of a node that is not primary in the details alone."""
    details: Any = getattr(error, "details", None)
    code = details.get("code") if isinstance(details, dict) else None
    found = getattr(error, "code", None) or code
    return found if isinstance(found, int) else None
