"""RotateImmediately=false: everything that a rotation needs is checked, told, and nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.errors import (
    AccessMismatch,
    GuardViolation,
    InvalidSettings,
    NotOurs,
    NoWorkingCredential,
    PasswordRejected,
    PermissionDenied,
    RotationError,
    StoreDenied,
    Unreachable,
)
from rotation.model import Mark, PasswordRules, Step
from rotation.settings import Settings
from tests.support.emulators.secretsmanager.worlds import DryRunValue, World
from tests.support.memory.engine import Account
from tests.support.memory.interruptions import fail
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable

BY_ADMIN = {"strategy": "single-user"}
STAGES: dict[str, Callable[[], MemoryStage]] = {
    "single-user": MemoryStage,
    "single-user by admin": lambda: MemoryStage(admin=True, rotation=BY_ADMIN),
    "alternating-users": lambda: MemoryStage(admin=True),
}


def snapshot(stage: MemoryStage) -> tuple[object, ...]:
    """Return all that a dry run must leave alone."""
    accounts = {name: (it.password, set(it.rights), it.mark) for name, it in stage.server.accounts.items()}
    return dict(stage.store.values), {v: set(held) for v, held in stage.store.stages.items()}, accounts


def begin(stage: MemoryStage, *, copy: bool) -> str:
    """Make the temporary version: empty, or with a copy of the current value."""
    stage.store.world = World(dry_run_value=DryRunValue.COPY if copy else DryRunValue.NONE)
    return stage.store.begin_dry_run()


def refused(stage: MemoryStage, error: type[RotationError]) -> RotationError:
    """Expect an obstacle, and that nothing was changed to find it."""
    token = begin(stage, copy=False)
    before = snapshot(stage)
    with pytest.raises(error) as obstacle:
        stage.step(Step.TEST, token)
    assert snapshot(stage) == before
    assert stage.server.sessions == []
    assert not any("nothing stands in the way" in line for line in stage.notes.said)
    return obstacle.value


@pytest.mark.parametrize("rotations", [0, 1, 2])
@pytest.mark.parametrize("copy", [False, True], ids=["empty", "copy"])
@pytest.mark.parametrize("name", STAGES)
def test_it_changes_nothing_and_a_rotation_then_succeeds(name: str, rotations: int, *, copy: bool) -> None:
    """A dry run that finds nothing leaves everything as it was, and keeps its word."""
    stage = STAGES[name]()
    for _ in range(rotations):
        stage.rotate()
    refusals = len(stage.server.refused)
    token = begin(stage, copy=copy)
    before = snapshot(stage)
    stage.step(Step.TEST, token)
    assert snapshot(stage) == before
    assert len(stage.server.refused) == refusals
    assert "rehearse" in stage.store.calls
    assert "nothing stands in the way" in stage.notes.said[-1]
    assert stage.server.sessions == []
    stage.store.end_dry_run(token)
    stage.rotate()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("single-user", ["change the password of app (by the user itself), in finishSecret"]),
        ("single-user by admin", ["change the password of app (by the admin admin), in finishSecret"]),
        ("alternating-users", ["create app_clone", "grant read orders", "grant write orders"]),
    ],
)
def test_it_tells_each_change(name: str, told: list[str]) -> None:
    """People read what a rotation would do, one line each."""
    stage = STAGES[name]()
    stage.step(Step.TEST, begin(stage, copy=False))
    prefix = "Dry run: a rotation would do this: "
    assert [line.removeprefix(prefix).removesuffix(" {}") for line in stage.notes.said if prefix in line] == told


def test_it_tells_revocations() -> None:
    """What the clone has and the base has not would be revoked."""
    stage = MemoryStage(admin=True)
    stage.rotate()
    stage.rotate()
    stage.server.accounts["app"].rights.discard("write orders")
    stage.step(Step.TEST, begin(stage, copy=False))
    assert any("revoke write orders" in line for line in stage.notes.said)
    assert "write orders" in stage.server.accounts["app_clone"].rights


def test_a_rejected_password() -> None:
    """The server's policy is asked with a password made by the rules in force."""
    for make in STAGES.values():
        stage = make()
        stage.server.rejects = lambda _: True
        refused(stage, PasswordRejected)


def test_no_right_to_change_the_own_password() -> None:
    """A user that may not change its password is told before the first rotation."""
    stage = MemoryStage()
    stage.server.accounts["app"].may_change = False
    refused(stage, PermissionDenied)


@pytest.mark.parametrize("name", ["single-user by admin", "alternating-users"])
def test_an_admin_without_rights(name: str) -> None:
    """An admin that may not manage users is told before the first rotation."""
    stage = STAGES[name]()
    stage.server.admin().rights.clear()
    refused(stage, PermissionDenied)


@pytest.mark.parametrize("name", STAGES)
def test_a_current_password_that_is_refused(name: str) -> None:
    """AWSCURRENT itself must log in."""
    stage = STAGES[name]()
    stage.server.accounts["app"].password = "known-to-nobody"
    refused(stage, NoWorkingCredential)


@pytest.mark.parametrize("name", STAGES)
def test_a_server_that_is_down(name: str) -> None:
    """A server that cannot be reached is told as such."""
    stage = STAGES[name]()
    stage.server.reachable = False
    assert refused(stage, Unreachable).retryable


@pytest.mark.parametrize("name", ["single-user by admin", "alternating-users"])
def test_a_privileged_user(name: str) -> None:
    """A target that is too powerful is told."""
    stage = STAGES[name]()
    stage.server.accounts["app"].rights.add("admin")
    refused(stage, GuardViolation)


@pytest.mark.parametrize("mark", [None, Mark("arn:of:another", "app", "v")])
def test_an_account_that_is_not_ours(mark: Mark | None) -> None:
    """A clone that somebody else made is told."""
    stage = MemoryStage(admin=True)
    stage.server.accounts["app_clone"] = Account("theirs", mark=mark)
    refused(stage, NotOurs)


def test_a_pair_that_cannot_be_made_equal() -> None:
    """A difference that a person has to resolve is named."""
    stage = MemoryStage(admin=True)
    stage.rotate()
    stage.server.accounts["app_clone"].rights.add("own orders")
    assert "own orders" in str(refused(stage, AccessMismatch))


@pytest.mark.parametrize("name", STAGES)
def test_labels_that_may_not_be_moved(name: str) -> None:
    """The permission for finishSecret's only call is proven too."""
    stage = STAGES[name]()
    stage.store.effect = fail("rehearse", "before", StoreDenied("denied"))
    refused(stage, StoreDenied)


def test_an_admin_secret_that_is_not_listed() -> None:
    """What the settings forbid is told."""
    refused(MemoryStage(admin=True, settings=Settings()), GuardViolation)


def test_contradictory_rules() -> None:
    """Rules of the secret that contradict the engine are told."""
    refused(MemoryStage(rotation={"passwordLength": 4}), InvalidSettings)
    refused(MemoryStage(settings=Settings(password=PasswordRules(length=999))), InvalidSettings)


def test_a_pending_value_of_a_rotation_is_no_dry_run() -> None:
    """A value that createSecret made for this very token is tested, not rehearsed."""
    stage = MemoryStage(admin=True)
    token = stage.store.rotate()
    stage.play(token, [Step.CREATE, Step.SET, Step.TEST])
    assert "rehearse" not in stage.store.calls
