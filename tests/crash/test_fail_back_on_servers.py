"""
A promoted secret goes back to the Region that it came from, on real servers: each leg is cut, and sent again.

What is cut is the way back: the return to the first Region, the promotion there, the return to the second one. One
secret travels for all cuts of a kind, since in the end all is as in the beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.lab.cutting.round_trip import LEGS, PROMOTION, set_out
from tests.support.crashes.cuts import After, Scissors
from tests.support.crashes.effects import CUTTING

if TYPE_CHECKING:
    from tests.lab.theatre import Theatre
    from tests.support.crashes.tally import Tally

MOST: Final = 90
"""Effects that no leg has."""

SHOWN: Final = (
    ("postgresql", "alternating-users", "COMMENT"),
    ("postgresql", "single-user", "StopReplicationToReplica"),
    ("mysql", "retained-password", "RotateSecret"),
    ("documentdb", "alternating-users", "updateUser"),
)
"""After which effect of the promotion at home `make test` kills it."""

EVERYTHING: Final = (
    *((engine, strategy) for engine, strategy, _ in SHOWN),
    ("mysql", "alternating-users"),
    ("mysql", "retained-password-by-admin"),
    ("mariadb", "alternating-users"),
    ("redshift", "alternating-users"),
    ("documentdb", "single-user"),
    ("postgresql", "single-user-by-admin"),
)


@pytest.mark.parametrize(("engine", "strategy", "effect"), SHOWN)
def test_a_way_back_that_is_killed_on_a_server_is_completed(
    request: pytest.FixtureRequest, engine: str, strategy: str, effect: str
) -> None:
    """Once the return has begun to overwrite, and in the middle of the promotion at home."""
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    scissors = {0: After("ReplicateSecretToRegions"), PROMOTION: After(effect)}
    with set_out(theatre, strategy) as trip:
        trip.travel({number: CUTTING[engine](one) for number, one in scissors.items()})
        assert all(one.fired for one in scissors.values()), [one.trace for one in scissors.values()]
        assert trip.home.theatre.leaked() == []


@pytest.mark.exhaustive
@pytest.mark.parametrize(("engine", "strategy"), EVERYTHING)
def test_a_way_back_that_is_killed_anywhere_on_a_server_is_completed(
    request: pytest.FixtureRequest, tally: Tally, engine: str, strategy: str
) -> None:
    """After each call, login and statement of each leg."""
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    with set_out(theatre, strategy) as trip:
        for leg in range(LEGS):
            for at in range(1, MOST):
                with tally.schedule(f"{strategy}, fail back", engine) as row:
                    scissors = Scissors(at)
                    trip.travel({leg: CUTTING[engine](scissors)})
                    row.effects = max(row.effects, scissors.count)
                if not scissors.fired:
                    break
            else:
                raise AssertionError(scissors.trace)
        assert trip.home.theatre.leaked() == []
