"""As whom the login of a pair's user acts: at first, and after what pools send between two clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.postgresql import releases
from rotation.engines.postgresql.accounts import as_it_logs_in, existing, read_roles
from rotation.engines.postgresql.changes import login_settings, quoted
from rotation.errors import AccessMismatch
from rotation.ports import Caution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotation.engines.postgresql.accounts import Role
    from rotation.engines.postgresql.connection import Connection
    from rotation.model import Pair

_ACTS_AS: Final = "SELECT current_user::text"

_RESETS: Final = (f"RESET ALL; {_ACTS_AS}", f"RESET SESSION AUTHORIZATION; {_ACTS_AS}", "DISCARD ALL", _ACTS_AS)
"""
What pools send before another client gets a connection (manual, DISCARD; Npgsql, PgBouncer, Odyssey, pgcat).

DISCARD ALL has a message of its own, since it cannot be within a transaction.
"""


def check(connection: Connection, pair: Pair) -> Sequence[str]:
    """
    As the idle user: see that its login gives the role that the base's login gives, and the membership.

    Gives what a person should know: a server that takes the role off a session again.
    """
    found = read_roles(connection, pair.base, pair.clone, login_only=True)
    base, everyone = as_it_logs_in(existing(connection, pair, found, pair.base))
    acts_as = connection.opening.acts_as
    wanted = login_settings(base, everyone, pair.clone)
    expected = wanted.get((connection.opening.database, "role"), wanted["", "role"])
    if acts_as != expected:
        raise AccessMismatch(
            f"The user {pair.idle} acts as {acts_as} after its login, and not as {expected}",
            where=connection.where,
            remedy=_remedy(connection, pair, expected),
        )
    if pair.promotes_clone and not _is_member(existing(connection, pair, found, pair.clone), pair.base):
        what = f"The user {pair.clone} is not a member of {pair.base}"
        remedy = f"GRANT {quoted(pair.base)} TO {quoted(pair.clone)}."
        raise AccessMismatch(what, where=connection.where, remedy=remedy)
    if pair.promotes_clone and not _keeps(connection, acts_as):
        return [loses_role(connection, pair)]
    return []


def _is_member(user: Role, base: str) -> bool:
    return any(held.role == base for held in user.memberships)


def _remedy(connection: Connection, pair: Pair, expected: str) -> str:
    if releases.ignores_role(connection.version):
        return f"This release ignores the role that a user's settings name. {releases.remedy(connection.version)}."
    return f"See that it may: GRANT {quoted(expected)} TO {quoted(pair.idle)}, and its setting of role."


def _keeps(connection: Connection, acts_as: str) -> bool:
    """Send what pools send; the session's own settings come from its login, and stay."""
    return all(connection.bare(message) in ([], [(acts_as,)]) for message in _RESETS)


def loses_role(connection: Connection, pair: Pair) -> Caution:
    """Say what a pool's reset does to the clone here, and what to do."""
    return Caution(
        f"On this server a session of {pair.clone} no longer acts as {pair.base} after DISCARD ALL, which pools send "
        f"between two clients: what it creates then is its own, out of reach of {pair.base}, until the next rotation "
        f"gives it to {pair.base}. {releases.remedy(connection.version)}."
    )
