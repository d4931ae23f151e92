"""The two users that alternate: whose the idle one is, and how it gets the access of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.engines.mysql import levelling, links, passwords
from rotation.engines.mysql.accounts import account_of, accounts_of, attributes_of, mark_in, read
from rotation.engines.mysql.connection import Account
from rotation.engines.mysql.faults import ENGINE, IN_HISTORY
from rotation.errors import AccessMismatch, GuardViolation, NotOurs, PasswordRejected, PermissionDenied
from rotation.model import Ownership

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotation.engines.mysql.accounts import State
    from rotation.engines.mysql.connection import Connection
    from rotation.model import Mark, Pair, Password

_ROUTINES: Final = """
SELECT ROUTINE_TYPE, ROUTINE_SCHEMA, ROUTINE_NAME FROM information_schema.ROUTINES WHERE DEFINER = {definer}
"""

_LIBRARIES: Final = """
SELECT 'LIBRARY', LIBRARY_SCHEMA, LIBRARY_NAME FROM information_schema.LIBRARIES WHERE CREATOR = {definer}
"""
"""MySQL has the table since 9.2 ("The INFORMATION_SCHEMA LIBRARIES Table")."""


def mark_of(connection: Connection, username: str) -> Mark | None:
    """Read the mark beside the account of that name, if there is exactly one."""
    found = accounts_of(connection, username)
    return mark_in(attributes_of(connection, found[0])) if len(found) == 1 else None


def ownership(connection: Connection, pair: Pair) -> Ownership:
    """
    Return whose the idle user is, by its own mark; a partner's proves nothing, since users can write their own.

    MariaDB's marks, which only an admin can write, say nothing but yes: another secret's looks like no mark.
    """
    if not accounts_of(connection, pair.idle):
        return Ownership.ABSENT
    account = account_of(connection, pair.idle)
    if connection.is_mariadb:
        ours = links.is_ours(pair, read(connection, account)) or links.fits(pair, *_both(connection, pair))
        return Ownership.OURS if ours else Ownership.UNMARKED
    mark = mark_in(attributes_of(connection, account))
    if mark is None:
        return Ownership.UNMARKED
    return Ownership.OURS if _names(mark, pair) else Ownership.FOREIGN


def prepared_version(connection: Connection, pair: Pair) -> str | None:
    """Read for which version the pair was prepared last; a mark that names another base says nothing of it."""
    if connection.is_mariadb:
        return links.prepared_version(pair, *_both(connection, pair))
    mark = mark_of(connection, pair.clone)
    return mark.version if mark and _names(mark, pair) else None


def _both(connection: Connection, pair: Pair) -> list[State | None]:
    """Read the idle account and the active one; None for a name that has no account, or several."""
    found = (accounts_of(connection, name) for name in (pair.idle, pair.active))
    return [read(connection, accounts[0]) if len(accounts) == 1 else None for accounts in found]


def _names(mark: Mark, pair: Pair) -> bool:
    return (mark.secret_arn, mark.base) == (pair.secret_arn, pair.base)


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
        raise PermissionDenied(
            "The admin lacks a right to level the pair",
            engine=ENGINE,
            code=denied.code,
            where=connection.where,
            remedy=f"Run: GRANT CREATE USER ON *.* TO {connection.account}; GRANT SELECT ON mysql.* TO "
            f"{connection.account};",
        ) from None


def _level_clone(connection: Connection, pair: Pair, password: Password, *, rehearse: bool) -> list[str]:
    base = read(connection, account_of(connection, pair.base))
    account = Account(pair.clone, base.account.host)
    existing = accounts_of(connection, pair.clone)
    if elsewhere := [one for one in existing if one != account]:
        raise GuardViolation(
            f"The account {elsewhere[0]} has another host part than {base.account}",
            where=connection.where,
            remedy=f"Drop it, or RENAME USER {elsewhere[0]} TO {account}.",
        )
    _refuse_foreign(connection, pair, base)
    clone = read(connection, account) if existing else levelling.newborn(base, account)
    _refuse_foreign(connection, pair, clone)
    if clone.locked and not clone.closed:
        raise _mismatch(connection, f"The account {account} was locked by hand", f"ALTER USER {account} ACCOUNT UNLOCK")
    lines = [] if existing else [f"CREATE USER {account}"]
    lines += levelling.statements(connection, base, clone)
    if rehearse:
        return lines
    _mark(connection, pair, base, clone, create=not existing)
    clone = _levelled(connection, pair, base, clone)
    _seal(connection, pair, clone)
    mark = links.prepared(pair, base)
    opening = " ACCOUNT UNLOCK" if clone.locked else ""
    _open(connection, account, f"{passwords.opened(connection, base.plugin, password, mark)}{opening}")
    return lines


def _levelled(connection: Connection, pair: Pair, base: State, clone: State) -> State:
    """
    Return the clone what the base has, and take from it what it has not; give the clone as it is then.

    In two rounds, as some statements do more than they say: a role that goes takes the default role of that name
    with it, and a privilege that comes everywhere brings back the restriction that it had. What then differs still
    may have been quoted once too often, which shows in what the server makes of it.
    """
    clone = _round(connection, base, clone)
    if levelling.statements(connection, base, clone):
        clone = _round(connection, base, clone)
    if any(" REQUIRE " in one for one in levelling.statements(connection, base, clone)):
        connection.quotes_certificates = True
        base, clone = read(connection, base.account), read(connection, clone.account)
        clone = _round(connection, base, clone)
    _refuse_difference(connection, pair, levelling.statements(connection, base, clone))
    return clone


def _round(connection: Connection, base: State, clone: State) -> State:
    for statement in levelling.statements(connection, base, clone):
        _apply(connection, statement)
    return read(connection, clone.account)


def _mark(connection: Connection, pair: Pair, base: State, clone: State, *, create: bool) -> None:
    """Say on both accounts whose they are; a clone that is made is born with its mark, and unable to log in."""
    on_clone = levelling.mark(connection, pair, clone, like=base)
    if create:
        closed = passwords.closed(connection, base.plugin, links.born(pair))
        connection.run(f"CREATE USER {clone.account} {closed} ACCOUNT LOCK{on_clone}")
    elif on_clone:
        connection.run(f"ALTER USER {clone.account}{on_clone}")
    if on_base := levelling.mark(connection, pair, base):
        connection.run(f"ALTER USER {base.account}{on_base}")


def _seal(connection: Connection, pair: Pair, idle: State) -> None:
    """Record beside the idle account what it holds, so that it can see by itself that it still does."""
    if sealed := levelling.mark(connection, pair, idle, sealed=True):
        connection.run(f"ALTER USER {idle.account}{sealed}")


def _apply(connection: Connection, statement: str) -> None:
    try:
        connection.run(statement)
    except PermissionDenied:
        raise _mismatch(
            connection,
            f"The two users cannot be made equal: the admin may not {statement}",
            f"Run it as one who may, or {_permission(connection, statement)}",
        ) from None


def _permission(connection: Connection, statement: str) -> str:
    """Return what would let the admin run a statement of levelling."""
    if statement.startswith("SET DEFAULT ROLE"):  # MariaDB's, for another user
        return f"run: GRANT UPDATE ON mysql.* TO {connection.account};"
    return "give the admin that right WITH GRANT OPTION (a role WITH ADMIN OPTION)."


def _level_base(connection: Connection, pair: Pair, password: Password, *, rehearse: bool) -> list[str]:
    """Refuse to promote the base where the application would lose something; give it what the clone created."""
    base, clone = (read(connection, account_of(connection, name)) for name in (pair.base, pair.clone))
    if base.locked:
        what = f"The account {base.account} is locked"
        raise _mismatch(connection, what, f"ALTER USER {base.account} ACCOUNT UNLOCK, if it should log in.")
    _refuse_foreign(connection, pair, base)
    made, lost = levelling.lost_on_base(base, clone, _created_by(connection, clone))
    _refuse_difference(connection, pair, lost)
    if rehearse:
        return made
    for statement in made:
        _apply(connection, statement)
    _mark(connection, pair, base, clone, create=False)
    _seal(connection, pair, read(connection, base.account))
    mark = links.prepared(pair, clone)
    _open(connection, base.account, passwords.opened(connection, base.plugin, password, mark))
    return made


def _open(connection: Connection, account: Account, clauses: str) -> None:
    """
    Set the idle user's password, then end a second one that it has: nothing but the new one is to log in.

    Where the history refuses the password, an attempt that broke off may have set it: its second one ends as well.
    """
    try:
        connection.run(f"ALTER USER {account} {clauses}")
    except PasswordRejected as error:
        if error.code == str(IN_HISTORY):
            _end_second(connection, account)
        raise
    _end_second(connection, account)


def _end_second(connection: Connection, account: Account) -> None:
    if not connection.is_mariadb and connection.keeps_two_passwords:
        connection.run(f"ALTER USER {account} DISCARD OLD PASSWORD")


def _created_by(connection: Connection, creator: State) -> frozenset[str]:
    """Name the routines and libraries that an account created, as levelling compares them."""
    name = connection.literal(f"{creator.account.user}@{creator.account.host}")
    # who holds a right on a library is on a server that has the table of libraries
    libraries = any(grant.on.startswith("LIBRARY ") for grant in creator.grants)
    return frozenset(
        levelling.routine(str(kind), str(schema), str(routine))
        for query in ([_ROUTINES, _LIBRARIES] if libraries else [_ROUTINES])
        for kind, schema, routine in connection.run(query.format(definer=name))
    )


def _refuse_foreign(connection: Connection, pair: Pair, state: State) -> None:
    if state.mark and not _names(state.mark, pair):
        patch = connection.literal('{"aws-rotation": null}')
        raise NotOurs(
            f"The account {state.account} is marked as another secret's",
            where=connection.where,
            remedy=f"If that secret is gone, run: ALTER USER {state.account} ATTRIBUTE {patch};",
        )


def _refuse_difference(connection: Connection, pair: Pair, statements: Sequence[str]) -> None:
    if statements:
        what = f"The users {pair.base} and {pair.clone} do not have the same access"
        raise _mismatch(connection, what, "Run: " + "; ".join(statements))


def _mismatch(connection: Connection, what: str, remedy: str) -> AccessMismatch:
    return AccessMismatch(what, where=connection.where, remedy=remedy)


def disable_password(connection: Connection, username: str, pair: Pair | None) -> None:
    """End a user's password; that of a pair's idle user so that the account can still be told to be the pair's."""
    mark = ""
    if connection.is_mariadb and pair and pair.idle == username:
        mark = links.kept(pair, read(connection, account_of(connection, username)))
    passwords.disable_password(connection, username, mark)


def check_access(connection: Connection, pair: Pair) -> None:
    """
    As the idle user: see that its login has its default roles in effect, and all that it was prepared with.

    It cannot see the other account, so what it holds is compared with what the admin recorded beside it; MariaDB
    has no place for such a record, and there the admin's own comparison just before the password is all.
    """
    state = read(connection, connection.account)
    if state.default_roles and connection.one("SELECT CURRENT_ROLE()") in {None, "NONE"}:  # MariaDB's word is NULL
        raise _mismatch(
            connection, f"The login of {pair.idle} begins without its default roles", "Look at init_connect."
        )
    if connection.is_mariadb or not connection.keeps_attributes:
        return
    if state.mark is None or not _names(state.mark, pair) or state.mark.version != pair.version:
        what = f"The account {state.account} is not prepared for this rotation"
        raise _mismatch(connection, what, "Let the service retry from setSecret, or look for who changes the mark.")
    if not levelling.is_sealed(state):
        what = f"The access of {state.account} was changed after it was levelled"
        raise _mismatch(connection, what, "The service's retry levels it again; look for who changed it.")
