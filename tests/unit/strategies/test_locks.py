"""Anybody may take a lock of any name: one that a stranger holds counts for nothing, and the labels protect."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from rotation import steps
from rotation.errors import RotationRefused
from rotation.model import Stage, Step
from rotation.strategies import locks
from tests.support.memory.interruptions import when
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from rotation.model import Secret
    from rotation.ports import Session

SINGLE: dict[str, Any] = {"rotation": {"strategy": "single-user"}}
RETAINED: dict[str, Any] = {"engine": "memory-of-two", "rotation": {"strategy": "retained-password"}}


def withheld(stage: MemoryStage, by: str = "mallory") -> MemoryStage:
    stage.server.withheld[locks.name_of("app")] = by
    return stage


@pytest.mark.parametrize(
    "kind", [{"admin": True}, SINGLE, {"admin": True, **SINGLE}, RETAINED, {"admin": True, **RETAINED}]
)
def test_a_rotation_goes_on_without_a_lock_that_a_stranger_holds(kind: dict[str, Any]) -> None:
    """Whoever holds it is named, for a person to look at."""
    stage = withheld(MemoryStage(**kind))
    stage.rotate()
    assert stage.current_logs_in()
    assert any("mallory" in line for line in stage.notes.warned)


def test_the_labels_are_looked_at_instead() -> None:
    """A rotation that was abandoned meanwhile changes nothing."""
    stage = withheld(MemoryStage(**SINGLE))
    token = stage.store.rotate()
    for step in (Step.CREATE, Step.SET, Step.TEST):
        stage.step(step, token)
    before = stage.held_passwords()
    stage.server.effect = when("connect", "after", lambda: stage.store.unstage(token))
    with pytest.raises(RotationRefused):
        stage.step(Step.FINISH, token)
    assert stage.held_passwords() == before


def test_a_revocation_goes_on_too() -> None:
    """A leaked password ends, whoever holds the lock."""
    stage = MemoryStage(admin=True)
    stage.rotate()
    leaked = stage.credential(Stage.PREVIOUS)
    steps.revoke_previous(withheld(stage).delivery(""), end_sessions=True)
    assert not stage.server.logs_in(leaked)


@pytest.mark.parametrize("admin", ["boss", "boss_clone"])
def test_both_users_of_an_admin_that_takes_turns_have_a_part_in_it(admin: str) -> None:
    """The delivery before may have come as the other one: its lock is no stranger's."""
    asked: list[set[str]] = []

    class Listening:
        def lock(self, _name: str, holders: set[str]) -> bool:
            asked.append(set(holders))
            return False

    stage = MemoryStage(admin=True)
    secret = cast("Secret", SimpleNamespace(username=admin))
    assert not locks.take(stage.delivery(""), cast("Session", Listening()), "app", secret)
    assert asked == [{"app", "app_clone", "boss", "boss_clone", *({"boss_clone_clone"} if "_" in admin else ())}]
