"""
Cut a rotation on a real MongoDB server after each of its effects, and see that nothing is lost.

A process that is killed before an effect leaves what it left after the one before. Cuts of other kinds, and with
AWSPENDING left on the current version, are played with the server in memory.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING

import pytest

from rotation.engines.documentdb.connection import Connection
from rotation.engines.documentdb.login import Login
from tests.lab import documentdb
from tests.lab.theatre import Theatre, emulated
from tests.support.cuts import Cut, Scissors, cutting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.theatre import Application
    from tests.support.tls import Authority

EFFECTS = ((Login, "_log_in"), (Connection, "run"))
numbers = itertools.count()


@pytest.fixture(scope="module")
def theatre(authority: Authority) -> Iterator[Theatre]:
    """Give MongoDB, the emulated Secrets Manager, and the function between them."""
    with documentdb.provide(authority) as scene, emulated() as emulator:
        yield Theatre(documentdb, scene, emulator)


def heal(application: Application, way: str) -> None:
    """Do what the service does next, or what an operator does."""
    player = application.theatre.player
    if way == "new token":
        if "AWSPENDING" in application.theatre.emulator.labels(application.arn):
            player.abandon(application.arn)
        result = player.rotate(application.arn)
    else:
        result = player.retry(application.arn)
    assert result.succeeded, (result.failure, [str(step.error) for step in result.steps])


@pytest.mark.parametrize("way", ["same token", "new token"])
@pytest.mark.parametrize(
    ("strategy", "earlier"),
    [("single-user", 0), ("single-user-by-admin", 0), ("alternating-users", 0), ("alternating-users", 1)],
)
def test_a_rotation_that_is_killed_anywhere_completes_by_itself(
    theatre: Theatre, strategy: str, earlier: int, way: str
) -> None:
    """However a rotation is killed, AWSCURRENT of a pair logs in at once, and any after the next clean run."""
    for at in range(1, 100):
        application = theatre.application(f"crash_{next(numbers)}", strategy)
        for _ in range(earlier):
            assert application.rotate().succeeded
        scissors = Scissors(at)
        with cutting(scissors, *EFFECTS), contextlib.suppress(Cut):
            application.rotate()
        if not scissors.fired:
            assert at > 9, "a rotation has more effects than its calls"
            return
        if strategy == "alternating-users":
            application.work()
        heal(application, way)
        application.work()
    pytest.fail("the cut never stopped firing")
