"""
What may be tried when no labelled version logs in.

A rotation that was cut off between the change of the password and the move of AWSCURRENT leaves the only good
password in the pending version. If somebody then takes AWSPENDING off, it lives on in a version without a label,
which Secrets Manager keeps for at least 24 hours (user guide, "Secret versions"). What logs in from there only
serves to set the pending password; an old version is never promoted.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from rotation.errors import InvalidSecret, InvalidSettings, VersionNotFound
from rotation.model import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.delivery import Delivery
    from rotation.model import Secret

MOST_UNLABELLED: Final = 3
"""Versions without a label whose passwords are tried."""

MOST_READ: Final = 10
"""Versions without a label that are read in search of the user."""


def candidates(delivery: Delivery) -> Iterator[Secret]:
    """Give what may log in, likeliest first, each password once, and read no more than the caller asks for."""
    current, pending = delivery.current, delivery.pending
    yield current
    yield pending
    tried = [current.credential, pending.credential]
    for secret in _older(delivery):
        if secret.credential not in tried:
            tried.append(secret.credential)
            delivery.observer.warn(
                "Neither AWSCURRENT nor AWSPENDING logs in; trying an older version", version=secret.version
            )
            yield secret


def _older(delivery: Delivery) -> Iterator[Secret]:
    yield from filter(None, [_same_user(delivery, stage=Stage.PREVIOUS)])
    found = (_same_user(delivery, version=version) for version in delivery.store.unlabelled()[:MOST_READ])
    yield from islice(filter(None, found), MOST_UNLABELLED)


def _same_user(delivery: Delivery, stage: Stage | None = None, version: str | None = None) -> Secret | None:
    """Read a version; None unless it is about the same user on the same host."""
    try:
        secret = delivery.parse(delivery.store.read(stage, version))
    except (VersionNotFound, InvalidSecret, InvalidSettings):
        return None
    current = delivery.current
    same = (secret.username, secret.address.host) == (current.username, current.address.host)
    return secret if same else None
