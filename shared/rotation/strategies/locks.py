"""The lock in the server under which a user, or the base of a pair, is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.errors import LockWithheld
from rotation.model import CLONE_SUFFIX

if TYPE_CHECKING:
    from rotation.delivery import Delivery
    from rotation.model import Secret
    from rotation.ports import Session


def name_of(username: str) -> str:
    """Name the lock of a user, or of the base of a pair."""
    return f"rotation of {username}"


def take(delivery: Delivery, session: Session, username: str, admin: Secret | None = None) -> bool:
    """
    Take the user's lock; say whether it had to be waited for, so that the labels are to be looked at again.

    Anybody may take a lock of any name. Where one without a part in the rotation holds it, it counts for nothing.
    The labels protect alone then, as on servers that have no locks. An admin may be one of two users that take turns,
    and an earlier delivery may have come as the other one.
    """
    stems = {username, *([admin.username.removesuffix(CLONE_SUFFIX), admin.username] if admin else ())}
    holders = stems | {stem + CLONE_SUFFIX for stem in stems}
    try:
        return session.lock(name_of(username), holders)
    except LockWithheld as withheld:
        delivery.observer.warn(f"Going on without the lock. {withheld}")
        return True
