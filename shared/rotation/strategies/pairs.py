"""The two users that alternate: which is the base, and which of the secret's versions prove that they are its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.credentials.vouching import differences, vouches_for
from rotation.errors import GuardViolation, InvalidSecret, InvalidSettings, VersionNotFound
from rotation.model import CLONE_SUFFIX, Pair, Stage
from rotation.strategies import admins, logins, recovery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.delivery import Delivery
    from rotation.model import Secret


def candidates(delivery: Delivery, pair: Pair) -> Iterator[Secret]:
    """
    Return what proves that the secret is about this pair: AWSCURRENT, else the pending value, set before.

    Where neither is accepted (somebody changed the password of the user in use), AWSPREVIOUS of the other user is;
    then the rotation goes on, if the account is marked as ours, and brings AWSCURRENT back to life.
    """
    yield delivery.current
    yield delivery.pending
    previous = _previous(delivery)
    if previous is not None and previous.username == pair.idle and recovery.may_stand_in(delivery, previous):
        yield previous


def was_made_from(secret: Secret, proven: Secret) -> bool:
    """Return whether createSecret of a rotation made that version from the other one."""
    record = secret.overrides
    recorded = (record.made_from, record.made_for) == (proven.version, secret.version)
    return recorded and vouches_for(proven, secret)


def base_of(delivery: Delivery, current: Secret) -> str:
    """
    Return which user of the pair is the base: as recorded, else as AWSPREVIOUS or the clone's mark tells.

    A name that merely ends in ``_clone`` is a base like any other. Raises GuardViolation where the record does
    not fit the user.
    """
    recorded = current.overrides.base
    if recorded is not None:
        require_in_pair(Pair(current.arn, recorded, current.username, ""), current)
        return recorded
    stem = current.username.removesuffix(CLONE_SUFFIX)
    if stem in {current.username, ""}:
        return current.username
    previous = _previous(delivery)
    if previous is not None and previous.username in {stem, current.username + CLONE_SUFFIX}:
        return min(previous.username, current.username, key=len)
    with admins.open_admin(delivery, admins.read_admin(delivery, current)) as session:
        mark = session.mark_of(current.username)
    return stem if mark is not None and (mark.secret_arn, mark.base) == (current.arn, stem) else current.username


def pair_of(delivery: Delivery, pending: Secret) -> Pair:
    """Return the pair of the pending value. Raises GuardViolation where its user is neither of the two."""
    base = pending.overrides.base or base_of(delivery, delivery.current)
    pair = Pair(pending.arn, base, pending.username, delivery.token)
    require_in_pair(pair, pending)
    return pair


def require_in_pair(pair: Pair, secret: Secret) -> None:
    """Refuse a user outside of the pair, as a foreign hand could write it into the secret."""
    if not {secret.username, pair.idle} <= {pair.base, pair.clone}:
        raise GuardViolation(
            "The secret's user is neither the base of its pair nor its clone",
            where=f"version {secret.version} of {secret.arn}",
            remedy=f'Correct "username", or remove "rotationRecord" (older secrets: "rotation.base"), which names '
            f"{pair.base}, from the secret.",
        )


def _previous(delivery: Delivery) -> Secret | None:
    try:
        return delivery.parse(delivery.store.read(Stage.PREVIOUS))
    except (VersionNotFound, InvalidSecret, InvalidSettings):
        return None


def holds_its_password(delivery: Delivery, pair: Pair, admin: Secret) -> bool:
    """
    Prove an unmarked account by possession: AWSPREVIOUS names it, and the server accepts its password.

    Only AWSPREVIOUS counts; createSecret itself writes versions that name the account before anything is checked.
    """
    previous = _previous(delivery)
    if previous is None or previous.username != pair.idle or not vouches_for(previous, delivery.current):
        return False
    return logins.accepts(delivery, previous, admin)


def is_accepted(delivery: Delivery, previous: Secret, admin: Secret) -> bool:
    """
    Return whether AWSPREVIOUS is accepted; its password goes nowhere but to the server that it was made for.

    Raises GuardViolation where AWSCURRENT has come to be about another one.
    """
    if keys := differences(previous, delivery.current):
        raise GuardViolation(
            f"AWSPREVIOUS is about another server than AWSCURRENT ({', '.join(sorted(keys))})",
            where=f"version {previous.version} of {previous.arn}",
            remedy="Change or drop its user by hand; the function will not touch it.",
        )
    return logins.accepts(delivery, previous, admin)
