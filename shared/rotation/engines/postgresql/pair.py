"""The two users that alternate: whose the idle one is, and how it gets the access of the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from rotation.engines.postgresql.accounts import (
    as_it_logs_in,
    existing,
    parse_mark,
    read_comments,
    read_roles,
)
from rotation.engines.postgresql.belongings import give_to_base, told_of_grants
from rotation.engines.postgresql.changes import (
    Need,
    create,
    levelling,
    lost_on_base,
    mark,
    own_membership,
    quoted,
)
from rotation.engines.postgresql.faults import ENGINE
from rotation.engines.postgresql.grantors import grants_of_login
from rotation.engines.postgresql.passwords import Form, judged, missing_grant, offered, set_password
from rotation.errors import AccessMismatch, NotOurs, PermissionDenied, StatementFailed
from rotation.model import Ownership
from rotation.ports import Caution

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rotation.engines.postgresql.accounts import Role
    from rotation.engines.postgresql.changes import Change
    from rotation.engines.postgresql.connection import Connection
    from rotation.model import Mark, Pair, Password

IMPOSSIBLE: Final = "not possible: "
"""How a line begins that names a difference which stays, and which a person should know of."""


def ownership(connection: Connection, pair: Pair) -> Ownership:
    """Return whose the idle user is; the mark is on the clone, and only an admin can write it."""
    comments = read_comments(connection, pair.base, pair.clone)
    if pair.idle not in comments:
        return Ownership.ABSENT
    known = parse_mark(comments.get(pair.clone, ""))
    if known is None:
        return Ownership.UNMARKED
    return Ownership.OURS if _names(known, pair) else Ownership.FOREIGN


def prepared_version(connection: Connection, pair: Pair) -> str | None:
    """Read for which version the pair was prepared last; a mark that names another base says nothing of it."""
    known = parse_mark(read_comments(connection, pair.base, pair.clone).get(pair.clone, ""))
    return known.version if known and _names(known, pair) else None


def take_over(connection: Connection, pair: Pair, former: str, *, rehearse: bool) -> Sequence[str]:
    """Write this secret's mark where the former one's stands, in one transaction; the version in it stays."""
    before = replace(pair, secret_arn=former)
    found = read_roles(connection, pair.base, pair.clone)
    theirs = [role for role in found.values() if role.mark and _names(role.mark, before)]
    if theirs and not rehearse:
        try:
            with connection.transaction(keep=True):
                for role in theirs:
                    _apply(connection, mark(replace(pair, version=cast("Mark", role.mark).version), role))
        except PermissionDenied as denied:
            raise _explained(connection, pair, denied) from None
    return [role.name for role in theirs]


def _names(known: Mark, pair: Pair) -> bool:
    return (known.secret_arn, known.base) == (pair.secret_arn, pair.base)


def level(connection: Connection, pair: Pair, password: Password, *, rehearse: bool) -> Sequence[str]:
    """Make the idle user the equal of the active one in one transaction, the password last."""

    def attempt(form: Form) -> list[str]:
        with judged(connection, pair.active, form), connection.transaction(keep=not rehearse):
            lines = (_level_clone if pair.promotes_clone else _check_base)(connection, pair, keep=not rehearse)
            set_password(connection, pair.idle, form, login=pair.promotes_clone)
        return lines

    try:
        return offered(connection, pair.idle, password, attempt)
    except PermissionDenied as denied:
        if not denied.code:  # it says already what helps
            raise
        raise _explained(connection, pair, denied) from None


def _level_clone(connection: Connection, pair: Pair, *, keep: bool) -> list[str]:
    found = read_roles(connection, pair.base, pair.clone)
    base = existing(connection, pair, found, pair.base)
    lines = []
    if pair.clone not in found:
        _apply(connection, create(pair))
        lines.append(str(create(pair)))
        found = read_roles(connection, pair.clone)
    clone = existing(connection, pair, found, pair.clone)
    _refuse_foreign(connection, pair, base, clone)
    lines += give_to_base(connection, pair, clone, keep=keep)
    lines += _mark(connection, pair, clone)
    base, everyone = as_it_logs_in(base)
    grants = grants_of_login(connection, pair)
    changes = levelling(base, clone, everyone, connection.version, grants.grantor)
    lines += _applied(connection, changes)
    if not clone.login:
        lines.append(f"ALTER ROLE {quoted(clone.name)} LOGIN")
    if changes or clone.owned:
        clone = existing(connection, pair, read_roles(connection, pair.clone), pair.clone)
        remaining = levelling(base, clone, everyone, connection.version, grants.grantor)
        _refuse(connection, pair, [change for change in remaining if change.need not in {Need.WISH, Need.TIDY}])
    return lines + told_of_grants(pair, clone) + list(grants.hanging)


def _mark(connection: Connection, pair: Pair, clone: Role) -> list[str]:
    """Write the mark; that it names another version is no news."""
    line = _apply(connection, mark(pair, clone))
    return [] if clone.mark and _names(clone.mark, pair) else [line]


def _applied(connection: Connection, changes: Iterable[Change]) -> list[str]:
    """Make the changes, and give the lines that tell of them; tidying that is not possible is nothing to tell."""
    lines = [(change, _apply(connection, change)) for change in changes]
    return [line for change, line in lines if change.need is not Need.TIDY or not isinstance(line, Caution)]


def _apply(connection: Connection, change: Change) -> str:
    """Make the change, and give the line that tells of it."""
    if change.need in {Need.WISH, Need.TIDY}:
        return _try(connection, change)
    try:
        connection.run(change.statement)
    except (PermissionDenied, StatementFailed) as error:
        if change.need is Need.RIGHT or error.retryable:
            raise
        what = f"The two users cannot be made equal: the admin may not {change}"
        remedy = "Run it as a superuser, or as the one who granted it (with CASCADE, if the clone has granted it on)."
        raise AccessMismatch(what, where=connection.where, remedy=remedy) from None
    return str(change)


def _try(connection: Connection, change: Change) -> str:
    try:
        with connection.savepoint():
            connection.run(change.statement)
    except (PermissionDenied, StatementFailed) as error:
        if error.retryable:
            raise
        return Caution(IMPOSSIBLE + str(change))
    return str(change)


def _check_base(connection: Connection, pair: Pair, *, keep: bool) -> list[str]:
    """Refuse to promote the base where the application would lose something; nothing is changed."""
    found = read_roles(connection, pair.base, pair.clone)
    base, clone = (existing(connection, pair, found, name) for name in (pair.base, pair.clone))
    if not base.login:
        what = f"The user {pair.base} may not log in (NOLOGIN)"
        remedy = f"ALTER ROLE {quoted(pair.base)} LOGIN, if it should."
        raise AccessMismatch(what, where=connection.where, remedy=remedy)
    _refuse_foreign(connection, pair, base, clone)
    _refuse_another_base(connection, pair, clone)
    lines = give_to_base(connection, pair, clone, keep=keep)
    _refuse(connection, pair, lost_on_base(base, clone))
    grants = grants_of_login(connection, pair)
    lines += _applied(connection, own_membership(base, clone, connection.version, grants.grantor))
    return lines + _mark(connection, pair, clone) + told_of_grants(pair, clone) + list(grants.hanging)


def _refuse(connection: Connection, pair: Pair, changes: Sequence[Change]) -> None:
    if changes:
        what = f"The users {pair.base} and {pair.clone} do not have the same access"
        remedy = "Run: " + "; ".join(map(str, changes))
        raise AccessMismatch(what, where=connection.where, remedy=remedy)


def _refuse_foreign(connection: Connection, pair: Pair, *users: Role) -> None:
    """Look at the marks in the transaction that would overwrite one, or give away what the other secret's user has."""
    for user in users:
        if user.mark and not _names(user.mark, pair):
            what = f"The user {user.name} is marked as another secret's"
            remedy = f"If that secret is gone, run: COMMENT ON ROLE {quoted(user.name)} IS NULL;"
            raise NotOurs(what, where=connection.where, remedy=remedy)


def _refuse_another_base(connection: Connection, pair: Pair, clone: Role) -> None:
    """Refuse a base that the clone is no member of: DROP ROLE ends memberships, and the name may be another's now."""
    if not any(membership.role == pair.base for membership in clone.memberships):
        what = f"The user {pair.clone} is not a member of {pair.base}, which may be another user of that name"
        remedy = f"If it is the same one, run: GRANT {quoted(pair.base)} TO {quoted(pair.clone)};"
        raise NotOurs(what, where=connection.where, remedy=remedy)


def _explained(connection: Connection, pair: Pair, denied: PermissionDenied) -> PermissionDenied:
    return PermissionDenied(
        "The admin lacks a right to level the pair",
        engine=ENGINE,
        code=denied.code,
        where=connection.where,
        remedy=missing_grant(connection, pair.base, pair.clone),
    )
