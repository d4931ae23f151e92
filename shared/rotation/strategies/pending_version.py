"""The pending version's end: it becomes the current one, or it is given up."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from rotation.credentials.seals import is_sealed
from rotation.credentials.secret_format import carried
from rotation.credentials.vouching import vouches_for
from rotation.errors import GuardViolation, RotationError, RotationRefused, StoreDenied, StoreError, StoreUnavailable
from rotation.model import Stage, VersionState
from rotation.strategies import copies, logins
from rotation.strategies.recovery import Recovery

if TYPE_CHECKING:
    from collections.abc import Collection

    from rotation.delivery import Delivery
    from rotation.model import Secret, Versions

UNSEEN: Final = 5.0
"""
Seconds after which a step looks at the labels again, under the lock where it holds one.

That long ago it read AWSCURRENT, and meanwhile somebody may have abandoned it, and another rotation have come and
gone: each is a person's command, and four invocations.
"""


def promote(delivery: Delivery, replacing: str) -> None:
    """
    Move AWSCURRENT to the pending version. Raises StoreError unless it is there afterwards.

    The move is a compare-and-swap. When it is refused or unanswered, the labels tell whether it took effect: by
    this call, a repetition of it inside the SDK, or a twin's.
    """
    try:
        delivery.store.promote(delivery.token, replacing)
    except StoreError:
        if delivery.store.describe().state_of(delivery.token) is not VersionState.CURRENT:
            raise


def promote_proven(delivery: Delivery, replacing: str) -> None:
    """
    Move AWSCURRENT to the pending version, which the server was just seen to accept.

    Where it has been moved meanwhile, to a version that the server refuses (a late step of an abandoned rotation moved
    it, after this one had set another password), it is moved from there, at first sight.

    After a while the labels are looked at again, and what somebody rolled back stays rolled back. No call of the
    service's moves one label on the condition of another, so the moment between look and move stays open.
    """
    if delivery.deadline.elapsed() > UNSEEN and _awaited(delivery, delivery.store.describe()) is VersionState.CURRENT:
        return
    try:
        promote(delivery, replacing)
    except (StoreUnavailable, StoreDenied):
        raise
    except StoreError:
        if delivery.store.describe().state_of(delivery.token) is not VersionState.PENDING:
            raise
        moved = delivery.parse(delivery.store.read(Stage.CURRENT))
        if moved.version == replacing or _changed(delivery.pending, moved, {"username"}):
            raise
        if delivery.refusals >= logins.MOST_REFUSALS or logins.accepts(delivery, moved):
            raise
        delivery.observer.recovered(Recovery.PENDING, version=delivery.token)
        promote(delivery, moved.version)


def made_from(delivery: Delivery) -> str | None:
    """Return the version that the pending value was made from, where it records that for this very token."""
    overrides = delivery.pending.overrides
    return overrides.made_from if overrides.made_for == delivery.token else None


def require_own(delivery: Delivery) -> None:
    """
    See that createSecret made the pending value: its seal says so, where the function has a key for seals.

    Whoever may write the secret can store one before createSecret does, and the service delivers its token. Without a
    seal only what the server accepts already goes on: a rotation that began before the function had its key. Raises
    GuardViolation otherwise, with AWSPENDING taken off.
    """
    key, pending = delivery.settings.seal_key, delivery.pending
    if key is None or is_sealed(key, pending):
        return
    if vouches_for(delivery.current, pending) and logins.accepts(delivery, pending):
        return
    violation = GuardViolation(
        "AWSPENDING holds a value that createSecret of this function has not made",
        where=f"version {pending.version} of {pending.arn}",
        remedy="See in CloudTrail who stored it (PutSecretValue). It may be of another function, which rotated the "
        "secret before; then rotate again.",
    )
    give_up(delivery, violation)


def give_up(delivery: Delivery, error: RotationError) -> NoReturn:
    """
    Take AWSPENDING off our own version if AWSCURRENT is seen to log in, and raise the error.

    The value of a token cannot be changed, so the service would retry a hopeless one for ever, and refuse to start
    another rotation. Where AWSCURRENT does not log in, the pending value may be all that is left.
    """
    with suppress(RotationError):  # the error that made it hopeless says more
        current = delivery.current
        if delivery.store.describe().holding(Stage.CURRENT) != current.version:
            error.remedy += " AWSPENDING was kept: AWSCURRENT is just being moved. The retry looks again."
        elif (
            current.version not in delivery.refused
            and delivery.refusals < logins.MOST_REFUSALS
            and logins.accepts(delivery, current)
        ):
            copies.await_rest(delivery)
            delivery.store.unstage(delivery.token)
            delivery.observer.recovered(Recovery.GIVEN_UP, version=delivery.token)
            delivery.observer.note("Took AWSPENDING off the version: it can never become AWSCURRENT")
            error.remedy += " AWSPENDING was taken off this version, so that the next rotation starts anew."
        else:
            error.remedy += " AWSPENDING was kept: AWSCURRENT's password is not accepted. Correct that first."
    raise error


def changed_meanwhile(delivery: Delivery, *, of_a_pair: bool = False) -> GuardViolation | None:
    """
    Return whether somebody replaced AWSCURRENT with another content since the pending value was made from it.

    Only a pair's pending value may be about another user than AWSCURRENT.
    """
    keys = _changed(delivery.pending, delivery.current, {"username"} if of_a_pair else set())
    if not keys:
        return None
    return GuardViolation(
        f"AWSCURRENT was changed after createSecret made AWSPENDING from it ({_named(keys)})",
        where=delivery.current.arn,
        remedy="Rotating on would lose that change.",
    )


def moved_meanwhile(delivery: Delivery) -> GuardViolation | None:
    """
    Return whether AWSCURRENT was moved to another version since (back to AWSPREVIOUS, as an operator does).

    A pair's pending value is then about the very user that is in use, or can never replace what is current.
    """
    pending, current = delivery.pending, delivery.current
    if pending.username != current.username and made_from(delivery) in {None, current.version}:
        return None
    return GuardViolation(
        "AWSCURRENT was moved after createSecret made AWSPENDING from it",
        where=f"version {current.version} of {current.arn}",
        remedy="Rotating on would change the user that is in use.",
    )


def replaced_meanwhile(delivery: Delivery) -> GuardViolation | None:
    """Return whether AWSCURRENT is another version since, so that the move from the recorded one can never succeed."""
    if made_from(delivery) in {None, delivery.current.version}:
        return None
    return GuardViolation(
        "AWSCURRENT was replaced after createSecret made AWSPENDING from it",
        where=f"version {delivery.current.version} of {delivery.current.arn}",
        remedy="Rotating on would lose that change.",
    )


def still_pending(delivery: Delivery) -> bool:
    """
    Look at the token again, under the server's lock, when another delivery may have come in between.

    False when it has become AWSCURRENT. Raises RotationRefused when it was abandoned, or when another version than
    the one that was read is AWSCURRENT.
    """
    versions = delivery.store.describe()
    state = _awaited(delivery, versions)
    if state is VersionState.PENDING and versions.holding(Stage.CURRENT) != delivery.current.version:
        raise RotationRefused(
            "AWSCURRENT is another version than the one that this step read",
            where=f"version {delivery.token}",
            remedy="Nothing was changed. The retry goes on from what is current then.",
            retryable=True,
        )
    return state is VersionState.PENDING


def _awaited(delivery: Delivery, versions: Versions) -> VersionState:
    """Return the state of the token's version: PENDING, or CURRENT. Raises RotationRefused where it is neither."""
    state = versions.state_of(delivery.token)
    if state not in {VersionState.PENDING, VersionState.CURRENT}:
        raise RotationRefused(
            "The rotation was abandoned while this step was waiting",
            where=f"version {delivery.token}",
            remedy="Nothing was changed. Start a new one with RotateSecret.",
        )
    return state


def require_not_overtaken(delivery: Delivery) -> None:
    """
    Look at AWSCURRENT again after the pending value was stored, where that took long.

    Raises RotationRefused where it is another version by now, once AWSPENDING is off our own. The step may have put
    it back there after somebody abandoned the rotation and the next one came whole: the service knows nothing of this
    one then, and would begin no other.
    """
    if delivery.deadline.elapsed() < UNSEEN:
        return
    versions = delivery.store.describe()
    if versions.state_of(delivery.token) is VersionState.PENDING and (
        versions.holding(Stage.CURRENT) != delivery.current.version
    ):
        copies.await_rest(delivery)
        delivery.store.unstage(delivery.token)
        raise RotationRefused(
            "Another version became AWSCURRENT while createSecret was at work",
            where=f"version {delivery.token}",
            remedy="AWSPENDING was taken off this version, which nothing used. Start a new rotation with RotateSecret.",
        )


def require_rotation(versions: Versions) -> None:
    """Raise RotationRefused when rotation is switched off for the secret."""
    if not versions.rotation_enabled:
        raise RotationRefused(
            "Rotation is not enabled for the secret",
            where=versions.arn,
            remedy="Attach this function with RotateSecret (or in the console) before it is invoked.",
        )


def require_unmoved(delivery: Delivery) -> None:
    """Raise RotationRefused, under the server's lock, unless AWSCURRENT is where it was and nothing is pending."""
    versions = delivery.store.describe()
    require_no_rotation(versions)
    if versions.holding(Stage.CURRENT) != delivery.current.version:
        raise RotationRefused(
            "AWSCURRENT was moved meanwhile",
            where=f"version {delivery.current.version} of {versions.arn}",
            remedy="Nothing was changed. If the leaked password is AWSPREVIOUS's still, revoke again.",
        )


def require_no_rotation(versions: Versions) -> None:
    """Raise RotationRefused while another version than the current one is labelled AWSPENDING."""
    pending = versions.holding(Stage.PENDING)
    if pending is not None and versions.state_of(pending) is VersionState.PENDING:
        raise RotationRefused(
            "A rotation is under way",
            where=f"version {pending} of {versions.arn}",
            remedy="Let it finish, or take AWSPENDING off that version, then revoke again.",
        )


def _changed(pending: Secret, current: Secret, besides: Collection[str]) -> set[str]:
    """Name the keys, besides some, in which the two differ beyond the password."""
    one, other = carried(pending), carried(current)
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)} - {*besides}


def _named(keys: set[str]) -> str:
    return ", ".join(sorted(key if key.isidentifier() else "…" for key in keys))
