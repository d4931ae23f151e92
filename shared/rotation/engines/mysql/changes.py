"""The statements that make one account hold what another one holds: pure functions of two sets of grants."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from rotation.engines.mysql.grants import ALL, EVERYWHERE, OPTION, Grant, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rotation.engines.mysql.connection import Account

_CREATE = "CREATE"


class Change(NamedTuple):
    """A statement of levelling, and the same in parts where it gives or takes more than one thing."""

    statement: str
    parts: tuple[Change, ...] = ()
    given: Grant | None = None
    """What it gives, where that is one thing."""
    taken: Grant | None = None
    """What it takes, where that is one thing."""

    def __str__(self) -> str:
        """Return the statement."""
        return self.statement


def changes(wanted: frozenset[Grant], held: frozenset[Grant], account: Account) -> list[Change]:
    """
    List what makes the account hold what is wanted: giving before taking, where that can be.

    ALL PRIVILEGES holds the other privileges of its place: where it comes they need not be taken, and where it goes
    it goes first. The right to pass a thing on can only be taken together with the thing. A restriction goes with the
    privilege that it restricts: taking it as well would give, for a moment, what neither account has.
    """
    missing, extra = wanted - held, held - wanted
    whole = {grant.on for grant in missing if grant.what == ALL}
    cleared = {grant.on for grant in extra if grant.what == ALL}
    first = {grant for grant in extra if grant.what == ALL or (grant.option and _otherwise(grant) in wanted)}
    given = missing | {grant for grant in wanted if grant.on in cleared and _is_plain(grant)}
    settled = {grant for grant in extra if _otherwise(grant) in wanted}
    settled |= {grant for grant in extra if grant.on in whole | cleared and _is_plain(grant)}
    settled |= {grant for grant in extra if grant.kind is Kind.RESTRICTION and _restricted(grant) in extra}
    return [
        *taking(first, account),
        *giving(given | _creating(given, wanted), account),
        *taking(extra - first - settled, account),
    ]


def giving(grants: Iterable[Grant], account: Account) -> Iterator[Change]:
    """List what gives the grants to the account, those of one place together."""
    for alike in _by_place(grants):
        parts = tuple(Change(grant.giving(account), given=grant) for grant in alike)
        yield parts[0] if len(parts) == 1 else Change(_together(alike).giving(account), parts)


def taking(grants: Iterable[Grant], account: Account) -> Iterator[Change]:
    """List what takes the grants from the account, those of one place together."""
    for alike in _by_place(grants):
        parts = tuple(Change(grant.taking(account), taken=grant) for grant in alike)
        yield parts[0] if len(parts) == 1 else Change(_together(alike).taking(account), parts)


def _creating(given: Iterable[Grant], wanted: frozenset[Grant]) -> set[Grant]:
    """
    Give CREATE again with what else comes to its table, which may not be there just now.

    Only together with CREATE the server takes it then (manual, "GRANT Statement", Table Privileges).
    """
    found = {Grant(Kind.PRIVILEGE, _CREATE, grant.on) for grant in given if grant.kind is Kind.PRIVILEGE}
    return found & wanted


def _by_place(grants: Iterable[Grant]) -> Iterator[tuple[Grant, ...]]:
    """Put together what one statement can say, restrictions last, since what they restrict has to be there."""
    chosen = (grant for grant in grants if grant.kind is not Kind.DEFAULT_ROLE)  # a login's roles are set elsewhere
    for _, alike in groupby(sorted(chosen, key=lambda grant: (*_place(grant), grant.what)), key=_place):
        yield tuple(alike)


def _place(grant: Grant) -> tuple[object, ...]:
    """
    Return what grants have in common that one statement can say.

    Columns are apart from their table, since they cannot be given where it is missing, CREATE or not.
    """
    alone = grant.what if grant.what == ALL or grant.kind in {Kind.ROLE, Kind.PROXY} else ""
    of_columns = grant.what.endswith(")")
    return grant.kind is Kind.RESTRICTION, grant.on, grant.kind.value, alone, of_columns, grant.option


def _together(alike: tuple[Grant, ...]) -> Grant:
    return alike[0]._replace(what=", ".join(grant.what for grant in alike))


def _otherwise(grant: Grant) -> Grant:
    """Return the same thing with the other word on passing it on."""
    return grant._replace(option=not grant.option)


def _restricted(restriction: Grant) -> Grant:
    """Return the privilege that it takes back for one schema."""
    return Grant(Kind.PRIVILEGE, restriction.what, EVERYWHERE)


def _is_plain(grant: Grant) -> bool:
    """Return whether ALL PRIVILEGES would hold it."""
    return grant.kind is Kind.PRIVILEGE and grant.what != OPTION
