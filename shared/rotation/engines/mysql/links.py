"""
MariaDB's mark: a hash that no password has, as a second method of an account.

An account may have several methods (manual, "CREATE USER", IDENTIFIED VIA … OR …). A user that changes its own
password changes the first; only an admin can write the second, so that it holds what MySQL keeps in an ATTRIBUTE. A
hash can be checked and not read back. Its first half says whose the account is. The second half, the link, is made of
the version that the account was prepared for and of its partner's mark at that time: it fits as long as neither of
the two was prepared anew, which is all that has to be known under the lock.

It is one method and not two, since PyMySQL takes no more than one other offer of the server for an answer: with a
third method it would tell a refused login as a broken connection. Halves of 80 bits are enough: who could choose
names and versions at will would still try 2**80 passwords to find one that has a mark for its hash.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from rotation.engines.mysql.accounts import NATIVE

if TYPE_CHECKING:
    from rotation.engines.mysql.accounts import State
    from rotation.model import Pair

_HALF: Final = 20
"""Hexadecimal digits of each half."""

_LINKLESS: Final = "0" * _HALF
"""The link of an account that was not prepared yet."""

_UNPROVEN: Final = "unproven"
"""Stands for a partner that carries no mark, and whose password was not seen to be AWSCURRENT's."""


def born(pair: Pair) -> str:
    """Make the mark that the clone is created with."""
    return _owner(pair, pair.clone) + _LINKLESS


def prepared(pair: Pair, partner: State) -> str:
    """Make the mark of the idle user, for the pair's version and its partner as it is."""
    word = _word(pair, partner) if pair.current or is_ours(pair, partner) else _UNPROVEN
    return _owner(pair, pair.idle) + _link(pair, pair.idle, pair.version, word)


def kept(pair: Pair, idle: State) -> str:
    """Return the mark for the idle user when its password ends: the one that it carries, else whose it is."""
    return _mark(pair, idle) or _owner(pair, pair.idle) + _LINKLESS


def is_ours(pair: Pair, state: State) -> bool:
    """Return whether the account carries the secret's mark."""
    return bool(_mark(pair, state))


def prepared_version(pair: Pair, idle: State | None, active: State | None) -> str | None:
    """Return which of the two versions that the pair names came last; None where neither did, or nothing tells."""
    if idle is None or active is None:
        return None
    if _mark(pair, idle) == _owner(pair, pair.idle) + _link(pair, pair.idle, pair.version, _word(pair, active)):
        return pair.version
    return pair.current if fits(pair, idle, active) else None


def fits(pair: Pair, idle: State | None, active: State | None) -> bool:
    """
    Return whether the active user was prepared for AWSCURRENT, and the idle one is as it was at that time.

    An idle user without a mark is proven by that: its password's hash is the one with which it logged in as
    AWSCURRENT then, and an admin wrote that down.
    """
    if idle is None or active is None:
        return False
    link = _link(pair, pair.active, pair.current, _word(pair, idle))
    return _mark(pair, active) == _owner(pair, pair.active) + link


def _mark(pair: Pair, state: State) -> str:
    """Return the secret's mark, if it is at the place where an admin alone can write it; else nothing."""
    stored = [text for name, text in state.methods[1:] if name == NATIVE]
    return next((text for text in stored if text.startswith(_owner(pair, state.account.user))), "")


def _word(pair: Pair, state: State) -> str:
    """Return what changes whenever the account is prepared: its mark, and where it has none, its password's hash."""
    return _mark(pair, state) or "".join(text for _, text in state.methods[:1])


def _owner(pair: Pair, username: str) -> str:
    return "*" + _half("aws-rotation", pair.secret_arn, username)


def _link(pair: Pair, username: str, version: str, partner: str) -> str:
    return _half("aws-rotation link", pair.secret_arn, pair.base, username, version, partner)


def _half(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_HALF].upper()
