"""The two users that alternate: whose the idle one is, and what it sees of its own access."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from rotation.engines.mysql import levelling, links, passwords
from rotation.engines.mysql.accounts import (
    MARK,
    attributes_of,
    mark_in,
    marked_accounts,
    only,
    read,
    read_named,
)
from rotation.errors import AccessMismatch, NotOurs
from rotation.model import Ownership

if TYPE_CHECKING:
    from rotation.engines.mysql.accounts import State
    from rotation.engines.mysql.connection import Connection
    from rotation.model import Mark, Pair


def mark_of(connection: Connection, username: str) -> Mark | None:
    """Read the mark beside the account of that name, if there is exactly one; one's own needs no right."""
    if username == connection.user:
        return mark_in(attributes_of(connection, connection.account))
    found = list(marked_accounts(connection, username).values())
    return mark_in(found[0]) if len(found) == 1 else None


def ownership(connection: Connection, pair: Pair) -> Ownership:
    """
    Return whose the idle user is, by its own mark; a partner's proves nothing, since users can write their own.

    MariaDB's marks, which only an admin can write, do not say whose they are: they are the pair's, or another's.
    """
    found = marked_accounts(connection, pair.idle)
    if not found:
        return Ownership.ABSENT
    account = only(connection, list(found))
    if connection.is_mariadb:
        state = read(connection, account, found[account])
        ours = Ownership.OURS if links.is_ours(pair, state) else Ownership.UNMARKED
        return Ownership.FOREIGN if links.is_foreign(pair, state) else ours
    mark = mark_in(found[account])
    if mark is None:
        return Ownership.UNMARKED
    return Ownership.OURS if names(mark, pair) else Ownership.FOREIGN


def prepared_version(connection: Connection, pair: Pair) -> str | None:
    """Read for which version the pair was prepared last; a mark that names another base says nothing of it."""
    if connection.is_mariadb:
        return links.prepared_version(pair, *_both(connection, pair))
    mark = mark_of(connection, pair.clone)
    return mark.version if mark and names(mark, pair) else None


def _both(connection: Connection, pair: Pair) -> list[State | None]:
    """Read the idle account and the active one; None for a name that has no account, or several."""
    found = (marked_accounts(connection, name) for name in (pair.idle, pair.active))
    return [read(connection, *next(iter(one.items()))) if len(one) == 1 else None for one in found]


def names(mark: Mark, pair: Pair) -> bool:
    """Return whether a mark is the pair's."""
    return (mark.secret_arn, mark.base) == (pair.secret_arn, pair.base)


def refuse_foreign(connection: Connection, pair: Pair, state: State) -> None:
    """Raise NotOurs where an account carries another secret's mark."""
    if links.is_foreign(pair, state):
        remedy = "; ".join(f"DROP ROLE {role}" for role in sorted(state.marks))
    elif state.mark and not names(state.mark, pair):
        remedy = f"ALTER USER {state.account} ATTRIBUTE {connection.literal(json.dumps({MARK: None}))}"
    else:
        return
    raise NotOurs(
        f"The account {state.account} is marked as another secret's",
        where=connection.where,
        remedy=f"If that secret is gone, run: {remedy};",
    )


def mismatch(connection: Connection, what: str, remedy: str) -> AccessMismatch:
    """Make the error of a pair that is not equal."""
    return AccessMismatch(what, where=connection.where, remedy=remedy)


def disable_password(connection: Connection, username: str, pair: Pair | None) -> None:
    """End a user's password; a pair's idle user is marked before, as its password proves nothing any more."""
    if connection.is_mariadb and pair and pair.idle == username:
        state = read_named(connection, username)
        if not links.is_ours(pair, state):
            claim(connection, state, links.owned(pair, username))
    passwords.disable_password(connection, username)


def claim(connection: Connection, state: State, role: str) -> State:
    """Mark an account of MariaDB by a role, unless it holds that; one of a delivery that broke off is made anew."""
    if role not in state.marks:
        connection.run(f"CREATE OR REPLACE ROLE {role}")
        connection.run(f"GRANT {role} TO {state.account}")
    return replace(state, marks=state.marks | {role})


def check_access(connection: Connection, pair: Pair) -> None:
    """
    As the idle user: see that its login has its default roles in effect, and all that it was prepared with.

    It cannot see the other account, so what it holds is compared with what the admin recorded beside it; MariaDB
    has no place for such a record, and there the admin's own comparison just before the password is all.
    """
    state = read(connection, connection.account)
    if state.default_roles and connection.one("SELECT CURRENT_ROLE()") in {None, "NONE"}:  # MariaDB's word is NULL
        raise mismatch(
            connection, f"The login of {pair.idle} begins without its default roles", "Look at init_connect."
        )
    if connection.is_mariadb or not connection.keeps_attributes:
        return
    if state.mark is None or not names(state.mark, pair) or state.mark.version != pair.version:
        what = f"The account {state.account} is not prepared for this rotation"
        raise mismatch(connection, what, "Let the service retry from setSecret, or look for who changes the mark.")
    if not levelling.is_sealed(state):
        what = f"The access of {state.account} was changed after it was levelled"
        raise mismatch(connection, what, "The service's retry levels it again; look for who changed it.")
