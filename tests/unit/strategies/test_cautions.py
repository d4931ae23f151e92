"""What a server's sessions tell of: a rotation warns of it, and a dry run says it."""

from __future__ import annotations

from typing import Any

import pytest

from rotation.ports import Caution
from rotation.steps import dry_run
from tests.support.memory.stage import MemoryStage

SINGLE: dict[str, Any] = {"rotation": {"strategy": "single-user"}}
SAID = "a pool's reset takes the base off the clone"


def test_a_rotation_of_a_pair_warns_of_what_the_new_user_found() -> None:
    """What is only to be known is noted."""
    stage = MemoryStage(admin=True)
    stage.server.cautions = [Caution(SAID), "something to know"]
    stage.rotate()
    assert any(SAID in line for line in stage.notes.warned)
    assert not any("something to know" in line for line in stage.notes.warned)
    assert any("something to know" in line for line in stage.notes.said)


@pytest.mark.parametrize("kind", [{"admin": True}, SINGLE, {"admin": True, **SINGLE}])
def test_a_dry_run_says_it(kind: dict[str, Any]) -> None:
    """Before anything is rotated at all."""
    stage = MemoryStage(**kind)
    stage.server.cautions = [Caution(SAID)]
    dry_run(stage.delivery("token"))
    assert any(SAID in line for line in [*stage.notes.said, *stage.notes.warned])
