"""
Cut a rotation on a real MongoDB server after each of its effects, and see that nothing is lost.

A process that is killed before an effect leaves what it left after the one before. Cuts of other kinds, and with
AWSPENDING left on the current version, are played with the server in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.engines.documentdb.connection import Connection
from rotation.engines.documentdb.login import Login
from tests.lab import documentdb
from tests.lab.cutting.schedules import ROTATIONS, cases, kill_everywhere
from tests.lab.theatre import Theatre, emulated
from tests.support.crashes.cuts import cutting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.crashes.tally import Tally
    from tests.support.servers.tls import Authority

EFFECTS = ((Login, "_log_in"), (Connection, "run"))


@pytest.fixture(scope="module")
def theatre(authority: Authority) -> Iterator[Theatre]:
    """Return MongoDB, the emulated Secrets Manager, and the function between them."""
    with documentdb.provide(authority) as scene, emulated() as emulator:
        yield Theatre(documentdb, scene, emulator)


@pytest.mark.parametrize(("strategy", "earlier", "way"), cases(*ROTATIONS, sparsely=True))
def test_a_rotation_that_is_killed_anywhere_completes_by_itself(
    tally: Tally, theatre: Theatre, strategy: str, earlier: int, way: str
) -> None:
    """However a rotation is killed, AWSCURRENT of a pair logs in at once, and any after the next clean run."""
    kill_everywhere(tally, theatre, strategy, earlier, way, lambda scissors: cutting(scissors, *EFFECTS))
