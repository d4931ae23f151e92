"""Bringing the idle user of a pair level with the active one, at the server."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rotation.engines.mysql import levelling, links, passwords
from rotation.engines.mysql.accounts import marked_accounts, read, read_named
from rotation.engines.mysql.applying import carry_out, divided, left_out, run
from rotation.engines.mysql.connection import Account
from rotation.engines.mysql.faults import ENGINE, IN_HISTORY
from rotation.engines.mysql.levelling import differences
from rotation.engines.mysql.pair import claim, mismatch, names, refuse_foreign
from rotation.errors import GuardViolation, PasswordRejected, PermissionDenied
from rotation.ports import Caution

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rotation.engines.mysql.accounts import State
    from rotation.engines.mysql.changes import Change
    from rotation.engines.mysql.connection import Connection
    from rotation.engines.mysql.grants import Grant
    from rotation.model import Pair, Password

_ROUTINES: Final = """
SELECT ROUTINE_TYPE, ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE DEFINER = {definer}
"""

_LIBRARIES: Final = """
SELECT 'LIBRARY', LIBRARY_SCHEMA, LIBRARY_NAME FROM information_schema.LIBRARIES WHERE CREATOR = {definer}
"""
"""MySQL has the table since 9.2 ("The INFORMATION_SCHEMA LIBRARIES Table")."""

_GIVEN_TO_CREATOR: Final = """
SELECT Routine_type, Db, Routine_name FROM mysql.procs_priv WHERE User = {user} AND Host = {host}
 AND LEFT(Grantor, CHAR_LENGTH(Grantor) - CHAR_LENGTH(SUBSTRING_INDEX(Grantor, '@', -1)) - 1) = {user}
"""
"""
Who creates a routine is its own grantor (manual, automatic_sp_privileges), from wherever it is logged in.

An admin without a right on its schema sees the routine here alone.
"""


_SECOND: Final = """
SELECT 1 FROM mysql.user
 WHERE User = {user} AND Host = {host} AND JSON_CONTAINS_PATH(User_attributes, 'one', '$.additional_password')
"""
"""Whether an account keeps a second password; to look takes a tenth of what it takes to end one that is not there."""


def level(connection: Connection, pair: Pair, password: Password, *, rehearse: bool) -> Sequence[str]:
    """
    Make the idle user the equal of the active one, statement by statement, the password last.

    Nothing here can be rolled back. What is checked beforehand is what can be read: marks, hosts, locks, the
    password's policy. With ``rehearse`` the admin's right to manage users is read too; whether it may grant each
    single thing is known only when it does.
    """
    passwords.require_policy(connection, pair.idle, password)
    if rehearse:
        passwords.require_management(connection, pair.idle)
    prepare = _level_clone if pair.promotes_clone else _level_base
    try:
        return prepare(connection, pair, password, rehearse=rehearse)
    except PermissionDenied as denied:
        raise unable(connection, denied, "level the pair") from None


def unable(connection: Connection, denied: PermissionDenied, to: str) -> PermissionDenied:
    """Return what is said where the admin lacks a right that all work on accounts needs."""
    return PermissionDenied(
        f"The admin lacks a right to {to}",
        engine=ENGINE,
        code=denied.code,
        where=connection.where,
        remedy=f"Run: GRANT CREATE USER ON *.* TO {connection.account}; GRANT SELECT ON mysql.* TO "
        f"{connection.account};",
    )


def _level_clone(connection: Connection, pair: Pair, password: Password, *, rehearse: bool) -> list[str]:
    base = read_named(connection, pair.base)
    account = Account(pair.clone, base.account.host)
    existing = marked_accounts(connection, pair.clone)
    if elsewhere := [one for one in existing if one != account]:
        raise GuardViolation(
            f"The account {elsewhere[0]} has another host part than {base.account}",
            where=connection.where,
            remedy=f"Drop it, or RENAME USER {elsewhere[0]} TO {account}.",
        )
    refuse_foreign(connection, pair, base)
    clone = read(connection, account, existing[account]) if existing else levelling.newborn(base, account)
    refuse_foreign(connection, pair, clone)
    if clone.locked and not clone.closed:
        raise mismatch(connection, f"The account {account} was locked by hand", f"ALTER USER {account} ACCOUNT UNLOCK")
    told = [] if existing else [f"CREATE USER {account}"]
    if rehearse:
        return [*told, *_rehearsed(connection, base, clone)]
    differing = not existing or differences(connection, base, clone)
    if differing:
        _mark_clone(connection, pair, base, clone, create=not existing)
    base = _mark_active(connection, pair, base)
    if differing:
        clone = _levelled(connection, pair, base, clone, told)
    opening = " ACCOUNT UNLOCK" if clone.locked else ""
    clauses = f"{passwords.opened(connection, base.plugin, password)}{opening}"
    _open(connection, pair, clone, base, clauses, like=base)
    return told


def _levelled(connection: Connection, pair: Pair, base: State, clone: State, told: list[str]) -> State:
    """
    Give the clone what the base has, and take from it what it has not; give the clone as it is then.

    In two rounds, as some statements do more than they say. A role that goes takes the default role of that name
    with it. A privilege that comes everywhere brings back the restriction that it had. What then differs still
    may have been quoted once too often, which shows in what the server makes of it.
    """
    base, clone = _round(connection, base, clone, told)
    if differences(connection, base, clone):
        base, clone = _round(connection, base, clone, told)
    if any(" REQUIRE " in one.statement for one in differences(connection, base, clone)):
        connection.quotes_certificates = True
        clone, fresh = read(connection, clone.account), read(connection, base.account)
        base, clone = _round(connection, replace(base, options=fresh.options), clone, told)
    remaining, needless = differences(connection, base, clone), levelling.needless(clone)
    _refuse_difference(connection, pair, [change for change in remaining if not needless(change)])
    told += _left_alone(f"The clone {clone.account} has more than its base", remaining)
    return clone


def _round(connection: Connection, base: State, clone: State, told: list[str]) -> tuple[State, State]:
    """Carry out what differs; give the base without what is gone, and the clone as it is then."""
    left_out: set[Grant] = set()
    needless = levelling.needless(clone)
    for change in differences(connection, base, clone):
        left_out |= carry_out(connection, change, told, needless)
    return replace(base, grants=base.grants - left_out), read(connection, clone.account)


def _rehearsed(connection: Connection, base: State, clone: State) -> Iterator[str]:
    """Say what would be done, and what would be left out."""
    for change in differences(connection, base, clone):
        made, absent = divided(connection, change)
        yield from (one.statement for one in made)
        yield from map(left_out, absent)


def _mark_clone(connection: Connection, pair: Pair, base: State, clone: State, *, create: bool) -> None:
    """
    Say on the clone whose it is, before it is given anything; one that is made is born with that, unable to log in.

    What stays as it is gets its mark with its password. MariaDB's idle account gets its mark later, too.
    """
    mark = levelling.mark(connection, pair, clone, like=base)
    if create:
        closed = passwords.closed(connection, base.plugin, links.born(pair))
        run(connection, f"CREATE USER {clone.account}", f"{closed} ACCOUNT LOCK{mark}")
    elif mark:
        run(connection, f"ALTER USER {clone.account}", mark)


def _mark_active(connection: Connection, pair: Pair, active: State, like: State | None = None) -> State:
    """
    Say on the active account whose it is, and return it as it is then.

    The clone's mark names the version for which the pair was prepared last; a base's that is there says enough.
    """
    if connection.is_mariadb:
        marked = links.is_ours(pair, active)
        return active if marked else claim(connection, active, links.owned(pair, pair.active))
    mark = levelling.mark(connection, pair, active, like)
    if mark and not (pair.promotes_clone and active.mark and names(active.mark, pair)):
        run(connection, f"ALTER USER {active.account}", mark)
    return active


def _prepared(connection: Connection, pair: Pair, idle: State, active: State) -> list[str]:
    """Mark MariaDB's idle account as prepared by a role that stands for its partner, too; list earlier ones."""
    if not connection.is_mariadb:
        return []
    role = links.prepared(pair, active)
    return links.others(pair, claim(connection, idle, role), role)


def _level_base(connection: Connection, pair: Pair, password: Password, *, rehearse: bool) -> list[str]:
    """
    Give the base what the clone alone has, so that the application loses nothing; nothing is revoked.

    What the clone was granted may be another's to grant, so it stops no rotation: what the admin may not grant is told.
    """
    base, clone = (read_named(connection, name) for name in (pair.base, pair.clone))
    if base.locked:
        what = f"The account {base.account} is locked"
        raise mismatch(connection, what, f"ALTER USER {base.account} ACCOUNT UNLOCK, if it should log in.")
    for state in (base, clone):
        refuse_foreign(connection, pair, state)
    created = _created_by(connection, clone)
    lost = levelling.lost_on_base(base, clone, created)
    _refuse_difference(connection, pair, lost.begun_with and [*lost.granted, *lost.begun_with])
    granted = _there(connection, lost.granted)
    told: list[str] = []
    if rehearse:
        return [change.statement for change in (*lost.made, *granted)]
    for change in lost.made:
        carry_out(connection, change, told)
    for change in granted:
        carry_out(connection, change, told, lambda _: True)
    if told:
        base = read(connection, base.account)
    if granted:
        remaining = _there(connection, levelling.lost_on_base(base, clone, created).granted)
        told += _left_alone(f"The base {base.account} lacks what its clone was granted", remaining)
    clone = _mark_active(connection, pair, clone, like=base)
    _open(connection, pair, base, clone, passwords.opened(connection, base.plugin, password))
    return told


def _there(connection: Connection, changes: Sequence[Change]) -> list[Change]:
    """List what of the changes can be made, since what it is on is not gone."""
    return [one for change in changes for one in divided(connection, change)[0]]


def _left_alone(what: str, changes: Sequence[Change]) -> list[Caution]:
    """Tell, where anything is left, what somebody else has to run."""
    if not changes:
        return []
    return [Caution(f"{what}, and this admin may not change that: run {'; '.join(map(str, changes))}")]


def _open(
    connection: Connection, pair: Pair, idle: State, active: State, clauses: str, like: State | None = None
) -> None:
    """
    Record what the idle user is, set its password, and end a second one that it has: nothing else is to log in.

    MySQL records with the password what the account holds, so that it can see by itself that it still does. Where the
    history refuses the password, an attempt that broke off may have set it: the rest is done all the same.
    """
    outdated = _prepared(connection, pair, idle, active)
    statement, sealed = f"ALTER USER {idle.account}", levelling.mark(connection, pair, idle, like, sealed=True)
    try:
        run(connection, statement, clauses + sealed)
    except PasswordRejected as error:
        if error.code == str(IN_HISTORY):
            if sealed:
                run(connection, statement, sealed)
            _end_second(connection, idle.account)
        raise
    _end_second(connection, idle.account)
    for role in outdated:
        run(connection, f"DROP ROLE {role}")


def _end_second(connection: Connection, account: Account) -> None:
    if not connection.keeps_two_passwords:
        return
    user, host = map(connection.literal, account[:2])
    if connection.run(_SECOND.format(user=user, host=host)):
        run(connection, f"ALTER USER {account} DISCARD OLD PASSWORD")


def _created_by(connection: Connection, creator: State) -> frozenset[str]:
    """Name the routines and libraries that an account created, as levelling compares them."""
    user, host = creator.account.user, creator.account.host
    words = {
        "definer": connection.literal(f"{user}@{host}"),
        "user": connection.literal(user),
        "host": connection.literal(host),
    }
    # who holds a right on a library is on a server that has the table of libraries
    libraries = any(grant.on.startswith("LIBRARY ") for grant in creator.grants)
    return frozenset(
        levelling.routine(str(kind), str(schema), str(routine))
        for query in (_ROUTINES, _GIVEN_TO_CREATOR, *([_LIBRARIES] if libraries else []))
        for kind, schema, routine in connection.run(query.format(**words))
    )


def _refuse_difference(connection: Connection, pair: Pair, changes: Sequence[Change]) -> None:
    if changes:
        what = f"The users {pair.base} and {pair.clone} do not have the same access"
        raise mismatch(connection, what, f"Run: {'; '.join(map(str, changes))}")
