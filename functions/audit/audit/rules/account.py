"""Rules of the audit itself: what it cannot see, whether alarms can fire, and exceptions that rot."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from audit.acceptance import ended, on_secret, too_long
from audit.model import Kind, Secret, Severity
from audit.rules.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit.model import Accepted, Blind
    from audit.rules.rule import Ground


@dataclass(frozen=True, slots=True)
class Spot:
    """What could not be seen, and how grave that is: as the worst rule that could not be asked."""

    seen: Blind
    severity: Severity

    @property
    def arn(self) -> str:
        """Name it as a resource."""
        return self.seen.arn


@dataclass(frozen=True, slots=True)
class Trails:
    """Whether the Region has a trail that records."""

    arn: str
    recording: bool | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the file of exceptions, or the file itself."""

    arn: str
    accepted: Accepted | None
    used: bool = True
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Orphan:
    """A replica whose primary is not there any more."""

    arn: str
    primary: str


def blind(spot: Spot, _: Ground) -> str | None:
    """Something could not be looked at."""
    what = f" ({spot.seen.what})" if spot.seen.what else ""
    return f"{spot.seen.area}{what} in {spot.seen.region} were not seen: {spot.seen.reason}."


def deaf(trails: Trails, _: Ground) -> str | None:
    """No trail records the Region: events of failed rotations reach no rule of EventBridge."""
    if trails.recording is not False:
        return None
    return "No trail records this Region. Alarms on failed rotations cannot fire here; this audit reads event history."


def orphan(found: Orphan, _: Ground) -> str | None:
    """A replica has no primary."""
    return f"Its primary Region is {found.primary}, and there it is not listed."


def _on_tags(secret: Secret) -> Iterator[tuple[str, Accepted]]:
    yield from ((tag, it) for tag, it in on_secret(secret) if it is not None)


def expired(secret: Secret, ground: Ground) -> str | None:
    """An exception on a tag has ended."""
    over = [f"{tag} ended on {it.until} ({it.by}: {it.why})" for tag, it in _on_tags(secret) if ended(it, ground.now)]
    return f"{'; '.join(over)}." if over else None


def ending(secret: Secret, ground: Ground) -> str | None:
    """An exception on a tag ends soon."""
    soon = [f"{tag} on {it.until} ({it.by})" for tag, it in _on_tags(secret) if _ends_soon(it, ground)]
    return f"Soon to end: {'; '.join(soon)}." if soon else None


def _ends_soon(accepted: Accepted, ground: Ground) -> bool:
    left = (dt.date.fromisoformat(accepted.until) - ground.now.date()).days
    return 0 <= left <= ground.settings.exception_notice_days


def unreadable(secret: Secret, _: Ground) -> str | None:
    """A tag means to be an exception, and says no owner, no reason or no end."""
    broken = [tag for tag, it in on_secret(secret) if it is None]
    if not broken:
        return None
    return f"{', '.join(broken)}: the value is to be until=YYYY-MM-DD by=OWNER why=REASON. It holds for nothing."


def long_or_wide(secret: Secret, ground: Ground) -> str | None:
    """An exception on a tag lasts longer than one may, or holds for every rule."""
    found = [(tag, it) for tag, it in _on_tags(secret) if not ended(it, ground.now)]
    long = too_long((it for _, it in found), ground.settings.exception_days, ground.now)
    told = [f"{tag} lasts until {it.until}" for tag, it in found if it in long]
    told += [f"{tag} holds for every rule" for tag, _ in found if tag.endswith("/*")]
    return f"{'; '.join(told)}." if told else None


def listed(entry: Listed, ground: Ground) -> str | None:
    """An entry of the file has ended, is used by nothing, is too wide or too long, or cannot be read."""
    if entry.broken:
        return f"Cannot be read: {entry.broken}. It needs rule, secret, until, by and why."
    if (accepted := entry.accepted) is None:
        return None
    over, soon = ended(accepted, ground.now), _ends_soon(accepted, ground)
    faults = {
        f"ended on {accepted.until} ({accepted.by}: {accepted.why})": over,
        "is needed by no finding": not entry.used and not over,
        f"lasts until {accepted.until}": bool(too_long([accepted], ground.settings.exception_days, ground.now)),
        "holds for everything": "*" in {accepted.rule, accepted.subject},
        f"ends on {accepted.until} ({accepted.by})": soon,
    }
    told = [fault for fault, there in faults.items() if there]
    return f"{accepted.rule} on {accepted.subject}: it {'; it '.join(told)}." if told else None


L: Final = Severity.LOW
_UNTAG: Final = "aws secretsmanager untag-resource --region {region} --secret-id {arn} --tag-keys TAG"
_KINDS: Final = frozenset(Kind) - {Kind.DELETED, Kind.REPLICA}

ON_TAGS: Final[tuple[Rule[Secret], ...]] = (
    Rule(
        "exception-expired", L, "An exception has ended", "The last day of a tag's exception is over.", expired, _UNTAG,
        _KINDS,
    ),
    Rule(
        "exception-ending", Severity.INFO, "An exception ends soon",
        "A tag's exception ends in `exception_notice_days` or less.", ending, _UNTAG, _KINDS,
    ),
    Rule(
        "exception-unreadable", Severity.MEDIUM, "An exception cannot be read",
        "A tag's exception names no owner, no reason or no end.", unreadable, _UNTAG, _KINDS,
    ),
    Rule(
        "exception-wide", L, "An exception is too wide",
        "A tag's exception holds for every rule, or for longer than `exception_days`.", long_or_wide, _UNTAG, _KINDS,
    ),
)  # fmt: skip
LISTED: Final[tuple[Rule[Listed], ...]] = (
    Rule(
        "exception-listed", L, "An entry of the list of exceptions needs a look",
        "It has ended, ends soon, is needed by nothing, is too wide or too long, or cannot be read.", listed,
        "edit the list of exceptions",
    ),
)  # fmt: skip
SPOTS: Final[tuple[Rule[Spot], ...]] = (
    Rule(
        "blind-spot", Severity.INFO, "Something was not seen",
        "A call was refused or failed. It is as grave as the worst rule that could not be asked.", blind,
        "{advice}",
    ),
)  # fmt: skip
TRAILS: Final[tuple[Rule[Trails], ...]] = (
    Rule(
        "alarms-deaf", Severity.MEDIUM, "Alarms on failed rotations cannot fire",
        "No trail records the Region, so that no event of a rotation reaches EventBridge.", deaf,
        "aws cloudtrail create-trail --region {region} --name management --s3-bucket-name BUCKET "
        "--is-multi-region-trail",
        needs=frozenset({"trails"}),
    ),
)  # fmt: skip
ORPHANS: Final[tuple[Rule[Orphan], ...]] = (
    Rule(
        "replica-orphan", Severity.HIGH, "A replica has no primary",
        "A replica is listed, and its primary Region, which was seen, does not list the secret.", orphan,
        "aws secretsmanager stop-replication-to-replica --region {region} --secret-id {arn}",
    ),
)  # fmt: skip
