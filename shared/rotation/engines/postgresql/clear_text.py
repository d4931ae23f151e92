"""Sending a password in clear text, where a check takes nothing else: only where nothing on the server keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.postgresql.changes import literal, quoted
from rotation.engines.postgresql.faults import ENGINE
from rotation.errors import PermissionDenied

if TYPE_CHECKING:
    from rotation.engines.postgresql.connection import Connection

QUIET: Final = {
    "log_statement": ("none",),
    "log_min_error_statement": ("panic", "fatal"),
    "log_min_duration_statement": ("-1",),
    "log_min_duration_sample": ("-1",),
    "log_transaction_sample_rate": ("0",),
    "debug_print_parse": ("off",),
    "debug_print_rewritten": ("off",),
    "debug_print_plan": ("off",),
    "pgaudit.log": ("none", ""),
    "pg_stat_statements.track_utility": ("off",),
}
"""
What keeps the text of an ALTER ROLE, and the values with which it does not.

Manual, "Error Reporting and Logging" and pg_stat_statements; pgaudit's README. A setting that the server does not know
belongs to an extension that is not loaded.
"""


def require_unkept(connection: Connection) -> None:
    """
    See within the transaction that nothing on the server keeps the text of its statements.

    What the login may set is set for the transaction alone. Raises PermissionDenied with the statements for the rest.
    """
    kept = [name for name in QUIET if not _is_quiet(connection, name)]
    if kept:
        settings = (f"ALTER ROLE {quoted(connection.user)} SET {name} = {literal(QUIET[name][0])};" for name in kept)
        raise PermissionDenied(
            "The server's log or its statistics would keep the password in clear text",
            engine=ENGINE,
            where=connection.where,
            remedy=f"As a superuser, run: {' '.join(settings)}",
        )


def _is_quiet(connection: Connection, name: str) -> bool:
    value = connection.one("SELECT pg_catalog.current_setting(%s, true)", (name,))
    if value is None or value in QUIET[name]:
        return True
    try:
        with connection.savepoint():
            connection.run("SELECT pg_catalog.set_config(%s, %s, true)", (name, QUIET[name][0]))
    except PermissionDenied:
        return False
    return True
