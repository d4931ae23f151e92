"""The two users that alternate: whose the idle one is, and how it gets the access of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rotation.engines.redshift import elsewhere, marks
from rotation.engines.redshift.accounts import Change, User, levelling, lost_on_base, read_flags, read_user
from rotation.engines.redshift.forms import hashed, unusable
from rotation.engines.redshift.owned import Thing, implied, read_owned
from rotation.engines.redshift.passwords import by_permission, by_syslog, explained, set_hash
from rotation.engines.redshift.policies import read_policies, readable
from rotation.engines.redshift.rights import Rights, grant, read_groups, read_rights, revoke, revoke_option
from rotation.engines.redshift.text import identifier, literal
from rotation.errors import AccessMismatch, PermissionDenied, StatementFailed
from rotation.model import Ownership
from rotation.ports import Caution

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rotation.engines.redshift.connection import Connection
    from rotation.model import Pair, Password

_SUPERUSER: Final = "SELECT usesuper FROM pg_catalog.pg_user WHERE usename = %s"
_ROLES_SIGHT: Final = """
SELECT count(*) FROM pg_catalog.svv_system_privileges p, pg_catalog.svv_user_grants g
 WHERE p.system_privilege = 'ACCESS SYSTEM TABLE' AND p.identity_name = g.role_name AND g.user_name = %s
"""
"""
Shows a login the roles of others, and their rights on all but tables and views (Developer Guide, "SVV_USER_GRANTS",
"SVV_SCHEMA_PRIVILEGES" and the like).
"""
_TABLES_SIGHT: Final = """
SELECT count(*) FROM pg_catalog.svv_user_info WHERE user_name = %s AND syslog_access = 'UNRESTRICTED'
"""
"""Shows a login the rights of others on tables and views (Developer Guide, "SVV_RELATION_PRIVILEGES")."""


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
    if read_flags(connection, pair.idle) is None:
        return Ownership.ABSENT
    found = [mark for mark in marks.read(connection, pair) if mark.user == pair.idle]
    if marks.are_of(found, pair):
        return Ownership.OURS
    return Ownership.FOREIGN if found else Ownership.UNMARKED


def prepared_version(connection: Connection, pair: Pair) -> str | None:
    """Return the version that the pair was prepared for last."""
    known = marks.are_of(marks.read(connection, pair), pair)
    return marks.version_of(known[0], pair) if known else None


def take_over(connection: Connection, pair: Pair, former: str, *, rehearse: bool) -> Sequence[str]:
    """Mark as the pair's, in one transaction, who carries the former secret's mark of it."""
    superuser = _require_sight(connection)
    users = sorted({mark.user for mark in marks.theirs(connection, pair, former)})
    if users and not rehearse:
        try:
            with connection.transaction(keep=True):
                marks.take_over(connection, pair, former, superuser=superuser)
        except PermissionDenied as denied:
            remedy = by_permission(connection, _PERMISSIONS)
            raise explained(denied, connection, f"mark {', '.join(users)}", remedy) from None
    return users


def level(connection: Connection, pair: Pair, password: Password, *, rehearse: bool) -> Sequence[str]:
    """Make the idle user the equal of the active one in one transaction, the password last."""
    elsewhere.require_here(connection)
    superuser, policies = _require_sight(connection), readable(connection)
    told = elsewhere.refuse_loss(connection, pair)
    marks.refuse_foreign(connection, pair)
    secret = hashed(password, pair.idle, connection.form_of(pair.active, pair.idle))
    try:
        lines = told if superuser else told + _tried(connection, pair, policies, keep=not rehearse)
        with connection.transaction(keep=not rehearse):
            lines += _moved(connection, pair, superuser=superuser)
            prepare = _level_clone if pair.promotes_clone else _level_base
            lines += prepare(connection, pair, policies, all_of_it=superuser)
            marks.renew(connection, pair, superuser=superuser)
            set_hash(connection, pair.idle, secret)
    except PermissionDenied as denied:
        remedy = by_permission(connection, _PERMISSIONS)
        raise explained(denied, connection, f"level {pair.idle}", remedy) from None
    return lines


_PERMISSIONS: Final = "CREATE USER, ALTER USER, CREATE ROLE, ACCESS SYSTEM TABLE"


def _require_sight(connection: Connection) -> bool:
    """Return whether the login is a superuser. Raises PermissionDenied where it would not see others' rights."""
    if connection.one(_SUPERUSER, connection.user):
        return True
    unseen = PermissionDenied("", engine="", code="")
    if not connection.one(_ROLES_SIGHT, connection.user):
        remedy = by_permission(connection, "ACCESS SYSTEM TABLE")
        raise explained(unseen, connection, "see the rights of other users", remedy)
    if not connection.one(_TABLES_SIGHT, connection.user):
        raise explained(unseen, connection, "see the rights of other users", by_syslog(connection))
    return False


def _tried(connection: Connection, pair: Pair, policies: frozenset[str], *, keep: bool) -> list[str]:
    """
    Make those changes, each by itself, that an admin which is no superuser may not be able to make.

    They concern what the clone alone has. Anybody may grant it that, so it stops no rotation: what cannot be changed
    is told. (An error ends a transaction here, and there are no savepoints.)
    """
    if read_flags(connection, pair.clone) is None or read_flags(connection, pair.base) is None:
        return []
    base, clone = (_existing(connection, name, policies) for name in (pair.base, pair.clone))
    return [_try(connection, change, keep=keep) for change in _clones_alone(pair, base, clone)]


def _try(connection: Connection, change: Change, *, keep: bool) -> str:
    try:
        with connection.transaction(keep=keep):
            connection.run(change.statement)
    except (PermissionDenied, StatementFailed) as error:
        if error.retryable:
            raise
        return Caution(f"left as it is, since only its grantor or a superuser may run: {change}")
    return str(change)


def _clones_alone(pair: Pair, base: State, clone: State) -> Iterator[Change]:
    """List what ends that the clone alone has a right: in its own turn it loses it, else the base gets it too."""
    if not pair.promotes_clone:
        yield from map(Change, _lacking(clone.given, base.rights, base.user.name))
        return
    for right, option in sorted(clone.given.items()):
        if right not in base.rights:
            yield Change(revoke(right, clone.user.name))
        elif option and not base.rights[right]:
            yield Change(revoke_option(right, clone.user.name))


def _moved(connection: Connection, pair: Pair, *, superuser: bool) -> Iterator[str]:
    """Return what the clone owns to the base: Redshift has no role that both could own it through."""
    clone, base = pair.clone, pair.base
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


def _level_clone(connection: Connection, pair: Pair, policies: frozenset[str], *, all_of_it: bool) -> list[str]:
    base = _existing(connection, pair.base, policies)
    lines = []
    if read_flags(connection, pair.clone) is None:
        created = f"CREATE USER {identifier(pair.clone)} PASSWORD "
        connection.run(created + literal(unusable()))
        lines.append(f"{created}…")
    clone = _existing(connection, pair.clone, policies)
    lines += [_run(connection, change) for change in _differences(pair, base, clone, all_of_it=all_of_it)]
    clone = _existing(connection, pair.clone, policies)
    if remaining := list(_differences(pair, base, clone, all_of_it=all_of_it)):
        raise _mismatch(connection, pair, [str(change) for change in remaining])
    return lines


def _differences(pair: Pair, base: State, clone: State, *, all_of_it: bool) -> Iterator[Change]:
    """List what makes the clone the base's equal: nothing when it is."""
    name = clone.user.name
    yield from levelling(base.user, clone.user)
    yield from (Change(statement) for statement in _lacking(base.rights, clone.given, name))
    if all_of_it:
        yield from _clones_alone(pair, base, clone)


def _lacking(wanted: Rights, held: Rights, name: str) -> Iterator[str]:
    for right, option in sorted(wanted.items()):
        if right not in held or (option and not held[right]):
            yield grant(right, name, option=option)


def _level_base(connection: Connection, pair: Pair, policies: frozenset[str], *, all_of_it: bool) -> list[str]:
    """
    Give the base what the clone alone was granted, and the clone back what it moved; nothing is revoked.

    Raises AccessMismatch where the clone has an attribute that the base has not: only an admin gives those.
    """
    base, clone = _existing(connection, pair.base, policies), _existing(connection, pair.clone, policies)
    if lost := lost_on_base(base.user, clone.user):
        raise _mismatch(connection, pair, lost)
    changes = [Change(text) for text in _lacking(implied(base.owned), clone.given, clone.user.name)]
    if all_of_it:
        changes += _clones_alone(pair, base, clone)
    return [_run(connection, change) for change in changes]


def _existing(connection: Connection, name: str, policies: frozenset[str]) -> State:
    if (user := read_user(connection, name)) is None:
        what = f"The pair lacks the user {name}"
        raise AccessMismatch(what, where=connection.where, remedy="Create it, or correct the secret.")
    given = read_rights(connection, name) | read_policies(connection, policies, name)
    return State(user, given, read_owned(connection, name))


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


def check_access(connection: Connection, pair: Pair) -> Sequence[str]:
    """
    As the idle user: see that it has the attributes, settings and groups of the other, which every user may see.

    The base is the source: it may have been given more while the clone was in use, and its own settings count.
    """
    active, idle = (read_flags(connection, name) for name in (pair.active, pair.idle))
    were, groups = (read_groups(connection, name) for name in (pair.active, pair.idle))
    alike = (active, were) == (idle, groups)
    more = active is not None and idle is not None and active.is_within(idle) and were <= groups
    if idle is None or not (alike or (more and not pair.promotes_clone)):
        what = f"The users {pair.active} and {pair.idle} have not the same attributes, settings or groups"
        raise AccessMismatch(what, where=connection.where, remedy="The service's retry makes them level again.")
    if active == idle:
        return []
    return [Caution(f"{pair.base} has other settings or attributes than {pair.clone}; those of {pair.base} count now")]
