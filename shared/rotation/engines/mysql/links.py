"""
MariaDB's mark: a role without any right that an account holds, whose name says whose the account is.

Only an admin can create and grant roles (manual, "CREATE ROLE": CREATE USER is needed), so that it holds what MySQL
keeps in an ATTRIBUTE; and unlike a second authentication method it leaves the account as it was: the server counts
wrong passwords (max_password_errors) of accounts with one method only. A name can be checked and not read back. Its
first half says whose the account is. The second half, the link, is made of the version that the account was prepared
for and of its partner's mark at that time: it fits as long as neither of the two was prepared anew, which is all that
has to be known under the lock.

An account that is created carries the same as a second method, since it is locked, and one statement makes both.
Halves of 80 bits are enough: nobody gains by a name that fits, who may not create roles.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from rotation.engines.mysql.accounts import MARK_ROLE, NATIVE

if TYPE_CHECKING:
    from rotation.engines.mysql.accounts import State
    from rotation.model import Pair

_HALF: Final = 20
"""Hexadecimal digits of each half."""

_LINKLESS: Final = "0" * _HALF
"""The link of an account that was not prepared yet."""


def born(pair: Pair) -> str:
    """Make the hash that the clone is created with."""
    return f"*{_owner(pair, pair.clone)}{_LINKLESS}".upper()


def owned(pair: Pair, username: str) -> str:
    """Make the role that says whose an account is, and nothing of a version."""
    return f"{MARK_ROLE}{_owner(pair, username)}{_LINKLESS}"


def prepared(pair: Pair, partner: State) -> str:
    """Make the role of the idle user, for the pair's version and its partner as it is."""
    return f"{MARK_ROLE}{_owner(pair, pair.idle)}{_link(pair, pair.idle, pair.version, partner)}"


def is_ours(pair: Pair, state: State) -> bool:
    """Return whether the account carries the secret's mark."""
    return bool(_marks(pair, state))


def is_foreign(pair: Pair, state: State) -> bool:
    """Return whether the account carries another secret's mark; the partner's may have been copied with its roles."""
    owners = {_owner(pair, username) for username in (pair.base, pair.clone)}
    return any(role.removeprefix(MARK_ROLE)[:_HALF] not in owners for role in state.marks)


def others(pair: Pair, state: State, role: str) -> list[str]:
    """List the secret's own marks beside that one: those of earlier versions."""
    return sorted(f"{MARK_ROLE}{text}" for text in _marks(pair, state) if f"{MARK_ROLE}{text}" in state.marks - {role})


def prepared_version(pair: Pair, idle: State | None, active: State | None) -> str | None:
    """Return which of the two versions that the pair names came last; None where neither did, or nothing tells."""
    if idle is None or active is None:
        return None
    if _owner(pair, pair.idle) + _link(pair, pair.idle, pair.version, active) in _marks(pair, idle):
        return pair.version
    current = _owner(pair, pair.active) + _link(pair, pair.active, pair.current, idle)
    return pair.current if current in _marks(pair, active) else None


def _marks(pair: Pair, state: State) -> list[str]:
    """List the secret's marks of the account, where an admin alone can write them."""
    texts = {role.removeprefix(MARK_ROLE) for role in state.marks}
    texts |= {text[1:].lower() for name, text in state.methods[1:] if name == NATIVE}
    return sorted(text for text in texts if text.startswith(_owner(pair, state.account.user)))


def _owner(pair: Pair, username: str) -> str:
    return _half("aws-rotation", pair.secret_arn, username)


def _link(pair: Pair, username: str, version: str, partner: State) -> str:
    """Make what changes whenever the account or its partner is prepared."""
    return _half("aws-rotation link", pair.secret_arn, pair.base, username, version, *_marks(pair, partner))


def _half(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_HALF]
