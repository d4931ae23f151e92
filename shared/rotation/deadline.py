"""The time that a step has."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Deadline:
    """A point in time by which a step has to end, in seconds from now."""

    __slots__ = ("__weakref__", "_begun", "_clock", "_end")

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Start counting."""
        self._clock = clock
        self._begun = clock()
        self._end = self._begun + seconds

    def elapsed(self) -> float:
        """Return the seconds since it was set."""
        return self._clock() - self._begun

    def remaining(self) -> float:
        """Return the seconds that are left, never below zero."""
        return max(0.0, self._end - self._clock())

    def within(self, seconds: float) -> Deadline:
        """Return a deadline of at most so many seconds, and never later than this one."""
        return Deadline(min(seconds, self.remaining()), self._clock)
