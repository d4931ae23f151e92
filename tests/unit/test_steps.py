"""The steps that the table names, as far as no strategy decides."""

from __future__ import annotations

import json

import pytest

from rotation import steps
from rotation.errors import InvalidSecret, InvalidSettings, StoreError, VersionNotFound
from rotation.model import PasswordRules, Stage, Step, StrategyName
from rotation.settings import Settings
from tests.support.memory.interruptions import fail
from tests.support.memory.stage import ADMIN_ARN, FIRST, MemoryStage


def pending_of(stage: MemoryStage) -> dict[str, object]:
    """Read AWSPENDING's JSON."""
    document = json.loads(stage.store.value_at(Stage.PENDING))
    assert isinstance(document, dict)
    return document


def test_create_keeps_all_but_the_password() -> None:
    """The pending value is the current one with a new password."""
    stage = MemoryStage(nested={"a": [1, None]}, ümlaut="ß")
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    current = json.loads(stage.store.value_at(Stage.CURRENT))
    pending = pending_of(stage)
    assert pending.pop("password") != current.pop("password")
    assert pending == current


def test_create_twice_keeps_the_first_value() -> None:
    """The value of a token never changes once it is stored."""
    stage = MemoryStage()
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    first = stage.store.value_at(Stage.PENDING)
    stage.step(Step.CREATE, token)
    assert stage.store.value_at(Stage.PENDING) == first
    assert "Kept the credential" in stage.notes.said[-1]


def test_create_needs_a_current_value() -> None:
    """A secret without AWSCURRENT is refused with what to store."""
    stage = MemoryStage()
    token = stage.store.rotate()
    stage.store.stages = {token: {Stage.PENDING}}
    with pytest.raises(VersionNotFound, match="Store the user's present credential as AWSCURRENT"):
        stage.step(Step.CREATE, token)


def test_the_pending_value_is_read_by_the_machine_alone() -> None:
    """A step that is called past the machine finds no pending value."""
    stage = MemoryStage()
    with pytest.raises(VersionNotFound, match="was not read"):
        steps.set_pending(stage.delivery("t" * 32))


@pytest.mark.parametrize(
    ("secret", "function", "length"),
    [({}, PasswordRules(), 32), ({}, PasswordRules(length=20), 20), ({"passwordLength": 40}, PasswordRules(20), 40)],
)
def test_the_secrets_rules_come_before_the_functions(
    secret: dict[str, object], function: PasswordRules, length: int
) -> None:
    """A password has the length that the secret names, else the function, else the suite."""
    stage = MemoryStage(rotation=secret, settings=Settings(password=function))
    stage.step(Step.CREATE, stage.store.rotate())
    assert len(str(pending_of(stage)["password"])) == length


@pytest.mark.parametrize(
    ("admin", "secret", "function", "chosen"),
    [
        (False, None, None, StrategyName.SINGLE_USER),
        (True, None, None, StrategyName.ALTERNATING_USERS),
        (True, "single-user", None, StrategyName.SINGLE_USER),
        (True, None, StrategyName.SINGLE_USER, StrategyName.SINGLE_USER),
        (True, "alternating-users", StrategyName.SINGLE_USER, StrategyName.ALTERNATING_USERS),
    ],
)
def test_who_chooses_the_strategy(
    secret: str | None, function: StrategyName | None, chosen: StrategyName, *, admin: bool
) -> None:
    """The secret's own word counts, then the function's, then whether an admin secret is named."""
    rotation = {"strategy": secret} if secret else {}
    settings = Settings(strategy=function, admin_secret_arns=(ADMIN_ARN,))
    stage = MemoryStage(admin=admin, rotation=rotation, settings=settings)
    stage.rotate()
    assert any(f"{chosen.value!r}" in line for line in stage.notes.said)
    assert ("app_clone" in stage.server.accounts) is (chosen is StrategyName.ALTERNATING_USERS)


@pytest.mark.parametrize(("name", "problem"), [("retained-password", "not possible"), ("alternating-users", "needs")])
def test_a_strategy_that_cannot_be_is_refused_before_anything_is_stored(name: str, problem: str) -> None:
    """A strategy that the engine has not, or that lacks its admin secret, is a wrong setting."""
    stage = MemoryStage(rotation={"strategy": name})
    token = stage.store.rotate()
    with pytest.raises(InvalidSettings, match=problem):
        stage.step(Step.CREATE, token)
    assert token not in stage.store.values
    assert stage.current_logs_in()


def test_a_refused_put_is_told() -> None:
    """A store that refuses the pending value fails the step."""
    stage = MemoryStage()
    token = stage.store.rotate()
    stage.store.effect = fail("stage_pending", "before", StoreError("refused"))
    with pytest.raises(StoreError):
        stage.step(Step.CREATE, token)


@pytest.mark.parametrize("value", ["", "no JSON " + FIRST, '{"password": "' + FIRST + '"}'])
def test_a_current_value_that_cannot_be_read_stores_nothing(value: str) -> None:
    """An invalid secret is refused before a password is made, and its value is not told."""
    stage = MemoryStage()
    stage.store.values[stage.store.holder(Stage.CURRENT) or ""] = value
    token = stage.store.rotate()
    with pytest.raises(InvalidSecret) as refused:
        stage.step(Step.CREATE, token)
    assert FIRST not in f"{refused.value} {refused.value!r}"
    assert token not in stage.store.values
