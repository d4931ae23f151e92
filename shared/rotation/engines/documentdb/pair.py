"""The two users that alternate: whose the idle one is, and how it gets the access of the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rotation.engines.documentdb import accounts
from rotation.engines.documentdb.accounts import LAST_SERIAL, MARK, Record, Role, in_shell, lacks_user_admin
from rotation.engines.documentdb.faults import Refused
from rotation.engines.documentdb.passwords import DEFAULT_MECHANISMS, keeping_mechanisms
from rotation.engines.documentdb.rights import may_mark_itself, require_password_of
from rotation.errors import AccessMismatch, NotOurs, PermissionDenied
from rotation.model import Mark, Ownership
from rotation.ports import Caution

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rotation.engines.documentdb.accounts import Account, Document
    from rotation.engines.documentdb.connection import Connection
    from rotation.model import Pair, Password

NOWHERE: Final = ({"clientSource": ["255.255.255.255"]},)
"""Restrictions that no client meets: the address is the broadcast's, and nobody's."""


class Plan(NamedTuple):
    """One command for the idle user, and the lines that tell of it."""

    command: str
    fields: dict[str, Any]
    lines: list[str]


def ownership(connection: Connection, pair: Pair) -> Ownership:
    """
    Return whose the idle user is, by its own mark, which vouches for no other.

    A mark of ours that the user could have written itself is a hint and proves nothing; one of another secret keeps
    this one off.
    """
    idle = accounts.read(connection, pair.idle, showPrivileges=True).get(pair.idle)
    if idle is None:
        return Ownership.ABSENT
    if idle.record is None:
        return Ownership.UNMARKED
    if not idle.record.names(pair):
        return Ownership.FOREIGN
    return Ownership.UNMARKED if may_mark_itself(idle, connection.database) else Ownership.OURS


def prepared_version(connection: Connection, pair: Pair) -> str | None:
    """Read for which version the pair was prepared last, by the younger of its marks."""
    latest = max(_records(accounts.read(connection, pair.base, pair.clone), pair), key=_serial, default=None)
    return latest.mark.version or None if latest else None


def take_over(connection: Connection, pair: Pair, former: str, *, rehearse: bool) -> Sequence[str]:
    """Write this secret's ARN into the marks that the former one's stands in; what else they hold stays."""
    try:
        return connection.on_primary(lambda: _take_over(connection, pair, former, rehearse=rehearse))
    except PermissionDenied:
        raise lacks_user_admin(connection, pair.base) from None


def _take_over(connection: Connection, pair: Pair, former: str, *, rehearse: bool) -> list[str]:
    before = replace(pair, secret_arn=former)
    found = accounts.read(connection, pair.base, pair.clone)
    theirs = [account for account in found.values() if account.record and account.record.names(before)]
    for account in () if rehearse else theirs:
        mark = {**account.custom[MARK], "secret": pair.secret_arn}
        accounts.write(connection, "updateUser", account.name, customData={**account.custom, MARK: mark})
    return sorted(account.name for account in theirs)


def level(connection: Connection, pair: Pair, password: Password, *, rehearse: bool) -> Sequence[str]:
    """Return the idle user the access of the active one and the password, in one command."""
    try:
        return connection.on_primary(lambda: _level(connection, pair, password, rehearse=rehearse))
    except PermissionDenied:
        raise lacks_user_admin(connection, pair.idle) from None


def _level(connection: Connection, pair: Pair, password: Password, *, rehearse: bool) -> list[str]:
    found = accounts.read(connection, pair.base, pair.clone, showAuthenticationRestrictions=True)
    base = _existing(connection, pair, found, pair.base)
    for account in found.values():
        _refuse_foreign(connection, pair, account)
    serial = _next_serial(found, pair)
    told: list[str] = []
    if pair.promotes_clone:
        plan = _for_clone(pair, base, found.get(pair.clone), serial)
    else:
        clone = _existing(connection, pair, found, pair.clone)
        base, told = _given_to_base(connection, base, clone, rehearse=rehearse)
        plan = _for_base(connection, pair, base, clone, serial)
    if rehearse:
        require_password_of(connection, pair.idle)
        return told + plan.lines
    if pair.promotes_clone and base.record is None:
        first = Record(Mark(pair.secret_arn, pair.base, ""), granted=_named(base.roles))
        accounts.write(connection, "updateUser", pair.base, customData={**base.unrelated, MARK: first.written()})
    accounts.write(connection, plan.command, pair.idle, pwd=password.reveal(), **plan.fields)
    _verify(connection, pair)
    return told + plan.lines


def _for_clone(pair: Pair, base: Account, clone: Account | None, serial: int) -> Plan:
    """Plan to grant, revoke and restrict, so that the clone is what the base is."""
    fields: dict[str, Any] = {
        "roles": [{"role": role, "db": database} for role, database in sorted(base.roles)],
        "customData": {
            **(clone.unrelated if clone else {}),
            **base.unrelated,
            MARK: Record(Mark(pair.secret_arn, pair.base, pair.version), serial, _named(base.roles)).written(),
        },
        **keeping_mechanisms(base),
    }
    if base.restrictions or (clone and clone.restrictions):
        fields["authenticationRestrictions"] = list(base.restrictions)
    if clone is None:
        lines = [f"create the user {pair.clone}", *(f"grant {role} to {pair.clone}" for role in sorted(base.roles))]
        return Plan("createUser", fields, lines + ([f"{_RESTRICT} {pair.clone}"] if base.restrictions else []))
    marked = [] if clone.record else [f"mark the user {pair.clone} as this secret's"]
    return Plan("updateUser", fields, differences(base, clone) + marked)


_RESTRICT: Final = "copy the authenticationRestrictions to"


def differences(base: Account, clone: Account) -> list[str]:
    """Name what makes the clone another than its base."""
    lines = [f"grant {role} to {clone.name}" for role in sorted(base.roles - clone.roles)]
    lines += [f"revoke {role} from {clone.name}" for role in sorted(clone.roles - base.roles)]
    if base.restrictions != clone.restrictions:
        lines.append(f"{_RESTRICT} {clone.name}")
    if (base.mechanisms or DEFAULT_MECHANISMS) != (clone.mechanisms or DEFAULT_MECHANISMS):
        lines.append(f"copy the mechanisms to {clone.name}")
    return lines


def _given_to_base(
    connection: Connection, base: Account, clone: Account, *, rehearse: bool
) -> tuple[Account, list[str]]:
    """
    Give the base the roles that the clone alone has, and tell of it.

    Whoever manages the users of some database may have granted them, so they stop no rotation: what this admin may
    not grant is told as well.
    """
    lines: list[str] = []
    for role in sorted(clone.roles - base.roles):
        granted = [{"role": role.role, "db": role.database}]
        try:
            if not rehearse:
                connection.run("grantRolesToUser", base.name, roles=granted)
        except (PermissionDenied, Refused):
            remedy = in_shell(connection.database, "grantRolesToUser", base.name, granted)
            lines.append(
                Caution(f"{clone.name} alone has the role {role}, which this admin may not grant: run {remedy}")
            )
        else:
            lines.append(f"grant {role} to {base.name}")
            base = replace(base, roles=base.roles | {role})
    return base, lines


def _for_base(connection: Connection, pair: Pair, base: Account, clone: Account, serial: int) -> Plan:
    """Plan the password alone, and refuse where the base may not come from where the clone may; nothing is revoked."""
    closed = _closed(base)
    restrictions = base.restrictions if closed is None else closed
    if restrictions and restrictions != clone.restrictions:
        what = f"The users {pair.base} and {pair.clone} may come from different addresses"
        remedy = f"Give {pair.clone} the authenticationRestrictions of {pair.base}, or take those away."
        raise AccessMismatch(what, where=connection.where, remedy=remedy)
    record = Record(Mark(pair.secret_arn, pair.base, pair.version), serial, _named(base.roles))
    fields = {"customData": {**base.unrelated, MARK: record.written()}, **keeping_mechanisms(base)}
    lines = [] if base.record else [f"mark the user {pair.base} as this secret's"]
    if closed is not None:
        fields["authenticationRestrictions"] = list(closed)
        lines.append(f"open the user {pair.base}, which was closed when its sessions were ended")
    return Plan("updateUser", fields, lines)


def _closed(account: Account) -> tuple[Document, ...] | None:
    """
    Return the restrictions that the account had before it was closed; None where it is not closed.

    None are remembered of an account that had neither a mark nor restrictions. A user that may change its own
    customData can write any into its mark. Under NOWHERE it cannot log in to do so, and what it wrote before was
    overwritten when an admin closed the account.
    """
    if account.restrictions != NOWHERE:
        return None
    return (account.record and account.record.closed) or ()


def _verify(connection: Connection, pair: Pair) -> None:
    """Read back what was written: a server may drop what it does not know."""
    found = accounts.read(connection, pair.base, pair.clone, showAuthenticationRestrictions=True)
    base, clone = (_existing(connection, pair, found, name) for name in (pair.base, pair.clone))
    if pair.promotes_clone and (remaining := differences(base, clone)):
        what = f"The server did not make {pair.clone} the equal of {pair.base}"
        raise AccessMismatch(what, where=connection.where, remedy=f"Still to do: {', '.join(remaining)}.")


def check_access(connection: Connection, pair: Pair) -> None:
    """
    As the idle user: see that it still has the roles that it was given with its password.

    A user sees itself, not its partner; what it was given stands in its mark. Where the server keeps no mark, the
    partner is looked at if that is allowed, and else the admin's look in ``level`` has to do.
    """
    try:
        own = accounts.read(connection, pair.idle).get(pair.idle)
        expected = _expected(connection, pair, own) if own else None
    except PermissionDenied:
        return
    if own and expected is not None and (differing := expected ^ _named(own.roles)):
        what = f"The user {pair.idle} does not have the roles of {pair.active}: {', '.join(sorted(differing))} differ"
        raise AccessMismatch(what, where=connection.where, remedy="Rotate again; the admin levels the two.")


def _expected(connection: Connection, pair: Pair, own: Account) -> frozenset[str] | None:
    if own.record and own.record.names(pair):
        return own.record.granted
    partner = accounts.read(connection, pair.active).get(pair.active)
    return _named(partner.roles) if partner else None


def _records(found: dict[str, Account], pair: Pair) -> Iterable[Record]:
    return (record for one in found.values() if (record := one.record) and record.names(pair))


def _serial(record: Record) -> int:
    return record.serial


def _next_serial(found: dict[str, Account], pair: Pair) -> int:
    """Count on, unless the idle user was prepared for this very version."""
    idle = found.get(pair.idle)
    if idle and idle.record and idle.record.mark.version == pair.version:
        return idle.record.serial
    return min(max(map(_serial, _records(found, pair)), default=0) + 1, LAST_SERIAL)


def _named(roles: Iterable[Role]) -> frozenset[str]:
    return frozenset(map(str, roles))


def _existing(connection: Connection, pair: Pair, found: dict[str, Account], name: str) -> Account:
    if name not in found:
        what = f"The pair of {pair.base} lacks the user {name}"
        raise AccessMismatch(what, where=connection.where, remedy="Create it, or correct the secret.")
    return found[name]


def _refuse_foreign(connection: Connection, pair: Pair, account: Account) -> None:
    """Look at the marks once more, just before they are overwritten."""
    if account.record and not account.record.names(pair):
        what = f"The user {account.name} is marked as another secret's"
        remedy = f'If that secret is gone, take the key "{MARK}" out of its customData, and keep the others.'
        raise NotOurs(what, where=connection.where, remedy=remedy)
