"""How often, and for how long, what may be there in a moment is asked for again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.model import Deadline

TRIES: Final = 5
PAUSE: Final = 0.3
"""Seconds between two reads of what is known to be there (reads are eventually consistent)."""


class Tries:
    """A few tries with a pause between two, while the time lasts; the first one is always made."""

    def __init__(self, deadline: Deadline, sleep: Callable[[float], None]) -> None:
        """Know how long there is."""
        self._deadline = deadline
        self._sleep = sleep

    def __iter__(self) -> Iterator[int]:
        """Count the tries from zero."""
        yield 0
        for number in range(1, TRIES):
            if not self._deadline.remaining():
                return
            self._sleep(min(PAUSE, self._deadline.remaining()))
            yield number
