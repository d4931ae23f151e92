"""
What a session begins with: whether the server itself answers, and what the database's owner set for every login.

Nothing is set by a statement. What a session needs from its first moment on is said at the login. There it comes
before all that ALTER DATABASE and ALTER ROLE have set (manual, "Setting Parameters"). The rest counts for one
transaction. So nobody else gets a session that was changed here, whatever stands in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rotation.errors import NotTheServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.model import Deadline

FIRST: Final = """
SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(), current_user::text,
       pg_catalog.current_database()::text,
       pg_catalog.current_setting('default_transaction_read_only'),
       pg_catalog.current_setting('synchronous_commit'), pg_catalog.current_setting('password_encryption'),
       pg_catalog.current_setting('idle_session_timeout', true),
       pg_catalog.current_setting('transaction_timeout', true)
"""
"""
What every session asks first. It sets nothing, and calls nothing that a user could have made.

What it makes of its values is little: a server that has just begun looks up each type and function in its catalogs.
"""

_SECONDS_IN: Final = {"": 0, "us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400}
"""The units in which the server shows a limit (manual, "Parameter Names and Values"); none is shown with 0 alone."""

_READ_ONLY_BY: Final = """
SELECT source FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'default_transaction_read_only'
"""
"""Who made transactions read-only. The view of all settings takes half as long as the rest, even to plan."""

ENDS_SESSIONS: Final = {"idle_session_timeout": 140000, "transaction_timeout": 170000}
"""Limits that end a session by themselves, and the versions that brought them (release notes of 14 and 17)."""

OWNERS: Final = frozenset({"database", "user", "database user"})
"""What ALTER DATABASE and ALTER ROLE have set, by the server's word (manual, pg_settings.source)."""


class Opening(NamedTuple):
    """What the first statement told."""

    lifts_read_only: bool
    """Whether a default of the database or the user makes transactions read-only, which concerns no password."""
    commits_late: bool
    """Whether COMMIT would return before the change is durable."""
    shortest: float
    """Seconds after which the server might end the session by itself; infinite where it would not."""
    acts_as: str
    """The role that the login gave."""
    database: str
    keeps_as: str
    """In which form the server keeps a password that the login sets for itself."""

    @property
    def begin(self) -> str:
        """Return the statements with which a transaction begins that changes something."""
        mode = " READ WRITE" if self.lifts_read_only else ""
        durable = "; SET LOCAL synchronous_commit = on" if self.commits_late else ""
        return f"BEGIN{mode}{durable}"


def options(deadline: Deadline, version: int) -> str:
    """
    Return the settings to log in with; those of newer versions only where the server's is known.

    No limit of the owner's ends the first statements, and none of them is without a limit. The search path: nothing
    that a user created stands before the catalogs.
    """
    left = max(1, int(deadline.remaining() * 900))
    limits = dict.fromkeys(("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"), left)
    limits |= {name: 0 for name, since in ENDS_SESSIONS.items() if version >= since}
    settings = {"application_name": "rotation", "client_encoding": "UTF8", "search_path": "pg_catalog", **limits}
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


def read(ask: Callable[[str], list[tuple[Any, ...]]], told: int, where: str) -> Opening:
    """
    Ask FIRST, and what its answer leaves open.

    Raises NotTheServer where another process answers than the one that logged us in. Poolers tell a number of their own
    at the login (PgBouncer; Odyssey, frontend.c; pgcat, client.rs), or none (RDS Proxy, which cannot cancel: RDS user
    guide, "Quotas and limitations for RDS Proxy").
    """
    pid, standby, acts_as, database, read_only, synchronous, keeps_as, *ends = ask(FIRST)[0]
    if pid != told:
        raise NotTheServer(where)
    return Opening(
        lifts_read_only=read_only == "on" and not standby and ask(_READ_ONLY_BY)[0][0] in OWNERS,
        commits_late=synchronous == "off",
        shortest=min(filter(None, map(_seconds, filter(None, ends))), default=float("inf")),
        acts_as=acts_as,
        database=database,
        keeps_as=keeps_as,
    )


def _seconds(limit: str) -> float:
    unit = limit.lstrip("0123456789")
    return int(limit.removesuffix(unit)) * _SECONDS_IN[unit]
