"""
Cut a rotation on the stand-in for Redshift after each of its effects, and see that nothing is lost.

Effects are calls, logins and statements other than queries. Cuts of other kinds are played with the server in memory.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from rotation.engines.redshift.connection import Connection, log_in
from tests.lab import redshift
from tests.lab.theatre import Theatre, emulated
from tests.support.cuts import Cut, Scissors, cutting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.theatre import Application
    from tests.support.tls import Authority

numbers = itertools.count()


@pytest.fixture(scope="module")
def theatre(authority: Authority) -> Iterator[Theatre]:
    """Give the stand-in, the emulated Secrets Manager, and the function between them."""
    with redshift.provide(authority) as scene, emulated() as emulator:
        yield Theatre(redshift, scene, emulator)


def cut_rotation(application: Application, scissors: Scissors) -> None:
    """Rotate with a cut in it, as when the process is killed."""
    run = Connection.run

    def cut_login(*arguments: Any) -> Any:  # noqa: ANN401 passed on
        with scissors.around("log_in"):
            return log_in(*arguments)

    def cut(connection: Connection, statement: str, *values: object) -> Any:  # noqa: ANN401 rows
        if statement.lstrip().startswith("SELECT"):
            return run(connection, statement, *values)
        with scissors.around(statement.split(maxsplit=1)[0]):
            return run(connection, statement, *values)

    patches = (
        mock.patch.object(Connection, "run", cut),
        mock.patch("rotation.engines.redshift.engine.log_in", cut_login),
    )
    with cutting(scissors), patches[0], patches[1], contextlib.suppress(Cut):
        application.rotate()


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
        cut_rotation(application, scissors)
        if not scissors.fired:
            assert at > 9, "a rotation has more effects than its calls"
            return
        if strategy == "alternating-users":
            application.work()
        heal(application, way)
        application.work()
    pytest.fail("the cut never stopped firing")
