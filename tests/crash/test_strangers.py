"""
Cut a rotation on each real server, let a person meddle who knows nothing of it, and see that nothing is lost.

Each way meets other cuts; all cuts with all ways are played with the server in memory.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.cutting.other_people import WAYS
from tests.lab.cutting.schedules import MOST
from tests.lab.cutting.sights import sight_of_application
from tests.support.crashes.cuts import Cut, Scissors
from tests.support.crashes.effects import CUTTING
from tests.support.crashes.invariants import require_kept

if TYPE_CHECKING:
    from tests.lab.theatre import Application, Theatre
    from tests.support.crashes.tally import Tally

EVERY: Final = 4
"""Of so many cuts one is played with each way, and another one with the next."""

ROTATIONS: Final = (
    *((engine, ("alternating-users", 1)) for engine in ("postgresql", "mysql", "documentdb", "redshift")),
    ("mysql", ("retained-password", 0)),
)
"""MariaDB's pairs are not among them: a person's ALTER USER takes their mark away, and adoption is asked for then."""

PLAYS: Final = [
    (engine, *rotation, way)
    for engine, rotation in ROTATIONS
    for way in WAYS
    if "clone" not in way or (rotation[0] == "alternating-users" and engine != "redshift")
]
"""Redshift's clone owns what it made until a rotation gives it to the base: it cannot just be dropped."""

_numbers = itertools.count()


@pytest.mark.exhaustive
@pytest.mark.parametrize(("engine", "strategy", "earlier", "way"), PLAYS)
def test_a_rotation_that_was_cut_survives_whoever_meddles(
    request: pytest.FixtureRequest, tally: Tally, engine: str, strategy: str, earlier: int, way: str
) -> None:
    """Whatever a person does after the cut, AWSCURRENT logs in at the end, and the next rotation is as any other."""
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    for at in range(1 + [*WAYS].index(way), MOST, EVERY):
        application = theatre.application(f"met_{next(_numbers)}", strategy)
        for _ in range(earlier):
            assert application.rotate().succeeded
        scissors = Scissors(at)
        with tally.schedule(f"{strategy}, and a stranger", theatre.scene.title) as row:
            _cut(application, scissors, engine)
            if scissors.fired:
                WAYS[way](application)
                require_kept(sight_of_application(application), told=scissors.trace)
                assert application.rotate().succeeded
                require_kept(sight_of_application(application), told=scissors.trace)
        row.effects = max(row.effects, scissors.count)
        if not scissors.fired:
            return
    raise AssertionError(scissors.trace)


def _cut(application: Application, scissors: Scissors, engine: str) -> None:
    with CUTTING[engine](scissors), contextlib.suppress(Cut):
        application.rotate()
