"""Rotations that are killed after each of their effects in turn, and what must hold then."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Final

from tests.support.cuts import Cut, Scissors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.theatre import Application, Theatre

WAYS: Final = ("same token", "new token")
"""What happens next: the service retries, or an operator takes AWSPENDING off and starts anew."""

ROTATIONS: Final = (("single-user", 0), ("single-user-by-admin", 0), ("alternating-users", 0), ("alternating-users", 1))
"""Strategies, each with how many rotations came before the one that is killed."""

LEAST: Final = 9
"""Effects that every rotation has: its calls alone."""

MOST: Final = 150

_numbers = itertools.count()


def kill_everywhere(
    theatre: Theatre,
    strategy: str,
    earlier: int,
    way: str,
    cutting: Callable[[Scissors], contextlib.AbstractContextManager[object]],
) -> None:
    """
    Kill a rotation after its first, second, … effect, until there is none left, and see that each completes.

    Where two passwords or two users overlap, AWSCURRENT logs in even before that.
    """
    for at in range(1, MOST):
        application = theatre.application(f"crash_{next(_numbers)}", strategy)
        for _ in range(earlier):
            assert application.rotate().succeeded
        scissors = Scissors(at)
        with cutting(scissors), contextlib.suppress(Cut):
            application.rotate()
        if not scissors.fired:
            assert at > LEAST
            return
        if not strategy.startswith("single-user"):
            application.work()
        _heal(application, way)
        application.work()
    raise AssertionError(scissors.trace)


def _heal(application: Application, way: str) -> None:
    player = application.theatre.player
    if way == "new token":
        if "AWSPENDING" in application.theatre.emulator.labels(application.arn):
            player.abandon(application.arn)
        result = player.rotate(application.arn)
    else:
        result = player.retry(application.arn)
    assert result.succeeded, (result.failure, [str(step.error) for step in result.steps])
