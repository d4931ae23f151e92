"""
Cut a rotation on a real PostgreSQL after each of its effects, and see that nothing is lost.

A process that is killed before an effect leaves what it left after the one before. Cuts of other kinds, and with
AWSPENDING left on the current version, are played with the server in memory.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from rotation.engines.postgresql import PostgreSQL
from rotation.engines.postgresql.connection import Connection
from tests.support.cuts import Cut, Scissors, cutting

if TYPE_CHECKING:
    from tests.lab.theatre import Application, Theatre

EFFECTS = ((PostgreSQL, "_log_in"), (Connection, "run"))
numbers = itertools.count()


def cut_rotation(application: Application, scissors: Scissors) -> None:
    """Rotate with a cut in it, as when the process is killed."""
    with cutting(scissors, *EFFECTS):
        try:
            application.rotate()
        except Cut:
            return


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
    postgresql_theatre: Theatre, strategy: str, earlier: int, way: str
) -> None:
    """However a rotation is killed, AWSCURRENT of a pair logs in at once, and any after the next clean run."""
    for at in range(1, 100):
        application = postgresql_theatre.application(f"crash_{next(numbers)}", strategy)
        for _ in range(earlier):
            assert application.rotate().succeeded
        scissors = Scissors(at)
        cut_rotation(application, scissors)
        if not scissors.fired:
            assert at > 9, "a rotation has more effects than its calls"
            return
        if strategy == "alternating-users":
            application.work()
        heal(application, way)
        application.work()
    pytest.fail("the cut never stopped firing")
