"""What the login itself, and what a user with all its roles, may do."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from rotation.engines.mysql import grants, tokens
from rotation.engines.mysql.accounts import parsed, read_grants
from rotation.engines.mysql.connection import Account
from rotation.engines.mysql.grants import ALL, EVERYWHERE, Grant, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rotation.engines.mysql.accounts import State
    from rotation.engines.mysql.connection import Connection

_PART: Final = r"""((?:`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|"[^"]*"|[^,@])*)"""
_MANDATORY: Final = re.compile(rf"{_PART}(?:@{_PART})?(?:,|$)", re.DOTALL)
"""A role in the variable: its name and its host part, each quoted or not."""


class Rights:
    """What is held, by place, so that a question costs one look, however much it is."""

    def __init__(self, held: Iterable[Grant]) -> None:
        """Sort the grants."""
        self._held: dict[str, set[str]] = defaultdict(set)
        self._restricted: dict[str, set[str]] = defaultdict(set)
        for grant in held:
            if grant.kind is Kind.RESTRICTION:
                self._restricted[grants.schema_of(grant.on)].add(grant.what)
            else:
                self._held[grant.on].add(grant.what)

    def holds(self, what: str, on: str = EVERYWHERE) -> bool:
        """Return whether a privilege is among them, for all or for that place."""
        places = {on} if self.is_restricted(what, on) else {EVERYWHERE, on}
        return any(not self._held.get(place, set()).isdisjoint({what, ALL}) for place in places)

    def is_restricted(self, what: str, on: str) -> bool:
        """Return whether what is held everywhere was taken back for that place's schema (manual, "Partial Revokes")."""
        return not self._restricted.get(grants.schema_of(on), set()).isdisjoint({what, ALL})


def held_by_login(connection: Connection) -> frozenset[Grant]:
    """Read what the login may do now, by itself and by the roles in effect (manual, "SHOW GRANTS Statement")."""
    rows = [str(row[0]) for row in connection.run("SHOW GRANTS")]
    return parsed(connection, (row for row in rows if not row.startswith("GRANT PROXY")), connection.account)


def rights_of_login(connection: Connection) -> Rights:
    """Read the same to ask for single rights."""
    return Rights(held_by_login(connection))


def held_with_roles(connection: Connection, state: State) -> Iterator[tuple[str, frozenset[Grant]]]:
    """
    Return what an account holds, by each holder's name: directly, through roles, mandatory ones too, or as a proxy.

    Who may proxy another account can become it (manual, "Proxy Users").
    """
    own = state.account == connection.account  # whoever is no admin may read its own grants only, with roles in effect
    if own:
        yield str(state.account), held_by_login(connection)
        return
    waiting = [state.account, *_mandatory(connection)]
    seen = set(waiting)
    while waiting:
        holder = waiting.pop()
        held = state.grants if holder == state.account else read_grants(connection, holder)
        yield str(holder), held
        behind = {_account(grant) for grant in held if grant.kind in {Kind.ROLE, Kind.PROXY}}
        behind |= {Account(role, "", is_role=True) for role in state.marks}  # somebody may have given it rights
        waiting += behind - seen
        seen |= behind


def _mandatory(connection: Connection) -> Iterator[Account]:
    """List the roles that MySQL gives to everybody; without a host part % is meant (manual, mandatory_roles)."""
    for user, host in _MANDATORY.findall(connection.mandatory_roles):
        if name := _plain(user):
            yield Account(name, _plain(host) or "%")


def _plain(part: str) -> str:
    text = part.strip()
    return tokens.unquoted(text) if text[:1] in {"`", "'", '"'} else text


def _account(grant: Grant) -> Account:
    """Return the role or the account that a grant names: roles have a host part on MySQL, and none on MariaDB."""
    words = tokens.split(grant.what if grant.kind is Kind.ROLE else grant.on)
    if len(words) == 1:
        return Account(tokens.unquoted(words[0]), "", is_role=True)
    return Account(tokens.unquoted(words[0]), tokens.unquoted(words[2]))
