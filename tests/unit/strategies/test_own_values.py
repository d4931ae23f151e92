"""A pending value that createSecret has not made: whoever may write the secret can store one, and have it delivered."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import GuardViolation
from rotation.model import Stage, Step
from tests.support.memory.engine import MemoryServer
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.errors import RotationError

KINDS: Final[dict[str, Callable[[], MemoryStage]]] = {
    "single-user": MemoryStage,
    "single-user by admin": partial(MemoryStage, admin=True, rotation={"strategy": "single-user"}),
    "alternating-users": partial(MemoryStage, admin=True),
    "retained-password": partial(MemoryStage, engine="memory-of-two"),
    "retained-password by admin": partial(
        MemoryStage, admin=True, engine="memory-of-two", rotation={"strategy": "retained-password"}
    ),
}
CHOSEN: Final = "chosen-by-the-writer"


def keyed(kind: str, *, key: str | None = "key") -> MemoryStage:
    stage = KINDS[kind]()
    stage.settings = replace(stage.settings, seal_key=key)
    return stage


def forged(stage: MemoryStage, **changed: Any) -> str:  # noqa: ANN401 JSON
    """Return a value like the one that createSecret would make, by somebody who knows all of it but passwords."""
    document = json.loads(stage.store.value_at(Stage.CURRENT))
    if "masterarn" in document and "rotation" not in document:
        document |= {"username": "app_clone" if document["username"] == "app" else "app"}
    return json.dumps({**document, "password": CHOSEN, **changed})


def staged(stage: MemoryStage, value: str) -> str:
    """Store a value as AWSPENDING under a token of one's own, which the service then delivers."""
    return stage.store.put(value, Stage.PENDING)


def is_set(stage: MemoryStage, password: str) -> bool:
    return password in stage.held_passwords()


def play(stage: MemoryStage, token: str) -> RotationError | None:
    error = stage.play(token)
    assert stage.server.sessions == []
    return error


@pytest.mark.parametrize("earlier", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_not_set_and_the_next_rotation_goes_on(kind: str, earlier: int) -> None:
    """AWSPENDING is taken off it; what is in use stays as it is."""
    stage = keyed(kind)
    for _ in range(earlier):
        stage.rotate()
    token = staged(stage, forged(stage))
    error = play(stage, token)
    assert isinstance(error, GuardViolation)
    assert "has not made" in str(error)
    assert "taken off" in str(error)
    assert not is_set(stage, CHOSEN)
    assert stage.current_logs_in()
    stage.rotate()


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_not_kept_for_a_token_of_the_services(kind: str) -> None:
    """Somebody who reads the token is faster than createSecret."""
    stage = keyed(kind)
    token = stage.store.rotate()
    stage.store.values[token] = forged(stage)
    assert isinstance(play(stage, token), GuardViolation)
    assert not is_set(stage, CHOSEN)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [Step.SET, Step.TEST, Step.FINISH])
def test_no_step_takes_it(kind: str, step: Step) -> None:
    """A caller of the function may deliver any of them first."""
    stage = keyed(kind)
    token = staged(stage, forged(stage))
    assert isinstance(stage.play(token, [step]), GuardViolation)
    assert not is_set(stage, CHOSEN)


def test_the_seal_of_another_version_is_none() -> None:
    """An older value of the secret's own is not brought back under another token."""
    stage = keyed("single-user")
    stage.rotate()
    old = stage.store.value_at(Stage.CURRENT)
    stage.rotate()
    assert isinstance(play(stage, staged(stage, old)), GuardViolation)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_rotation_under_way_when_the_key_came_ends_well(kind: str, steps: int) -> None:
    """Its value has no seal: what the server accepts by then goes on, anything else is given up for the next one."""
    stage = keyed(kind, key=None)
    stage.rotate()
    token = stage.store.rotate()
    assert stage.play(token, tuple(Step)[:steps]) is None
    stage.settings = replace(stage.settings, seal_key="key")
    error = play(stage, token)
    was_set = steps > 1 and not kind.startswith("single-user")
    assert (stage.store.holder(Stage.CURRENT) == token) is was_set
    assert (error is None) is was_set
    stage.rotate()
    assert stage.current_logs_in()


def test_a_password_that_was_set_before_the_key_came_is_not_lost() -> None:
    """The rotation was cut between the change and the move of AWSCURRENT: the value is all that logs in."""
    stage = keyed("single-user", key=None)
    token = stage.store.rotate()
    assert stage.play(token, (Step.CREATE, Step.SET, Step.TEST)) is None
    stage.server.accounts["app"].password = json.loads(stage.store.values[token])["password"]
    stage.settings = replace(stage.settings, seal_key="key")
    assert play(stage, token) is None
    assert stage.store.holder(Stage.CURRENT) == token


def test_a_value_about_another_server_is_not_even_tried() -> None:
    """What that one accepts says nothing."""
    stage = keyed("single-user")
    theirs = stage.server.others["writer.example:5432"] = MemoryServer(believes=True)
    assert isinstance(play(stage, staged(stage, forged(stage, host="writer.example"))), GuardViolation)
    assert theirs.accepted == []


def test_without_a_key_it_is_as_it_was() -> None:
    """The limit of what is told in docs/security.md: then the writer's value is taken for createSecret's."""
    stage = keyed("single-user", key=None)
    assert play(stage, staged(stage, forged(stage))) is None
    assert is_set(stage, CHOSEN)
