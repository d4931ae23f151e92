"""
What each error of psycopg2 becomes, after a connection stands.

Looked up by SQLSTATE (PostgreSQL manual, appendix "PostgreSQL Error Codes"), then by the SQLSTATE's class, then
by the driver's exception class. That one's word that the connection ended counts only without an SQLSTATE. The driver's
text is never shown: the server quotes the statement in it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import psycopg2
from psycopg2 import extensions

from rotation.engines.fault import Fault, by_class
from rotation.errors import EngineError, PermissionDenied, ReadOnlyServer, StatementFailed, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGINE: Final = "postgresql"

fault: Final = partial(Fault, ENGINE)


_AGAIN: Final = "The step can be tried again."
_CONFLICT: Final = fault(StatementFailed, "Another session changed the same account", _AGAIN, retryable=True)
_ENDED: Final = fault(Unreachable, "The connection to the server ended", _AGAIN)
LOG: Final = "The server's log has its text (RDS: Logs & events, error/postgresql.log)."
_FAILED: Final = fault(StatementFailed, "The server refused a statement", LOG)
_SLOW: Final = fault(StatementFailed, "The server did not finish a statement in time", _AGAIN, retryable=True)

LATE: Final = fault(Unreachable, "The server gave no answer in time", "Look at its load and at the network.")

LATE_COMMIT: Final = fault(
    Unreachable,
    "The server did not confirm a change in time",
    "Where synchronous_standby_names is set, COMMIT waits for a standby: see pg_stat_replication. Otherwise look at "
    "its load and at the network.",
)

NO_ROW: Final = fault(
    StatementFailed, "The server answered a query without a row", "See whether the account is there (still)."
)
UNREADABLE: Final = fault(
    StatementFailed,
    "A role's name, comment or setting is not in the encoding of the secret's database",
    "See pg_db_role_setting and pg_shdescription, and set it anew from a database of this encoding.",
)
"""Roles are shared by all databases, whose encodings may differ; the server passes their bytes on as they are."""

SQLSTATES: Final[Mapping[str, Fault]] = {
    "08": _ENDED,
    "22023": _FAILED,
    "23505": _CONFLICT,
    "25006": fault(
        ReadOnlyServer,
        "The server takes no changes: it is a replica, or it was set to read-only",
        "Name the writer's endpoint, or end default_transaction_read_only.",
    ),
    "25P03": _ENDED,
    "25P04": _ENDED,
    "40": _CONFLICT,
    "42501": fault(PermissionDenied, "The login lacks a right", LOG),
    "42710": fault(StatementFailed, "The account came into being just now", _AGAIN, retryable=True),
    "42704": fault(StatementFailed, "The account does not exist", "Create it, or correct the secret's username."),
    "53": fault(StatementFailed, "The server is out of a resource", _AGAIN, retryable=True),
    "55P03": fault(StatementFailed, "Another session holds a lock for too long", _AGAIN, retryable=True),
    "57P": _ENDED,
    "57014": _SLOW,
}

CLASSES: Final[Mapping[type[Exception], Fault]] = {
    psycopg2.Warning: _FAILED,
    psycopg2.Error: _FAILED,
    psycopg2.InterfaceError: _ENDED,
    psycopg2.DatabaseError: _FAILED,
    psycopg2.DataError: _FAILED,
    psycopg2.IntegrityError: _FAILED,
    psycopg2.InternalError: _FAILED,
    psycopg2.NotSupportedError: _FAILED,
    psycopg2.OperationalError: _ENDED,
    psycopg2.ProgrammingError: _FAILED,
    extensions.QueryCanceledError: _SLOW,
    extensions.TransactionRollbackError: _CONFLICT,
}


def translate(error: Exception, where: str) -> EngineError:
    """Return the error that stands for the driver's."""
    code = getattr(error, "pgcode", None) or ""
    return _fault(error, code).at(where, code)


def _fault(error: Exception, code: str) -> Fault:
    # elog() in heapam.c: this text is not translated, and XX000 alone means anything.
    if code == "XX000" and "tuple concurrently" in str(error):
        return _CONFLICT
    for key in (code, code[:3], code[:2]):
        if key in SQLSTATES:
            return SQLSTATES[key]
    found = by_class(CLASSES, error)
    return _FAILED if code and found is _ENDED else found  # who answers with a code is still there
