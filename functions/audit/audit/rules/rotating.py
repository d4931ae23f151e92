"""Rules of rotation: whether a secret rotates at all, when it does, and whether it comes to an end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from audit.model import CURRENT, ROTATED, Kind, Secret, Severity
from audit.rules.rule import ATTACH, LOOK, RETRY, Rule, age, day, minute

if TYPE_CHECKING:
    from audit.rules.rule import Ground

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
SERVED: Final = ROTATED | {Kind.SERVICE}
"""Kinds whose schedule stands in Secrets Manager itself."""
_MONTHLY: Final = (
    "aws secretsmanager rotate-secret --region {region} --secret-id {arn} --rotation-rules AutomaticallyAfterDays=30"
)
_CAN_ROTATE: Final = frozenset({"rds", "redshift"})
"""Services of which every secret rotates (user guide, "Managed rotation"); of others some do, and some cannot."""


def never(secret: Secret, ground: Ground) -> str | None:
    """Rotation was never configured, and nobody replaced the value of late either."""
    settings, created = ground.settings, secret.created
    if secret.enabled is not None or secret.function or created is None or ground.now - created < _DAY:
        return None
    current = secret.holding(CURRENT)
    replaced = current.created if current else None
    limit = timedelta(days=settings.max_age_days)
    if replaced and replaced > created + _DAY and ground.now - replaced < limit:
        return None  # somebody puts new values, and in time: it rotates, by other means
    value = replaced or (created if secret.changed is None or secret.changed - created < _DAY else None)
    known = f" Its value is {age(value, ground)} days old." if value else ""
    return f"Rotation was never configured. The secret was created on {day(created)}.{known}"


def switched_off(secret: Secret, _: Ground) -> str | None:
    """Rotation was configured, and is switched off: rules and function may still be named."""
    if secret.enabled is not False:
        return None
    function = f" {secret.function} is still named." if secret.function else ""
    return f"Rotation was switched off. It rotated last on {day(secret.rotated)}.{function}"


def managed_off(secret: Secret, _: Ground) -> str | None:
    """A service owns the secret, and does not rotate it though it could."""
    if secret.enabled or (secret.enabled is None and secret.service not in _CAN_ROTATE):
        return None
    return f"{secret.service} owns it, and its rotation is off. It rotated last on {day(secret.rotated)}."


def too_long(secret: Secret, ground: Ground) -> str | None:
    """The schedule lets a password grow older than the limit."""
    schedule, most = secret.schedule, ground.settings.max_interval_days
    if not secret.enabled or schedule is None:
        return None
    if schedule.longest is None and secret.due and (secret.due - ground.now).days > most:
        return f"{schedule.text} fires next on {day(secret.due)}; the limit is {most} days."
    if schedule.longest is None or schedule.longest <= timedelta(days=most):
        return None
    return f"{schedule.text} leaves up to {schedule.longest.days} days between two rotations; the limit is {most}."


def unclear(secret: Secret, ground: Ground) -> str | None:
    """Nothing says when it rotates, or it does so more often than clients can follow."""
    if not secret.enabled:
        return None
    schedule, caches = secret.schedule, timedelta(minutes=2 * ground.settings.cache_minutes)
    if schedule is None:
        return None if secret.due else "Rotation is on, and no schedule is set: it rotates when somebody asks."
    if schedule.longest is None:  # where the service plans a date it reads what this audit cannot
        planned = secret.due is not None and secret.due > ground.now
        return None if planned else f"{schedule.text} does not fire twice in two years."
    if schedule.shortest is not None and schedule.shortest < caches:
        hours = schedule.shortest.total_seconds() / 3600
        return f"{schedule.text} rotates after {hours:g} hours. Clients that cache may then be two passwords behind."
    return None


def frozen(secret: Secret, ground: Ground) -> str | None:
    """Its next rotation comes while nothing may change."""
    if not secret.enabled or secret.due is None or secret.schedule is None:
        return None
    # NextRotationDate is the end of the window ("on or before this date", API reference, DescribeSecret).
    begins, ends = (secret.due - secret.schedule.window + _SECOND).date(), secret.due.date()
    inside = [f"{first} to {last}" for first, last in ground.settings.frozen() if begins <= last and ends >= first]
    return f"It rotates next by {minute(secret.due)}, and nothing may from {inside[0]}." if inside else None


def overdue(secret: Secret, ground: Ground) -> datetime | None:
    """Return when a rotation should have ended that has not; by the service's date, else by the schedule."""
    if not secret.enabled or secret.schedule is None:
        return None
    schedule, grace = secret.schedule, timedelta(hours=ground.settings.late_hours)
    # NextRotationDate is "the latest date that rotation will occur" (API reference, DescribeSecret): its window is
    # over then, and another one is granted. Without it the schedule tells.
    latest, spare = secret.due, schedule.window
    if latest is None:
        begun = secret.rotated or max(filter(None, (secret.created, secret.changed)), default=None)
        if begun is None or schedule.longest is None:
            return None
        latest, spare = begun + schedule.longest + schedule.window, timedelta(0)
    return latest if latest + spare + grace < ground.now else None


def late(secret: Secret, ground: Ground) -> str | None:
    """A rotation is overdue, of a secret that has rotated before."""
    ended = overdue(secret, ground)
    if ended is None or secret.rotated is None or stuck_since(secret, ground):
        return None
    return f"It should have rotated by {minute(ended)}, and rotated last on {day(secret.rotated)}."


def never_completed(secret: Secret, ground: Ground) -> str | None:
    """Rotation is on, its first date is over, and none has ever succeeded."""
    ended = overdue(secret, ground)
    if ended is None or secret.rotated is not None or stuck_since(secret, ground):
        return None
    return f"Rotation is on, and has never succeeded. The first one was due by {minute(ended)}."


def stuck_since(secret: Secret, ground: Ground) -> datetime | None:
    """Return since when AWSPENDING has stood alone, where that is too long."""
    limit = timedelta(hours=ground.settings.pending_hours)
    since = secret.pending_since
    return since if secret.lone_pending and since and ground.now - since > limit else None


def old_value(secret: Secret, ground: Ground) -> str | None:
    """What no schedule rotates has not been replaced for long."""
    if secret.enabled and secret.kind is not Kind.EXTERNAL:
        return None
    current = secret.holding(CURRENT)
    latest = max(filter(None, (secret.rotated, current.created if current else None)), default=None)
    if latest is None and secret.changed is not None and age(secret.changed, ground) > ground.settings.max_age_days:
        latest = secret.changed
    if latest is None or age(latest, ground) <= ground.settings.max_age_days:
        return None
    return f"Its value is at least {age(latest, ground)} days old; the limit is {ground.settings.max_age_days}."


H, M = Severity.HIGH, Severity.MEDIUM
_DECLARE: Final = (
    "aws secretsmanager tag-resource --region {region} --secret-id {arn} "
    "--tags 'Key=audit:not-rotatable,Value=until=YYYY-MM-DD by=TEAM why=REASON'"
)

RULES: Final[tuple[Rule[Secret], ...]] = (
    Rule(
        "rotation-never",
        M,
        "Nothing rotates it",
        "Rotation was never configured, and nobody replaced the value within `max_age_days`.",
        never,
        f"{ATTACH}\n# or, where nothing can rotate it:\n{_DECLARE}",
        frozenset({Kind.UNROTATED}),
    ),
    Rule(
        "rotation-off",
        M,
        "Rotation is switched off",
        "Rotation was configured once, and is switched off.",
        switched_off,
        {Kind.OURS: RETRY, Kind.FOREIGN: RETRY, Kind.UNROTATED: ATTACH},
        ROTATED | {Kind.UNROTATED},
    ),
    Rule(
        "managed-rotation-off",
        M,
        "Its service does not rotate it",
        "A service owns the secret and can rotate it, and rotation is off.",
        managed_off,
        RETRY,
        frozenset({Kind.SERVICE}),
    ),
    Rule(
        "interval-long",
        M,
        "It rotates too rarely",
        "The longest time between two rotations of the schedule is over `max_interval_days`.",
        too_long,
        _MONTHLY,
        SERVED,
    ),
    Rule(
        "schedule-unclear",
        M,
        "Its schedule does not work",
        "The schedule is missing, never fires, or is shorter than two times `cache_minutes`.",
        unclear,
        _MONTHLY,
        SERVED,
    ),
    Rule(
        "rotation-in-freeze",
        M,
        "It rotates while nothing may change",
        "The next rotation or its window falls into one of `freezes`.",
        frozen,
        "# before that; it rotates at once, and the next date moves:\n" + RETRY,
        SERVED,
    ),
    Rule(
        "rotation-late",
        H,
        "Its rotation is late",
        "The next rotation's date, its window and `late_hours` are over.",
        late,
        {Kind.OURS: RETRY, Kind.FOREIGN: RETRY, Kind.SERVICE: LOOK, Kind.EXTERNAL: LOOK},
        SERVED | {Kind.EXTERNAL},
        twice=True,
    ),
    Rule(
        "never-completed",
        H,
        "Its rotation has never succeeded",
        "Rotation is on, the first date with window and `late_hours` is over, and it has never rotated.",
        never_completed,
        {Kind.OURS: RETRY, Kind.FOREIGN: RETRY, Kind.SERVICE: LOOK},
        SERVED,
        twice=True,
    ),
    Rule(
        "value-old",
        M,
        "Its value is old",
        "No schedule rotates it, and its value is older than `max_age_days`.",
        old_value,
        {Kind.EXTERNAL: LOOK, Kind.SERVICE: LOOK, Kind.OURS: RETRY, Kind.FOREIGN: RETRY},
        frozenset({Kind.EXTERNAL}),
        frozenset({"versions"}),
    ),
)
