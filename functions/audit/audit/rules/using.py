"""Rules of use: who still reads a secret, which version, and in which Region."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from audit.model import CURRENT, LIVE, PREVIOUS, ROTATED, Kind, Secret, Severity
from audit.rules.rule import LOOK, RETRY, Rule, age, day, minute

if TYPE_CHECKING:
    from audit.rules.rule import Ground

_DAY: Final = timedelta(days=1)
_PAIR: Final = frozenset({"NotOurs", "AccessMismatch"})
"""Errors of ours that say that two users cannot take turns any more (docs/runbook.md)."""
_IDLE: Final = frozenset({Kind.UNROTATED, Kind.EXTERNAL, Kind.DECLARED})
"""A rotation reads its secret: of rotated ones the date of the last read says nothing of clients."""
_INTERVALS: Final = 2
_READERS: Final = 10
"""Readers that the evidence names."""
_COARSE: Final = timedelta(days=3)
"""Shorter schedules rotate on the day of every read, since dates have no time."""


def unused(secret: Secret, ground: Ground) -> str | None:
    """Nobody has read it for long, here or in another Region."""
    days = ground.settings.unused_days
    read = latest_read(secret)
    if read is None or age(read, ground) <= days:
        return None
    return f"It was read last on {day(read)}, {age(read, ground)} days ago; the limit is {days}."


def never_read(secret: Secret, ground: Ground) -> str | None:
    """Nobody has ever read it, and it is not new."""
    if latest_read(secret) is not None or secret.created is None:
        return None
    old = age(secret.created, ground)
    return f"It was created {old} days ago, and never read." if old > ground.settings.new_days else None


def latest_read(secret: Secret) -> datetime | None:
    """Return the last read in any Region."""
    return max(filter(None, (secret.accessed, *(copy.accessed for copy in secret.copies))), default=None)


def replica_in_use(secret: Secret, ground: Ground) -> str | None:
    """The primary is quiet, and a replica is read: it must not be deleted as unused."""
    days = ground.settings.unused_days
    used = [it for it in secret.copies if it.accessed and age(it.accessed, ground) <= days]
    if not used or (secret.accessed and age(secret.accessed, ground) <= days):
        return None
    read = ", ".join(f"{it.region} ({day(it.accessed)})" for it in used)
    return f"Nobody reads it in {secret.region}; it is read in {read}. Keep it."


def only_rotation(secret: Secret, ground: Ground) -> str | None:
    """In two intervals in a row nobody read it but its own rotation."""
    schedule = secret.schedule
    if not secret.enabled or schedule is None or schedule.shortest is None or schedule.shortest < _COARSE:
        return None
    half = secret.rotated is not None and ground.now - secret.rotated > schedule.shortest / 2
    elsewhere = any(it.accessed and secret.rotated and it.accessed > secret.rotated + _DAY for it in secret.copies)
    if secret.quiet_intervals < _INTERVALS or not half or elsewhere:
        return None
    return f"In {secret.quiet_intervals} intervals nobody read it but its rotation, the last on {day(secret.rotated)}."


def previous_read(secret: Secret, _: Ground) -> str | None:
    """A client still reads AWSPREVIOUS or a version without a label: the next rotation locks it out."""
    if secret.rotated is None or secret.versions is None:
        return None
    current = secret.holding(CURRENT)
    # Somebody may have written a value since: until then the version that is now previous was current.
    moved = max(secret.rotated, current.created) if current and current.created else secret.rotated
    after = (moved + _DAY).date()
    late = [
        it
        for it in secret.versions
        if it.stages <= {PREVIOUS} and it.accessed is not None and it.accessed.date() > after
    ]
    if not late:
        return None
    told = ", ".join(f"{'AWSPREVIOUS' if it.stages else f'version {it.id}'} on {day(it.accessed)}" for it in late)
    return f"Read after AWSCURRENT moved on {day(moved)}: {told}."


def pair_broken(secret: Secret, _: Ground) -> str | None:
    """Our function says that the two users are not equal, or that one of them is not this secret's."""
    told = secret.told
    if told is None or told.error not in _PAIR or (secret.rotated is not None and told.at < secret.rotated):
        return None
    return f"{told.error} in {told.step} on {day(told.at)}."


def read_by_others(secret: Secret, ground: Ground) -> str | None:
    """Somebody read it who is not on the list of readers, and is no rotation."""
    allowed = {*ground.settings.readers, *secret.rotation_roles}
    others = [it for it in secret.reads if it.reader not in allowed]
    if not others or not ground.settings.readers:
        return None
    latest = sorted(others, key=lambda it: it.latest, reverse=True)
    told = ", ".join(f"{it.reader} (last on {minute(it.latest)})" for it in latest[:_READERS])
    more = f" and {len(latest) - _READERS} more" if len(latest) > _READERS else ""
    return f"Not on the list of readers: {told}{more}."


def deleted_in_use(secret: Secret, ground: Ground) -> str | None:
    """It is scheduled for deletion, and was read until a few days ago."""
    if secret.accessed is None or age(secret.accessed, ground) > ground.settings.failures_days:
        return None
    return f"It is marked for deletion ({day(secret.deleted)}), and was read on {day(secret.accessed)}."


M, L = Severity.MEDIUM, Severity.LOW
_WHO: Final = (
    "aws cloudtrail lookup-events --region {region} --lookup-attributes AttributeKey=ResourceName,AttributeValue={arn}"
)

RULES: Final[tuple[Rule[Secret], ...]] = (
    Rule(
        "unused",
        L,
        "Nobody reads it",
        "No read in any Region for over `unused_days`, of a secret that no function rotates.",
        unused,
        "aws secretsmanager delete-secret --region {region} --secret-id {arn} --recovery-window-in-days 30",
        _IDLE,
        frozenset({"replicas"}),
    ),
    Rule(
        "never-read",
        L,
        "Nobody has ever read it",
        "Never read, and created over `new_days` ago.",
        never_read,
        "aws secretsmanager delete-secret --region {region} --secret-id {arn} --recovery-window-in-days 30",
        _IDLE,
        frozenset({"replicas"}),
    ),
    Rule(
        "replica-in-use",
        Severity.INFO,
        "A replica is the one in use",
        "No read of the primary for `unused_days`, and one of a replica.",
        replica_in_use,
        LOOK,
        _IDLE,
        frozenset({"replicas"}),
    ),
    Rule(
        "only-its-rotation-reads-it",
        M,
        "Only its rotation reads it",
        "In two intervals in a row no read after the day of the rotation.",
        only_rotation,
        _WHO,
        ROTATED,
    ),
    Rule(
        "previous-still-read",
        M,
        "A client reads an old version",
        "AWSPREVIOUS or a version without a label was read after the day after a rotation.",
        previous_read,
        _WHO,
        ROTATED,
        frozenset({"versions"}),
    ),
    Rule(
        "pair-broken",
        Severity.HIGH,
        "Its two users cannot take turns",
        "This suite's function ended with NotOurs or AccessMismatch, and no rotation has succeeded since.",
        pair_broken,
        RETRY,
        frozenset({Kind.OURS}),
        frozenset({"logs"}),
    ),
    Rule(
        "deleted-in-use",
        Severity.HIGH,
        "It will be deleted, and is in use",
        "Scheduled for deletion, and read in the last `failures_days`.",
        deleted_in_use,
        "aws secretsmanager restore-secret --region {region} --secret-id {arn}",
        frozenset({Kind.DELETED}),
        twice=True,
    ),
)
ON_READS: Final[tuple[Rule[Secret], ...]] = (
    Rule(
        "read-by-others",
        M,
        "Somebody else reads it",
        "`readers` lists who may read; in `reads_days` somebody else did, and no rotation.",
        read_by_others,
        _WHO,
        LIVE | {Kind.REPLICA},
        frozenset({"reads"}),
    ),
)
"""Judged when all functions are known: the roles of rotations read their secrets, and those of admins."""
