"""An application that has all of its user's connections: the refusal for the limit proves the password."""

from __future__ import annotations

from typing import Any

import pytest

from rotation.errors import AccountUnusable
from rotation.model import Stage, Step
from rotation.steps import revoke_previous
from rotation.strategies import locks
from tests.support.memory.engine import ADMIN
from tests.support.memory.interruptions import when
from tests.support.memory.stage import MemoryStage

BY_ADMIN: dict[str, Any] = {"rotation": {"strategy": "single-user"}}
OF_TWO: dict[str, Any] = {"rotation": {"strategy": "retained-password"}, "engine": "memory-of-two"}


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
    stage = MemoryStage(admin=True, **BY_ADMIN)
    stage.server.accounts["app"].full = True
    stage.rotate()
    assert stage.current_logs_in()


def test_two_passwords_are_set_by_an_admin_while_the_users_pool_is_full() -> None:
    """What the admin sets is proven by the same refusal, AWSCURRENT's too."""
    stage = MemoryStage(admin=True, **OF_TWO)
    stage.server.accounts["app"].full = True
    stage.rotate()
    assert stage.server.logs_in(stage.credential())
    assert stage.server.logs_in(stage.credential(Stage.PREVIOUS))


@pytest.mark.parametrize("secret", [{}, BY_ADMIN, OF_TWO], ids=["two users", "one user", "two passwords"])
def test_a_dry_run_by_an_admin_ends_while_the_users_pool_is_full(secret: dict[str, Any]) -> None:
    """It says that it could not look as the user."""
    stage = MemoryStage(admin=True, **secret)
    stage.server.accounts["app"].full = True
    stage.step(Step.TEST, stage.store.begin_dry_run())
    assert any("nothing stands in the way" in line for line in stage.notes.said)
    assert any("nobody could look as app itself" in line for line in stage.notes.said)


@pytest.mark.parametrize("secret", [{}, BY_ADMIN, OF_TWO], ids=["two users", "one user", "two passwords"])
def test_a_leaked_password_ends_while_the_users_pool_is_full(secret: dict[str, Any]) -> None:
    """Ending sessions needs one as the user, where no admin does it."""
    stage = MemoryStage(admin=True, **secret)
    stage.rotate()
    leaked = stage.credential(Stage.PREVIOUS)
    for account in stage.server.accounts.values():
        account.full = account is not stage.server.accounts[ADMIN]
    revoke_previous(stage.delivery(""), end_sessions=False)
    assert not stage.server.logs_in(leaked)
    assert stage.current_logs_in()
    if secret == BY_ADMIN:
        with pytest.raises(AccountUnusable):
            revoke_previous(stage.delivery(""), end_sessions=True)


def test_a_rotation_that_was_abandoned_meanwhile_changes_nothing() -> None:
    """The labels are looked at under the admin's lock."""
    stage = MemoryStage(admin=True, **BY_ADMIN)
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
    stage = MemoryStage(**BY_ADMIN)
    stage.server.accounts["app"].full = True
    error = stage.play(stage.store.rotate())
    assert isinstance(error, AccountUnusable)
    assert error.retryable
    assert stage.store.holder(Stage.CURRENT)


@pytest.mark.parametrize("secret", [{}, BY_ADMIN, OF_TWO], ids=["two users", "one user", "two passwords"])
def test_an_account_that_is_closed_is_not_rotated(secret: dict[str, Any]) -> None:
    """A limit passes; whoever closed an account meant it. The dry run says so."""
    stage = MemoryStage(admin=True, **secret)
    stage.server.accounts["app"].usable = False
    assert isinstance(stage.play(stage.store.rotate()), AccountUnusable)
    stage.store.abandon()
    assert isinstance(stage.play(stage.store.begin_dry_run(), [Step.TEST]), AccountUnusable)


def test_two_passwords_of_the_user_itself_wait_for_room() -> None:
    """Without an admin it needs a session of its own."""
    stage = MemoryStage(engine="memory-of-two")
    stage.server.accounts["app"].full = True
    error = stage.play(stage.store.rotate())
    assert isinstance(error, AccountUnusable)
    assert error.retryable
