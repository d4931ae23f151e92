"""An application that has all of its user's connections: the refusal for the limit proves the password."""

from __future__ import annotations

import pytest

from rotation.errors import AccountUnusable
from rotation.model import Stage, Step
from rotation.strategies import locks
from tests.support.memory.interruptions import when
from tests.support.memory.stage import MemoryStage

BY_ADMIN = {"rotation": {"strategy": "single-user"}}


def test_a_pair_is_rotated_while_the_users_pool_is_full() -> None:
    """The admin prepares the other user; nobody needs a connection of the one in use."""
    stage = MemoryStage(admin=True)
    stage.server.accounts["app"].full = True
    stage.rotate()
    assert stage.credential().username == "app_clone"
    assert stage.current_logs_in()
    assert stage.server.refused == []


def test_one_user_is_rotated_by_its_admin_while_its_pool_is_full() -> None:
    """What is set is proven the same way."""
    stage = MemoryStage(admin=True, **BY_ADMIN)  # type: ignore[arg-type]  # of the secret's JSON
    stage.server.accounts["app"].full = True
    stage.rotate()
    assert stage.current_logs_in()


def test_a_rotation_that_was_abandoned_meanwhile_changes_nothing() -> None:
    """The labels are looked at under the admin's lock."""
    stage = MemoryStage(admin=True, **BY_ADMIN)  # type: ignore[arg-type]  # of the secret's JSON
    stage.server.accounts["app"].full = True
    stage.server.withheld[locks.name_of("app")] = "mallory"
    token = stage.store.rotate()
    for step in (Step.CREATE, Step.SET, Step.TEST):
        stage.step(step, token)
    before = stage.held_passwords()
    stage.server.effect = when("connect", "after", stage.store.abandon)
    assert stage.play(token, [Step.FINISH]) is not None
    assert stage.held_passwords() == before


def test_one_user_alone_waits_for_room() -> None:
    """It needs a session to change its password with."""
    stage = MemoryStage(**BY_ADMIN)  # type: ignore[arg-type]  # of the secret's JSON
    stage.server.accounts["app"].full = True
    error = stage.play(stage.store.rotate())
    assert isinstance(error, AccountUnusable)
    assert error.retryable
    assert stage.store.holder(Stage.CURRENT)


@pytest.mark.parametrize("rotation", [{}, BY_ADMIN])
def test_an_account_that_is_closed_is_not_rotated(rotation: dict[str, dict[str, str]]) -> None:
    """A limit passes; whoever closed an account meant it."""
    stage = MemoryStage(admin=True, **rotation)  # type: ignore[arg-type]  # of the secret's JSON
    stage.server.accounts["app"].usable = False
    assert isinstance(stage.play(stage.store.rotate()), AccountUnusable)
