"""
What may be tried when no labelled version logs in.

A rotation may be cut off between the change of the password and the move of AWSCURRENT. It leaves the only good
password in the pending version. If somebody then takes AWSPENDING off, it lives on in a version without a label,
which Secrets Manager keeps for at least 24 hours (user guide, "Secret versions"). What logs in from there only
serves to set the pending password; an old version is never promoted.

There may be more such versions than an invocation may have refused. The last one that was refused is labelled, and
so is the pending version whose search it was; the service's retry of that one begins with those after it, so that in
the end each is tried.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from rotation.credentials.vouching import differences
from rotation.errors import InvalidSecret, InvalidSettings, VersionNotFound
from rotation.model import LAST_REFUSED, SEARCHING, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rotation.delivery import Delivery
    from rotation.model import Credential, Secret

MOST_UNLABELLED: Final = 3
"""Versions without a label whose passwords are tried, of all that the service keeps (about 100) and that are read."""


class Recovery(StrEnum):
    """What AWSCURRENT was brought back with, or how a rotation made way for the next one."""

    PENDING = "AWSPENDING"
    PREVIOUS = "AWSPREVIOUS"
    UNLABELLED = "unlabelled"
    GIVEN_UP = "given-up"
    BY_ADMIN = "by-admin"


def candidates(delivery: Delivery, marked: Callable[[], str | None] = lambda: None) -> Iterator[Secret]:
    """
    Return what may log in, likeliest first, each password once, and read no more than the caller asks for.

    ``marked`` asks the server for which version it was last given a password, where it can tell; of the versions
    without a label that one comes first.
    """
    current, pending = delivery.current, delivery.pending
    yield current
    yield pending
    tried = [current.credential, pending.credential]
    unlabelled = _untried(_unlabelled(delivery, marked), tried)
    for secret in chain(_untried(_previous(delivery), tried), islice(unlabelled, MOST_UNLABELLED)):
        delivery.observer.warn(
            "Neither AWSCURRENT nor AWSPENDING logs in; trying an older version", version=secret.version
        )
        yield secret


def _untried(found: Iterable[Secret | None], tried: list[Credential]) -> Iterator[Secret]:
    """Pass over what holds no other password than those before: somebody may have stored one again and again."""
    for secret in found:
        if secret is not None and secret.credential not in tried:
            tried.append(secret.credential)
            yield secret


def _previous(delivery: Delivery) -> Iterator[Secret | None]:
    yield _same_user(delivery, stage=Stage.PREVIOUS)


def _unlabelled(delivery: Delivery, marked: Callable[[], str | None]) -> Iterator[Secret | None]:
    for version in _in_turn(delivery, delivery.store.unlabelled(), marked):
        yield _same_user(delivery, version=version)


def _in_turn(delivery: Delivery, versions: Sequence[str], marked: Callable[[], str | None]) -> Sequence[str]:
    """Begin after the one that this token's last delivery ended with; in the first one, with the one of the mark."""
    if len(versions) <= 1:
        return versions
    stages = delivery.store.describe().stages if SEARCHING in delivery.pending.stages else {}
    refused = next((version for version in versions if LAST_REFUSED in stages.get(version, ())), None)
    if refused is not None:
        after = versions.index(refused) + 1
        return [*versions[after:], *versions[:after]]
    named = marked()
    return sorted(versions, key=lambda version: version != named)


def _same_user(delivery: Delivery, stage: Stage | None = None, version: str | None = None) -> Secret | None:
    """Read a version; None unless it is about the same user, and vouches for AWSCURRENT."""
    try:
        secret = delivery.parse(delivery.store.read(stage, version))
    except (VersionNotFound, InvalidSecret, InvalidSettings):
        return None
    current = delivery.current
    return secret if secret.username == current.username and may_stand_in(delivery, secret) else None


def may_stand_in(delivery: Delivery, older: Secret) -> bool:
    """Return whether the version vouches for AWSCURRENT; one that does not is remembered, for the error to name."""
    keys = differences(older, delivery.current)
    if keys and older.credential != delivery.current.credential:
        delivery.passed_over[older.version] = keys
    return not keys
