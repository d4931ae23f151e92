"""What the login itself, and what a user with all its roles, may do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rotation.engines.mysql import grants, tokens
from rotation.engines.mysql.accounts import parsed, read_grants
from rotation.engines.mysql.connection import Account
from rotation.engines.mysql.grants import ALL, EVERYWHERE, Grant, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.engines.mysql.connection import Connection

_PART: Final = r"""((?:`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|"[^"]*"|[^,@])*)"""
_MANDATORY: Final = re.compile(rf"{_PART}(?:@{_PART})?(?:,|$)", re.DOTALL)
"""A role in the variable: its name and its host part, each quoted or not."""


def held_by_login(connection: Connection) -> frozenset[Grant]:
    """Read what the login may do now, by itself and by the roles in effect (manual, "SHOW GRANTS Statement")."""
    rows = [str(row[0]) for row in connection.run("SHOW GRANTS")]
    return parsed(connection, (row for row in rows if not row.startswith("GRANT PROXY")), connection.account)


def holds(held: frozenset[Grant], what: str, on: str = EVERYWHERE) -> bool:
    """Return whether a privilege is among them, for all or for that place."""
    places = {on} if is_restricted(held, what, on) else {EVERYWHERE, on}
    return any(grant.what in {what, ALL} and grant.on in places for grant in held if grant.kind is not Kind.RESTRICTION)


def is_restricted(held: frozenset[Grant], what: str, on: str) -> bool:
    """Return whether what is held everywhere was taken back for that place's schema (manual, "Partial Revokes")."""
    schema = grants.schema_of(on)
    return any(
        grant.kind is Kind.RESTRICTION and grant.what in {what, ALL} and grants.schema_of(grant.on) == schema
        for grant in held
    )


def held_with_roles(connection: Connection, account: Account) -> Iterator[tuple[str, Grant]]:
    """Return what an account holds, directly or through roles, mandatory ones too, each with the holder's name."""
    waiting = [account]
    if account != connection.account:  # what SHOW GRANTS tells of a login holds them already
        waiting += _mandatory(connection)
    seen = set(waiting)
    while waiting:
        holder = waiting.pop()
        own = holder == connection.account  # whoever is no admin may read its own grants only, roles in effect included
        for grant in held_by_login(connection) if own else read_grants(connection, holder):
            yield str(holder), grant
            if not own and grant.kind is Kind.ROLE and (role := _role(grant.what)) not in seen:
                seen.add(role)
                waiting.append(role)


def _mandatory(connection: Connection) -> Iterator[Account]:
    """List the roles that MySQL gives to everybody; without a host part % is meant (manual, mandatory_roles)."""
    for user, host in _MANDATORY.findall(connection.variables.get("mandatory_roles", "")):
        if name := _plain(user):
            yield Account(name, _plain(host) or "%")


def _plain(part: str) -> str:
    text = part.strip()
    return tokens.unquoted(text) if text[:1] in {"`", "'", '"'} else text


def _role(name: str) -> Account:
    """Read a role's name: with a host part on MySQL, without on MariaDB."""
    words = tokens.split(name)
    if len(words) == 1:
        return Account(tokens.unquoted(words[0]), "", is_role=True)
    return Account(tokens.unquoted(words[0]), tokens.unquoted(words[2]))
