"""
What keeps the old Region from changing what is promoted here, should its function run again.

Marks do: they name the secret's ARN with its Region. Where an admin changes the users, their marks go over to the ARN
here, and the function there meets another secret's. Where there is no mark, a rotation here ends the password there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rotation.model import CLONE_SUFFIX, Ownership, Pair
from rotation.strategies import admins, locks

if TYPE_CHECKING:
    from rotation.model import Secret
    from rotation.ports import Session
    from rotation.promotion.case import Case
    from rotation.promotion.choice import Chosen


def look(case: Case, chosen: Chosen) -> bool:
    """
    See as the admin, before anything is cut, whose the accounts are; return whether their marks will be a fence.

    Raises NotOurs where they are marked as neither this secret's nor the old primary's.
    """
    if chosen.admin is None:
        return False
    with admins.open_admin(case.delivery, chosen.admin) as session:
        pairs = _pairs(chosen.secret)
        taken = [session.take_over(pair, case.there(pair.secret_arn), rehearse=True) for pair in pairs]
        theirs = [replace(pair, secret_arn=case.there(pair.secret_arn)) for pair in pairs]
        fenced = any(_are_ours(session, pair) for pair in (*theirs, *pairs))
        if not fenced and not any(taken):
            admins.require_unclaimed(session, chosen.secret, chosen.secret.username)
        return fenced


def close(case: Case, secret: Secret, admin: Secret) -> None:
    """Let the admin mark the accounts as this secret's, under their lock."""
    with admins.open_admin(case.delivery, admin) as session:
        for pair in _pairs(secret):
            locks.take(case.delivery, session, pair.base, admin)
            taken = session.take_over(pair, case.there(pair.secret_arn))
            if taken:
                case.delivery.observer.note("Marked as this secret's", accounts=", ".join(taken))


def _are_ours(session: Session, pair: Pair) -> bool:
    """Return whether the function of that secret takes one of the two users for its own, so that it meets a mark."""
    both = (replace(pair, idle=name) for name in (pair.base, pair.clone))
    return any(session.ownership(one) is Ownership.OURS for one in both)


def _pairs(secret: Secret) -> list[Pair]:
    """Return the pairs that the user may be one of: the recorded one, else as a base and as a clone."""
    username = secret.username
    recorded = secret.overrides.base
    bases = {recorded} if recorded else {username, username.removesuffix(CLONE_SUFFIX)} - {""}
    return [Pair(secret.arn, base, base + CLONE_SUFFIX, secret.version) for base in sorted(bases)]
