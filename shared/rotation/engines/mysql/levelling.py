"""What has to be run so that one account of a pair is the equal of the other: pure functions of what was read."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rotation.engines.mysql import tokens
from rotation.engines.mysql.accounts import DIGEST, MARK, MARK_KEYS, State, default_options, option_changes
from rotation.engines.mysql.changes import Change, changes, giving, taking
from rotation.engines.mysql.connection import quoted
from rotation.engines.mysql.grants import OPTION, Kind
from rotation.engines.mysql.rights import Rights
from rotation.model import Mark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rotation.engines.mysql.connection import Account, Connection
    from rotation.engines.mysql.grants import Grant
    from rotation.model import Pair

_OF_A_DEFINER: Final = frozenset({"EXECUTE", "ALTER ROUTINE"})
"""What the server gives to who creates a routine or a library (manual, automatic_sp_privileges)."""


def newborn(base: State, account: Account) -> State:
    """Return what an account will be just after it was made: closed, and without anything."""
    return State(
        account=account,
        plugin=base.plugin,
        closed=True,
        methods=(),
        locked=True,
        options=default_options(),
        grants=frozenset(),
        attributes={},
    )


def differences(connection: Connection, base: State, clone: State) -> list[Change]:
    """List what makes the clone the base's equal, but for marks and the password; nothing where it is."""
    found = []
    if clauses := option_changes(base, clone):
        found.append(Change(f"ALTER USER {clone.account} {' '.join(clauses)}"))
    found += changes(base.grants, clone.grants, clone.account)
    if base.default_roles != clone.default_roles:
        roles = ", ".join(sorted(base.default_roles)) or "NONE"
        on_mariadb = f"SET DEFAULT ROLE {roles} FOR {clone.account}"
        on_mysql = f"ALTER USER {clone.account} DEFAULT ROLE {roles}"
        found.append(Change(on_mariadb if connection.is_mariadb else on_mysql))
    return found


def needless(clone: State) -> Callable[[Change], bool]:
    """
    Make the question whether the clone lacks nothing without a change.

    That is so where the change takes something, or gives what the clone has in a wider form. Somebody else may have
    granted that, so it stops no rotation.
    """
    rights = Rights(clone.grants)

    def lacks_nothing(change: Change) -> bool:
        if change.parts:
            return all(map(lacks_nothing, change.parts))
        if change.given:
            return change.given.kind is Kind.RESTRICTION or _covered(clone, rights, change.given)
        return change.taken is not None and change.taken.kind is not Kind.RESTRICTION

    return lacks_nothing


class Lost(NamedTuple):
    """What an application that has the clone's access would lose with the base."""

    made: list[Change]
    """Gives what the clone has since it created something."""
    granted: list[Change]
    """Gives what else the clone may do; whoever may grant it may have granted it to the clone."""
    begun_with: list[Change]
    """Says which roles only the clone's logins begin with: a user sets that itself, or an admin does."""


def lost_on_base(base: State, clone: State, created: frozenset[str]) -> Lost:
    """
    List what the application would lose with the base.

    What the base holds and the clone does not is no loss; neither is what the base holds in a wider form.
    """
    rights = Rights(base.grants)
    extra = clone.grants - base.grants
    lost = {grant for grant in extra if grant.kind is not Kind.RESTRICTION and not _covered(base, rights, grant)}
    made = {grant for grant in lost if grant.what in _OF_A_DEFINER and _lowered(grant.on) in created}
    may = Rights(clone.grants)
    narrowed = {grant for grant in base.grants - clone.grants if grant.kind is Kind.RESTRICTION}
    narrowed = {grant for grant in narrowed if may.holds(grant.what, grant.on)}
    begun_with = sorted(grant.what for grant in lost if grant.kind is Kind.DEFAULT_ROLE)
    roles = [Change(f"make {role} a default role of {base.account}") for role in begun_with]
    granted = [*taking(narrowed, base.account), *giving(lost - made, base.account)]
    return Lost(list(giving(made, base.account)), granted, roles)


def _covered(base: State, rights: Rights, grant: Grant) -> bool:
    if grant.kind is Kind.PRIVILEGE:
        return grant.what != OPTION and rights.holds(grant.what, grant.on)
    return not grant.option and grant._replace(option=True) in base.grants


def routine(kind: str, schema: str, name: str) -> str:
    """Name a routine as grants do, and as what was created is compared with them."""
    return _lowered(f"{kind} {quoted(schema)}.{quoted(name)}")


def _lowered(on: str) -> str:
    """Lower a routine's name, which knows no capitals, and not its schema's (manual, "Identifier Case Sensitivity")."""
    name = tokens.split(on)[-1]
    return on.removesuffix(name) + name.lower()


def mark(connection: Connection, pair: Pair, state: State, like: State | None = None, *, sealed: bool = False) -> str:
    """Return the clause that marks an account, and levels its other attributes; empty where the server has none."""
    if connection.is_mariadb or not connection.keeps_attributes:
        return ""
    content: dict[str, str] = dict(zip(MARK_KEYS, Mark(pair.secret_arn, pair.base, pair.version), strict=True))
    if sealed:
        content[DIGEST] = digest(state.grants)
    patch: dict[str, Any] = {MARK: content}
    if like is not None:
        patch |= _patch(_words(like.attributes), _words(state.attributes))
    return f" ATTRIBUTE {connection.literal(json.dumps(patch))}"


def _words(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key != MARK}


def _patch(wanted: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    """Make a merge patch (RFC 7396, which ALTER USER applies) from what is held to what is wanted."""
    patch: dict[str, Any] = dict.fromkeys(held.keys() - wanted.keys())
    for key, value in wanted.items():
        if value != held.get(key):
            nested = isinstance(value, dict) and isinstance(held.get(key), dict)
            patch[key] = _patch(value, held[key]) if nested else value
    return patch


def digest(held: frozenset[Grant]) -> str:
    """Make a short word for a set of grants."""
    lines = sorted(f"{grant.kind.value}|{grant.what}|{grant.on}|{grant.option}" for grant in held)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def is_sealed(state: State) -> bool:
    """Return whether the account holds what was recorded beside it."""
    content = state.attributes.get(MARK)
    return isinstance(content, dict) and content.get(DIGEST) == digest(state.grants)
