"""
Cut a rotation on a real MongoDB server after each of its effects, and see that nothing is lost.

A process that is killed before an effect leaves what it left after the one before. Cuts of other kinds, and with
AWSPENDING left on the current version, are played with the server in memory.
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
    tally: Tally, documentdb_theatre: Theatre, strategy: str, earlier: int, way: str
) -> None:
    """However a rotation is killed, AWSCURRENT of a pair logs in at once, and any after the next clean run."""
    kill_everywhere(tally, documentdb_theatre, strategy, earlier, way, CUTTING["documentdb"])
