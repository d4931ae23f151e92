"""The two users that alternate: whose the idle one is, and how it gets the access of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rotation.engines.redshift import elsewhere, marks
from rotation.engines.redshift.accounts import Change, User, levelling, lost_on_base, read_flags, read_user
from rotation.engines.redshift.owned import Thing, implied, read_owned
from rotation.engines.redshift.passwords import explained, hashed, set_hash
from rotation.engines.redshift.policies import read_policies, readable
from rotation.engines.redshift.rights import Rights, grant, read_groups, read_rights, revoke, revoke_option
from rotation.engines.redshift.text import folded, identifier
from rotation.errors import AccessMismatch, PermissionDenied, StatementFailed
from rotation.model import Ownership

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rotation.engines.redshift.connection import Connection
    from rotation.model import Pair, Password

_SUPERUSER: Final = "SELECT usesuper FROM pg_catalog.pg_user WHERE usename = %s"
_SIGHT: Final = """
SELECT count(*) FROM pg_catalog.svv_system_privileges p, pg_catalog.svv_user_grants g
 WHERE p.system_privilege = 'ACCESS SYSTEM TABLE' AND p.identity_name = g.role_name AND g.user_name = %s
"""
"""Whether the views show this login the rights of others: to superusers, or with this permission through a role."""


@dataclass(frozen=True, slots=True)
class State:
    """One user of the pair: its attributes, what it was given, and what it owns."""

    user: User
    given: Rights
    owned: list[Thing]

    @property
    def rights(self) -> Rights:
        """What it may do: by grants, and as an owner."""
        return self.given | implied(self.owned)


def ownership(connection: Connection, pair: Pair) -> Ownership:
    """Return whose the idle user is, by the roles that mark it."""
    idle = folded(pair.idle)
    if read_flags(connection, idle) is None:
        return Ownership.ABSENT
    found = [mark for mark in marks.read(connection, pair) if mark.user == idle]
    if marks.are_of(found, pair):
        return Ownership.OURS
    return Ownership.FOREIGN if found else Ownership.UNMARKED


def prepared_version(connection: Connection, pair: Pair) -> str | None:
    """Return the version that the pair was prepared for last."""
    known = marks.are_of(marks.read(connection, pair), pair)
    return marks.version_of(known[0], pair) if known else None


def level(connection: Connection, pair: Pair, password: Password, *, rehearse: bool) -> Sequence[str]:
    """Make the idle user the equal of the active one in one transaction, the password last."""
    secret = hashed(password)
    superuser, policies = _require_sight(connection), readable(connection)
    elsewhere.refuse_difference(connection, pair)
    try:
        with connection.transaction(keep=not rehearse):
            lines = [*_moved(connection, pair, superuser=superuser)]
            prepare = _level_clone if pair.promotes_clone else _check_base
            lines += prepare(connection, pair, policies)
            marks.renew(connection, pair, superuser=superuser)
            set_hash(connection, pair.idle, secret)
    except PermissionDenied as denied:
        raise explained(
            denied, connection, f"level {pair.idle}", "CREATE USER, ALTER USER, CREATE ROLE, ACCESS SYSTEM TABLE"
        ) from None
    return lines


def _require_sight(connection: Connection) -> bool:
    """Return whether the login is a superuser. Raises PermissionDenied where it would not see others' rights."""
    if connection.one(_SUPERUSER, connection.user):
        return True
    if not connection.one(_SIGHT, connection.user):
        denied = PermissionDenied("", engine="", code="")
        raise explained(denied, connection, "see the rights of other users", "ACCESS SYSTEM TABLE")
    return False


def _moved(connection: Connection, pair: Pair, *, superuser: bool) -> Iterator[str]:
    """Return what the clone owns to the base: Redshift has no role that both could own it through."""
    clone, base = folded(pair.clone), folded(pair.base)
    owned = read_owned(connection, clone)
    if owned and not (superuser and all(thing.movable for thing in owned)):
        raise AccessMismatch(
            f"The user {pair.clone} owns what {pair.base} should own: {', '.join(map(str, owned))}",
            where=connection.where,
            remedy=f"As a superuser, run: {'; '.join(_by_hand(thing, base) for thing in owned)}; "
            "or name a superuser's secret in masterarn.",
        )
    for thing in owned:
        yield _run(connection, Change(thing.give_to(base)))


def _by_hand(thing: Thing, base: str) -> str:
    return thing.give_to(base) if thing.movable else f"DROP {thing} (it cannot change hands)"


def _level_clone(connection: Connection, pair: Pair, policies: frozenset[str]) -> list[str]:
    base = _existing(connection, pair.base, policies)
    lines = []
    if read_flags(connection, folded(pair.clone)) is None:
        created = Change(f"CREATE USER {identifier(folded(pair.clone))} PASSWORD DISABLE")
        connection.run(created.statement)
        lines.append(str(created))
    clone = _existing(connection, pair.clone, policies)
    lines += [_run(connection, change) for change in _differences(base, clone)]
    if remaining := list(_differences(base, _existing(connection, pair.clone, policies))):
        raise _mismatch(connection, pair, [str(change) for change in remaining])
    return lines


def _differences(base: State, clone: State) -> Iterator[Change]:
    """List what makes the clone the base's equal: nothing when it is."""
    name = clone.user.name
    yield from levelling(base.user, clone.user)
    yield from (Change(statement) for statement in _lacking(base.rights, clone.given, name))
    for right, option in sorted(clone.given.items()):
        if right not in base.rights:
            yield Change(revoke(right, name))
        elif option and not base.rights[right]:
            yield Change(revoke_option(right, name))


def _lacking(wanted: Rights, held: Rights, name: str) -> Iterator[str]:
    for right, option in sorted(wanted.items()):
        if right not in held or (option and not held[right]):
            yield grant(right, name, option=option)


def _check_base(connection: Connection, pair: Pair, policies: frozenset[str]) -> list[str]:
    """Refuse to promote the base where the application would lose something; give the clone back what it moved."""
    base, clone = _existing(connection, pair.base, policies), _existing(connection, pair.clone, policies)
    back = [Change(text) for text in _lacking(implied(base.owned), clone.given, clone.user.name)]
    lost = lost_on_base(base.user, clone.user) + list(_lacking(clone.given, base.rights, base.user.name))
    if lost:
        raise _mismatch(connection, pair, lost)
    return [_run(connection, change) for change in back]


def _existing(connection: Connection, name: str, policies: frozenset[str]) -> State:
    key = folded(name)
    if (user := read_user(connection, key)) is None:
        what = f"The pair lacks the user {name}"
        raise AccessMismatch(what, where=connection.where, remedy="Create it, or correct the secret.")
    given = read_rights(connection, key) | read_policies(connection, policies, key)
    return State(user, given, read_owned(connection, key))


def _run(connection: Connection, change: Change) -> str:
    """Make the change, and give the line that tells of it."""
    try:
        connection.run(change.statement)
    except (PermissionDenied, StatementFailed) as error:
        if error.retryable:
            raise
        what = f"The two users cannot be made equal: the admin may not run {change}"
        raise AccessMismatch(what, where=connection.where, remedy="Run it as a superuser.") from None
    return str(change)


def _mismatch(connection: Connection, pair: Pair, statements: Sequence[str]) -> AccessMismatch:
    what = f"The users {pair.base} and {pair.clone} do not have the same access"
    return AccessMismatch(what, where=connection.where, remedy=f"Run: {'; '.join(statements)}")


def check_access(connection: Connection, pair: Pair) -> None:
    """As the idle user: see that the two have the same attributes, settings and groups, which every user may see."""
    seen = {name: (read_flags(connection, name), read_groups(connection, name)) for name in _names(pair)}
    active, idle = (seen[folded(name)] for name in (pair.active, pair.idle))
    if idle[0] is None or active != idle:
        what = f"The users {pair.active} and {pair.idle} have not the same attributes, settings or groups"
        raise AccessMismatch(what, where=connection.where, remedy="Rotate again, so that they are made level.")


def _names(pair: Pair) -> tuple[str, str]:
    return folded(pair.base), folded(pair.clone)
