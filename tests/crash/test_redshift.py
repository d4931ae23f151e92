"""
Cut a rotation on the stand-in for Redshift after each of its effects, and see that nothing is lost.

Effects are calls, logins and statements other than queries. Cuts of other kinds are played with the server in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.cutting.schedules import ROTATIONS, cases, kill_everywhere
from tests.support.crashes.effects import CUTTING

if TYPE_CHECKING:
    from tests.lab.theatre import Theatre
    from tests.support.crashes.tally import Tally


@pytest.mark.parametrize(("strategy", "earlier", "way"), cases(*ROTATIONS))
def test_a_rotation_that_is_killed_anywhere_completes_by_itself(
    tally: Tally, redshift_theatre: Theatre, strategy: str, earlier: int, way: str
) -> None:
    """However a rotation is killed, AWSCURRENT of a pair logs in at once, and any after the next clean run."""
    kill_everywhere(tally, redshift_theatre, strategy, earlier, way, CUTTING["redshift"])
