"""What was read under the lock of a rotation, known for a moment."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    Rows = list[tuple[Any, ...]]

SECONDS: Final = 1.0
"""For how long an answer counts."""


class Moment:
    """
    Answers about accounts, given again to each decision of a step that asks the same, so that all decide by the same.

    Nothing is remembered before the lock is held, which keeps other rotations away, and nothing beyond a change.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._answers: dict[Hashable, tuple[float, Rows]] | None = None

    def begin(self) -> None:
        """Remember from here on, since the lock is held."""
        self._answers = {}

    def end(self) -> None:
        """Forget all answers: something is changed."""
        if self._answers:
            self._answers.clear()

    def rows(self, question: Hashable, ask: Callable[[], Rows]) -> Rows:
        """Return the answer of a moment ago, or ask."""
        if self._answers is None:
            return ask()
        until, rows = self._answers.get(question, (0.0, []))
        if time.monotonic() >= until:
            rows = ask()
            self._answers[question] = time.monotonic() + SECONDS, rows
        return rows
