"""What the login itself, and what a user with all its roles, may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.engines.mysql import grants, tokens
from rotation.engines.mysql.accounts import read_grants
from rotation.engines.mysql.connection import Account
from rotation.engines.mysql.grants import ALL, EVERYWHERE, Grant, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.engines.mysql.connection import Connection


def held_by_login(connection: Connection) -> frozenset[Grant]:
    """Read what the login may do now, by itself and by the roles in effect (manual, "SHOW GRANTS Statement")."""
    rows = [str(row[0]) for row in connection.run("SHOW GRANTS")]
    return grants.parse((row for row in rows if not row.startswith("GRANT PROXY")), connection.account)


def holds(held: frozenset[Grant], what: str, on: str = EVERYWHERE) -> bool:
    """Say whether a privilege is among them, for all or for that place."""
    places = {on} if is_restricted(held, what, on) else {EVERYWHERE, on}
    return any(grant.what in {what, ALL} and grant.on in places for grant in held if grant.kind is not Kind.RESTRICTION)


def is_restricted(held: frozenset[Grant], what: str, on: str) -> bool:
    """Say whether what is held everywhere was taken back for that place's schema (manual, "Partial Revokes")."""
    schema = grants.schema_of(on)
    return any(
        grant.kind is Kind.RESTRICTION and grant.what in {what, ALL} and grants.schema_of(grant.on) == schema
        for grant in held
    )


def held_with_roles(connection: Connection, account: Account) -> Iterator[tuple[str, Grant]]:
    """Give what an account holds, directly or through roles, each with the holder's name."""
    waiting, seen = [account], {account}
    while waiting:
        holder = waiting.pop()
        own = holder == connection.account  # whoever is no admin may read its own grants only, roles in effect included
        for grant in held_by_login(connection) if own else read_grants(connection, holder):
            yield str(holder), grant
            if not own and grant.kind is Kind.ROLE and (role := _role(grant.what)) not in seen:
                seen.add(role)
                waiting.append(role)


def _role(name: str) -> Account:
    """Read a role's name: with a host part on MySQL, without on MariaDB."""
    words = tokens.split(name)
    if len(words) == 1:
        return Account(tokens.unquoted(words[0]), "", is_role=True)
    return Account(tokens.unquoted(words[0]), tokens.unquoted(words[2]))
