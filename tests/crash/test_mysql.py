"""
Cut a rotation on a real MySQL and a real MariaDB after each of its effects, and see that nothing is lost.

A process that is killed before an effect leaves what it left after the one before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.cutting.schedules import cases, kill_everywhere
from tests.support.crashes.effects import CUTTING

if TYPE_CHECKING:
    from tests.lab.theatre import Theatre
    from tests.support.crashes.tally import Tally

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


@pytest.mark.parametrize(("engine", "strategy", "earlier", "way"), cases(*PLAYS))
def test_a_rotation_that_is_killed_anywhere_completes_by_itself(
    request: pytest.FixtureRequest, tally: Tally, engine: str, strategy: str, earlier: int, way: str
) -> None:
    """However a rotation is killed, AWSCURRENT logs in at once (but for a single user), and after the next run."""
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    kill_everywhere(tally, theatre, strategy, earlier, way, CUTTING[engine])
