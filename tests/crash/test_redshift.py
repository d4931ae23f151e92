"""
Cut a rotation on the stand-in for Redshift after each of its effects, and see that nothing is lost.

Effects are calls, logins and statements other than queries. Cuts of other kinds are played with the server in memory.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from rotation.engines.redshift.connection import Connection, log_in
from tests.lab import redshift
from tests.lab.cutting.schedules import ROTATIONS, cases, kill_everywhere
from tests.lab.theatre import Theatre, emulated
from tests.support.crashes.cuts import Scissors, cutting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.crashes.tally import Tally
    from tests.support.servers.tls import Authority


@pytest.fixture(scope="module")
def theatre(authority: Authority) -> Iterator[Theatre]:
    """Return the stand-in, the emulated Secrets Manager, and the function between them."""
    with redshift.provide(authority) as scene, emulated() as emulator:
        yield Theatre(redshift, scene, emulator)


@contextlib.contextmanager
def cutting_changes(scissors: Scissors) -> Iterator[None]:
    """Put the scissors around calls, logins, and statements that are no queries."""
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
    with cutting(scissors), patches[0], patches[1]:
        yield


@pytest.mark.parametrize(("strategy", "earlier", "way"), cases(*ROTATIONS, sparsely=True))
def test_a_rotation_that_is_killed_anywhere_completes_by_itself(
    tally: Tally, theatre: Theatre, strategy: str, earlier: int, way: str
) -> None:
    """However a rotation is killed, AWSCURRENT of a pair logs in at once, and any after the next clean run."""
    kill_everywhere(tally, theatre, strategy, earlier, way, cutting_changes)
