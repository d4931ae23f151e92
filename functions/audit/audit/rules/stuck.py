"""Rules of rotations that began: stuck, failing, abandoned, or overtaken by somebody's own hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from audit.model import CURRENT, LIVE, ROTATED, Kind, Secret, Severity
from audit.rules.rotating import SERVED, stuck_since
from audit.rules.rule import LOOK, RETRY, Rule, minute

if TYPE_CHECKING:
    from audit.rules.rule import Ground

_EMPTY: Final = (
    "aws secretsmanager update-secret-version-stage --region {region} --secret-id {arn} --version-stage AWSPENDING "
    "--remove-from-version-id {version}"
)

_AGAIN: Final = (
    f"# once the cause is gone; the function finds what the database takes, also without the label:\n{_EMPTY}\n{RETRY}"
)
"""RotateSecret is refused while AWSPENDING is on a version that is not current (API reference, RotateSecret)."""

_REATTEMPT: Final = f"# once the cause is gone; refused, and the rotation that stands is tried again:\n{RETRY}"


def _is_empty(secret: Secret) -> bool | None:
    """Return whether the pending version holds no value: then it is not listed. None where that was not read."""
    if secret.versions is None:
        return None
    return secret.lone_pending not in {version.id for version in secret.versions}


def stuck(secret: Secret, ground: Ground) -> str | None:
    """AWSPENDING has long stood on a version of its own, which holds a value."""
    since = stuck_since(secret, ground)
    if since is None or _is_empty(secret):
        return None
    value = "" if secret.versions is None else " It holds a value, which the database may already take: do not drop it."
    return f"AWSPENDING is on version {secret.lone_pending} alone since {minute(since)} or longer.{value}"


def empty(secret: Secret, ground: Ground) -> str | None:
    """AWSPENDING has long stood on a version without a value."""
    since = stuck_since(secret, ground)
    if since is None or not _is_empty(secret):
        return None
    return f"AWSPENDING is on version {secret.lone_pending} since {minute(since)} or longer, and it holds no value."


def failing(secret: Secret, ground: Ground) -> str | None:
    """Several rotations failed lately, and none has succeeded since."""
    since = ground.now - timedelta(days=ground.settings.failures_days)
    latest = [it for it in secret.events if it.name == "RotationFailed" and it.at > since]
    ended = max(filter(None, (secret.rotated, *_times(secret, "RotationSucceeded"))), default=None)
    open_ones = [it for it in latest if ended is None or it.at > ended]
    if len(open_ones) < ground.settings.failures:
        return None
    last = max(open_ones, key=lambda it: it.at)
    return f"{len(open_ones)} rotations failed in {ground.settings.failures_days} days, the last on {minute(last.at)}."


def _times(secret: Secret, name: str) -> list[datetime]:
    return [it.at for it in secret.events if it.name == name]


def abandoned(secret: Secret, ground: Ground) -> str | None:
    """The service gave up a rotation because somebody made a version meanwhile."""
    event = secret.last("RotationAbandoned")
    since = ground.now - timedelta(days=ground.settings.failures_days)
    ended = max(filter(None, (secret.rotated, *_times(secret, "RotationSucceeded"))), default=None)
    if event is None or event.at < since or (ended is not None and ended > event.at):
        return None
    return f"A rotation was abandoned on {minute(event.at)}: somebody wrote a version meanwhile."


def by_hand(secret: Secret, _: Ground) -> str | None:
    """AWSCURRENT is newer than the last rotation: the database may hold another password."""
    current = secret.holding(CURRENT)
    hour = timedelta(hours=1)
    if not secret.enabled or current is None or current.created is None or secret.rotated is None:
        return None
    if current.created <= secret.rotated + hour:
        return None
    return (
        f"AWSCURRENT was written on {minute(current.created)}, after the last rotation on {minute(secret.rotated)}. "
        "The service counts that as a rotation."
    )


H, M = Severity.HIGH, Severity.MEDIUM

RULES: Final[tuple[Rule[Secret], ...]] = (
    Rule(
        "pending-stuck",
        H,
        "A rotation is stuck",
        "AWSPENDING has been on a version without AWSCURRENT for over `pending_hours`.",
        stuck,
        {**dict.fromkeys(LIVE, LOOK), Kind.OURS: _AGAIN, Kind.FOREIGN: _REATTEMPT},
        twice=True,
    ),
    Rule(
        "pending-empty",
        H,
        "A rotation is stuck before it began",
        "The same, and that version holds no value: taking the label away is safe.",
        empty,
        _EMPTY,
        needs=frozenset({"versions"}),
        twice=True,
    ),
    Rule(
        "rotation-failing",
        H,
        "Its rotation fails again and again",
        "At least `failures` RotationFailed events in `failures_days`, and no success since.",
        failing,
        {Kind.OURS: RETRY, Kind.FOREIGN: RETRY, Kind.SERVICE: LOOK, Kind.EXTERNAL: LOOK},
        SERVED | {Kind.EXTERNAL},
        frozenset({"events"}),
    ),
    Rule(
        "rotation-abandoned",
        M,
        "A rotation was abandoned",
        "A RotationAbandoned event in `failures_days`, and no success since.",
        abandoned,
        {Kind.OURS: RETRY, Kind.FOREIGN: RETRY},
        ROTATED,
        frozenset({"events"}),
    ),
    Rule(
        "written-by-hand",
        M,
        "Somebody wrote its value",
        "AWSCURRENT was made after the last rotation: secret and database may differ.",
        by_hand,
        {Kind.OURS: RETRY, Kind.FOREIGN: RETRY},
        ROTATED,
        frozenset({"versions"}),
    ),
)
