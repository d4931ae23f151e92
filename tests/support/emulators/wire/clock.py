"""Time as the service sees it: the real one, or one that a test moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def epoch(moment: datetime) -> float:
    """Return a moment as the wire has it: seconds, to three decimals (LocalStack's remark on its snapshots)."""
    return round(moment.timestamp(), 3)


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, start: datetime | None = None) -> None:
        """Begin at `start`, or now."""
        self._now = start or system_clock()

    def __call__(self) -> datetime:
        """Return the moment at which the clock stands."""
        return self._now

    def advance(self, **units: float) -> None:
        """Move on by a timedelta given by its parts, as in `advance(days=1, hours=2)`."""
        self._now += timedelta(**units)


class Ticking:
    """A clock that goes on by a second whenever it is asked."""

    def __init__(self) -> None:
        """Begin at a date of its own."""
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the next moment."""
        self._now += timedelta(seconds=1)
        return self._now
