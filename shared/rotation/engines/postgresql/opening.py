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
    from collections.abc import Iterable

    from rotation.model import Deadline

FIRST: Final = """
SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(), name, setting, source
  FROM pg_catalog.pg_settings
 WHERE name OPERATOR(pg_catalog.=) ANY (ARRAY['default_transaction_read_only', 'synchronous_commit',
       'idle_session_timeout', 'transaction_timeout'])
"""
"""What every session asks first. It sets nothing, and calls nothing that a user could have made."""

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


def read(rows: Iterable[tuple[Any, ...]], told: int, where: str) -> Opening:
    """
    Read the answer to FIRST. Raises NotTheServer where another process answers than the one that logged us in.

    Poolers tell a number of their own at the login (PgBouncer; Odyssey, frontend.c; pgcat, client.rs), or none (RDS
    Proxy, which cannot cancel: RDS user guide, "Quotas and limitations for RDS Proxy").
    """
    known = {name: (setting, source) for _, _, name, setting, source in rows}
    pid, standby = next((pid, standby) for pid, standby, *_ in rows)
    if pid != told:
        raise NotTheServer(where)
    read_only, source = known["default_transaction_read_only"]
    ends = [int(known[name][0]) / 1000 for name in ENDS_SESSIONS if name in known]
    return Opening(
        lifts_read_only=read_only == "on" and source in OWNERS and not standby,
        commits_late=known["synchronous_commit"][0] == "off",
        shortest=min((seconds for seconds in ends if seconds), default=float("inf")),
    )
