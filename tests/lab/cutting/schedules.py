"""Rotations that are killed after each of their effects in turn, and what must hold then."""

from __future__ import annotations

import contextlib
import itertools
import random
from typing import TYPE_CHECKING, Final

from tests.lab.cutting.sights import sight_of_application, watching
from tests.lab.nightly import NIGHTLY
from tests.support.crashes.cuts import Cut, Scissors
from tests.support.crashes.invariants import require_kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.theatre import Application, Theatre
    from tests.support.crashes.tally import Tally

WAYS: Final = ("same token", "new token", "same token after a lost answer", "new token after a lost answer")
"""What happens next: the service retries, or an operator takes AWSPENDING off and starts anew."""

BY_TURNS: Final = "by turns"
"""In `make test` each cut of a rotation goes on in another one of these ways."""

ROTATIONS: Final = (("single-user", 0), ("single-user-by-admin", 0), ("alternating-users", 0), ("alternating-users", 1))
"""Strategies, each with how many rotations came before the one that is killed."""

LEAST: Final = 9
"""Effects that every rotation has: its calls alone."""

MOST: Final = 150

_numbers = itertools.count()


def cases(*rotations: tuple[object, ...]) -> list[object]:
    """Return each rotation (its last two words: strategy, and how many came before) with each way; or all by turns."""
    return [(*rotation, way) for rotation, way in itertools.product(rotations, WAYS if NIGHTLY else [BY_TURNS])]


def kill_everywhere(
    tally: Tally,
    theatre: Theatre,
    strategy: str,
    earlier: int,
    way: str,
    cutting: Callable[[Scissors], contextlib.AbstractContextManager[object]],
) -> None:
    """
    Cut a rotation after its first, second, … effect, until there is none left, and see that each completes.

    Where two passwords or two users overlap, AWSCURRENT logs in even before that. `make test` plays one of several
    cuts that leave the same behind.
    """

    def cut(at: int, way: str) -> Scissors:
        application = theatre.application(f"crash_{next(_numbers)}", strategy)
        for _ in range(earlier):
            assert application.rotate().succeeded
        scissors = Scissors(at, kills="lost" not in way)
        with tally.schedule(strategy, theatre.scene.title) as row:
            _cut_and_heal(application, scissors, way, cutting)
        row.effects = max(row.effects, scissors.count)
        return scissors

    whole = cut(MOST, WAYS[0])
    assert LEAST < whole.count < MOST
    chance = random.Random(f"{theatre.scene.title}, {strategy}, {earlier}, {way}")  # noqa: S311 no secret
    ways = itertools.cycle(WAYS if way == BY_TURNS else [way])
    for places in whole.alike:
        for at in places if NIGHTLY else [chance.choice(places)]:
            assert cut(at, next(ways)).fired


def _cut_and_heal(
    application: Application,
    scissors: Scissors,
    way: str,
    cutting: Callable[[Scissors], contextlib.AbstractContextManager[object]],
) -> None:
    """Hold the invariants against what is seen after the cut, and against the whole once it is healed."""
    single = application.strategy.startswith("single-user")
    with watching(application) as chronicle:
        with cutting(scissors), contextlib.suppress(Cut):
            application.rotate()
        if scissors.fired:
            require_kept(sight_of_application(application, in_the_window=single), chronicle, told=scissors.trace)
            _heal(application, way)
    require_kept(sight_of_application(application), chronicle, told=scissors.trace)


def _heal(application: Application, way: str) -> None:
    """Let the service retry, or an operator start anew; a rotation that completed in spite of the cut is left alone."""
    player, labels = application.theatre.player, application.theatre.emulator.labels(application.arn)
    under_way = labels.get("AWSPENDING", labels["AWSCURRENT"]) != labels["AWSCURRENT"]
    if way.startswith("new token"):
        if "AWSPENDING" in labels:
            player.abandon(application.arn)
        result = player.rotate(application.arn)
    elif under_way or "lost" not in way:
        result = player.retry(application.arn)
    else:
        return
    assert result.succeeded, (result.failure, [str(step.error) for step in result.steps])
