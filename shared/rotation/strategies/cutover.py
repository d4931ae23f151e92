"""
The late cutover of a single user: change, prove, move the label, or put everything back.

Between the change and the move AWSCURRENT is refused. That window is one login and one call long, and this is the
only place that opens it. What is put back is the password that the server accepted before the change, and no other:
whoever may write the secret could have anything set otherwise, by writing it in that window.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rotation.credentials.seals import is_sealed
from rotation.credentials.vouching import vouches_for
from rotation.errors import (
    PasswordRejected,
    RotationError,
    StoreError,
    StoreUnavailable,
    Unreachable,
)
from rotation.model import Stage
from rotation.strategies import logins
from rotation.strategies.pending_version import give_up, promote

if TYPE_CHECKING:
    from rotation.delivery import Delivery
    from rotation.model import Secret
    from rotation.ports import Session

TIME_NEEDED: Final = 32.0
"""Seconds that must be left before the change: to connect and log in, make two API calls, and take it back."""

TIME_TO_UNDO: Final = 25.0
"""Seconds of these that the proof may not use: an API call that fails after all its tries (20), and a statement."""

LOOKS: Final = (0, 0.5, 1.0)
"""Seconds before each look at AWSCURRENT after a move without an answer: it may still take effect, or show late."""


def cut_over(delivery: Delivery, changer: Session, proven: Secret | None, admin: Secret | None = None) -> None:
    """
    Change the password through a session that is open already (the admin's), prove it, and move AWSCURRENT to it.

    ``proven`` is what the server accepted before; None in a repair, where nothing can be put back.
    """
    pending = delivery.pending
    require_time(delivery)
    opened = time.monotonic()
    try:
        changer.set_password(pending.username, pending.credential.password)
    except PasswordRejected as error:
        give_up(delivery, error)
    except Unreachable as error:
        _require_effect(delivery, error, proven, admin)
    try:
        _prove(delivery, admin)
    except RotationError as error:  # where a cluster is asked for its writer, it may be a StoreError too
        if proven is None:
            raise _kept(error) from None
        _set(delivery, changer, proven)
        _follow_current(delivery, changer, error, proven, in_place=proven)
    else:
        try:
            _move_label(delivery)
        except StoreError as error:
            _follow_current(delivery, changer, error, proven, in_place=pending)
    delivery.observer.measure("CutoverWindow", (time.monotonic() - opened) * 1000, "Milliseconds")


def require_time(delivery: Delivery) -> None:
    """Raise a retryable error unless the change could still be taken back within the invocation."""
    if delivery.deadline.remaining() < TIME_NEEDED:
        raise RotationError(
            f"Less than {TIME_NEEDED:.0f} seconds are left, too few to change the password safely",
            where=str(delivery.pending.address),
            remedy="Nothing was changed, and the service retries. If this repeats, give the stack a longer Timeout.",
            retryable=True,
        )


def _require_effect(delivery: Delivery, error: Unreachable, proven: Secret | None, admin: Secret | None) -> None:
    """See which password logs in where the answer to the change was lost; raise the error unless it is the new one."""
    candidates = [secret for secret in (proven, delivery.pending) if secret is not None]
    try:
        entry = logins.first_accepted(delivery, candidates, admin)
    except RotationError:
        raise error from None
    entry.session.__exit__(None, None, None)
    if entry.secret is not delivery.pending:
        raise error


def _prove(delivery: Delivery, admin: Secret | None) -> None:
    """
    Log in with the new password where it was changed, and then where clients do, if that is elsewhere.

    What the change may have to be taken back with is kept of the time.
    """
    patience = delivery.deadline.within(max(1.0, delivery.deadline.remaining() - TIME_TO_UNDO))
    for place in (admin, None) if logins.is_elsewhere(delivery.pending, admin) else (None,):
        logins.prove(delivery, delivery.pending, place, patience)


def _move_label(delivery: Delivery) -> None:
    """Move AWSCURRENT; where no answer came and nothing moved, once more."""
    try:
        promote(delivery, delivery.current.version)
    except StoreUnavailable:
        promote(delivery, delivery.current.version)


def _follow_current(
    delivery: Delivery, changer: Session, error: RotationError, proven: Secret | None, *, in_place: Secret
) -> None:
    """
    Put the password back that was proven, unless AWSCURRENT is the pending version; look again after each change.

    Raises the error unless that turns out to be so after all (moved by a twin, or by a call whose answer was lost).
    When the labels cannot be read the password in place stays: the next delivery sees which one logs in.
    """
    holder = None
    for pause in LOOKS:
        time.sleep(min(pause, delivery.deadline.remaining()))
        holder = delivery.store.describe().holding(Stage.CURRENT)
        wanted = delivery.pending if holder == delivery.token else _successor(delivery, holder, proven) or proven
        if wanted is None:
            raise _kept(error) from None
        if wanted.version != in_place.version:
            _set(delivery, changer, wanted)
            in_place = wanted
        elif wanted is delivery.pending:
            return
    if in_place is not delivery.pending:
        delivery.observer.warn("AWSCURRENT could not be moved; its password was put back", version=in_place.version)
        raise _told(delivery, error, holder, in_place)


def _successor(delivery: Delivery, holder: str | None, proven: Secret | None) -> Secret | None:
    """
    Return AWSCURRENT where another rotation came in between: by its seal createSecret made it, so it is as good.

    On a server without locks that can happen within the seconds in which the labels are not looked at again.
    """
    key = delivery.settings.seal_key
    if key is None or proven is None or holder == delivery.current.version:
        return None
    current = delivery.parse(delivery.store.read(Stage.CURRENT))
    follows = current.username == proven.username and vouches_for(proven, current) and is_sealed(key, current)
    return current if follows else None


def _told(delivery: Delivery, error: RotationError, holder: str | None, proven: Secret) -> RotationError:
    """Return the error, with what to do where AWSCURRENT has come to be a version that nothing proves."""
    if holder == proven.version != delivery.current.version:
        error.remedy += " Another rotation came in between, and its password was set again."
    elif holder != delivery.current.version:
        error.remedy += (
            f" AWSCURRENT was replaced by version {holder} meanwhile, whose password no server was seen to accept, so "
            f"it was not set. The server has the password of version {proven.version}: move AWSCURRENT back there, or "
            "set the server's password to the stored one."
        )
    return error


def _kept(error: RotationError) -> RotationError:
    """Return the error that the new password stays where nothing that was proven could be put back."""
    return RotationError(
        "The admin has set the new password, and AWSCURRENT was not moved to it",
        where=error.where,
        remedy=f"{error} The new password stays, since no other one was known to work; the service's retry goes on.",
        retryable=True,
    )


def _set(delivery: Delivery, changer: Session, secret: Secret) -> None:
    try:
        changer.set_password(secret.username, secret.credential.password)
    except RotationError as error:
        reason = getattr(error, "code", type(error).__name__)
        delivery.observer.warn("The new password stays in place: it could not be taken back", code=reason)
        raise RotationError(
            "The password was changed, AWSCURRENT was not moved, and the change could not be taken back",
            where=str(secret.address),
            remedy="The service's retry goes forward with the same password; to hasten it, rotate the secret again.",
            retryable=True,
        ) from None
