"""
Cut a rotation on a real MySQL and a real MariaDB after each of its effects, and see that nothing is lost.

A process that is killed before an effect leaves what it left after the one before.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from rotation.engines.mysql import MySQL
from rotation.engines.mysql.connection import Connection
from tests.support.cuts import Cut, Scissors, cutting

if TYPE_CHECKING:
    from tests.lab.theatre import Application, Theatre

EFFECTS = ((MySQL, "_log_in"), (Connection, "run"))
PLAYS = [
    ("mysql", "retained-password", 0),
    ("mysql", "retained-password-by-admin", 0),
    ("mysql", "alternating-users", 0),
    ("mysql", "alternating-users", 1),
    ("mysql", "single-user", 0),
    ("mariadb", "alternating-users", 0),
    ("mariadb", "alternating-users", 1),
    ("mariadb", "single-user", 0),
    ("mariadb", "single-user-by-admin", 0),
]
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
@pytest.mark.parametrize(("engine", "strategy", "earlier"), PLAYS)
def test_a_rotation_that_is_killed_anywhere_completes_by_itself(
    request: pytest.FixtureRequest, engine: str, strategy: str, earlier: int, way: str
) -> None:
    """However a rotation is killed, AWSCURRENT logs in at once (but for a single user), and after the next run."""
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    for at in range(1, 100):
        application = theatre.application(f"crash_{next(numbers)}", strategy)
        for _ in range(earlier):
            assert application.rotate().succeeded
        scissors = Scissors(at)
        cut_rotation(application, scissors)
        if not scissors.fired:
            assert at > 9, "a rotation has more effects than its calls"
            return
        if not strategy.startswith("single-user"):
            application.work()
        heal(application, way)
        application.work()
    pytest.fail("the cut never stopped firing")
