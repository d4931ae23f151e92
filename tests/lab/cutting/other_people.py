"""What others do to an application on a real server after its rotation was cut: they know of no rotation."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from tests.lab.cutting import other_region
from tests.support.crashes.invariants import Violated
from tests.support.emulators.secretsmanager.rotation import NothingToRetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.theatre import Application
    from tests.support.emulators.secretsmanager.rotation import RotationResult

TRIES: Final = 4
"""Deliveries in which it completes: an invocation may have four logins refused, and one of them gives itself up."""


def value_put(application: Application) -> None:
    """Change the password in use, and store it as AWSCURRENT."""
    secret = application.secret()
    application.theatre.scene.set_password(secret["username"], password := secrets.token_urlsafe(18))
    application.put({**secret, "password": password})
    complete(application)


def password_changed(application: Application) -> None:
    """Change the password in use without a word to the secret, and put it back when a rotation has failed."""
    scene, secret = application.theatre.scene, application.secret()
    scene.set_password(secret["username"], secrets.token_urlsafe(18))
    attempt(application)
    secret = application.secret()
    if not application.is_accepted(secret):
        scene.set_password(secret["username"], secret["password"])
    complete(application)


def clone_dropped(application: Application) -> None:
    """Drop the clone; if it was in use, and no rotation helps, go back to the base by an older version."""
    base = application.secret()["username"].removesuffix("_clone")
    with suppress(Exception):  # there may be none, and each driver says it in its own way
        application.theatre.scene.drop(f"{base}_clone")
    attempt(application)
    if not application.is_accepted(application.secret()):
        application.put(next(it for it in application.versions()[::-1] if application.is_accepted(it)))
    complete(application)


def region_promoted(application: Application) -> None:
    """
    Promote the replica in another Region, and rotate there from then on.

    The function of the first Region comes back, and may change nothing any more.
    """
    there = other_region.beside(application)
    other_region.promote(there)
    other_region.play(there)
    complete(there)
    abandon(application)
    before = there.secret()
    if attempt(application) is None or not there.is_accepted(before):
        raise Violated("The function of the Region that was left has changed something")
    complete(there)
    application.theatre, application.arn = there.theatre, there.arn


WAYS: Final[dict[str, Callable[[Application], None]]] = {
    "a value is put": value_put,
    "the password is changed": password_changed,
    "the clone is dropped": clone_dropped,
    "a Region is promoted": region_promoted,
}


def attempt(application: Application) -> BaseException | None:
    """Let the service retry what is under way, or rotate; give the error that it ended with, if any."""
    player = application.theatre.player
    player.on_step = None
    try:
        result: RotationResult = player.retry(application.arn)
    except NothingToRetry:
        result = player.rotate(application.arn)
    return None if result.succeeded else result.steps[-1].error


def complete(application: Application) -> None:
    """Let the service retry, and rotate again where a rotation gave itself up, until one gets through."""
    error = None
    for _ in range(TRIES):
        if (error := attempt(application)) is None:
            return
    raise Violated(f"It does not complete: {error}")


def abandon(application: Application) -> None:
    """Take AWSPENDING off, where it is on another version than AWSCURRENT."""
    labels = application.theatre.emulator.labels(application.arn)
    if labels.get("AWSPENDING") not in {None, labels["AWSCURRENT"]}:
        application.theatre.player.abandon(application.arn)
