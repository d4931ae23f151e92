"""The gate before a change: every replica serves AWSCURRENT, or nothing is changed. The guard: never at a replica."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rotation import steps
from rotation.errors import RotationRefused, StoreUnavailable
from rotation.model import Replica, ReplicaGate, Stage, Step
from rotation.settings import Settings
from tests.support.memory.interruptions import fail
from tests.support.memory.replica import MemoryReplica
from tests.support.memory.stage import ADMIN_ARN, MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable

AWAY = "eu-central-1"
SHAPES: dict[str, Callable[..., MemoryStage]] = {
    "single-user": MemoryStage,
    "single-user by an admin": lambda **more: MemoryStage(admin=True, rotation={"strategy": "single-user"}, **more),
    "alternating-users": lambda **more: MemoryStage(admin=True, **more),
    "retained-password": lambda **more: MemoryStage(engine="memory-of-two", **more),
    "retained-password by an admin": lambda **more: MemoryStage(
        admin=True, engine="memory-of-two", rotation={"strategy": "retained-password"}, **more
    ),
}
CHANGES = {name: Step.FINISH if name.startswith("single") else Step.SET for name in SHAPES}
"""The step that ends a password."""
BEFORE = {step: [it for it in Step if list(Step).index(it) < list(Step).index(step)] for step in Step}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait for no copy, and remember how long one would have."""
    waited: list[float] = []
    monkeypatch.setattr("rotation.strategies.replicas.time.sleep", waited.append)
    return waited


def with_replica(name: str, status: str = "InSync", message: str = "", **more: Any) -> MemoryStage:  # noqa: ANN401 JSON
    """Return a stage whose secret has a replica away, in step, in a Region that can be asked."""
    stage = SHAPES[name](**more)
    stage.store.replicas[AWAY] = Replica(AWAY, status, message)
    stage.store.served[AWAY] = stage.store.holder(Stage.CURRENT)
    return stage


def following(stage: MemoryStage) -> MemoryStage:
    """Let the copy arrive as soon as AWSCURRENT has moved."""

    def arrive(operation: str, phase: str) -> None:
        if (operation, phase) == ("promote", "after"):
            stage.store.served[AWAY] = stage.store.holder(Stage.CURRENT)

    stage.store.effect = arrive
    return stage


def unchanged(stage: MemoryStage) -> tuple[object, ...]:
    """Return what a refusal leaves alone."""
    return dict(stage.store.values), {it: set(held) for it, held in stage.store.stages.items()}, stage.held_passwords()


def refused(stage: MemoryStage, step: Step, token: str) -> RotationRefused:
    """Expect that a step is refused, retryably, and changes nothing."""
    before = unchanged(stage)
    with pytest.raises(RotationRefused) as error:
        stage.step(step, token)
    assert unchanged(stage) == before
    assert error.value.retryable
    assert f"The replica in {AWAY}" in error.value.what
    assert "set REPLICA_GATE to warn" in error.value.remedy
    return error.value


@pytest.mark.parametrize("name", SHAPES)
def test_a_replica_in_step_lets_every_rotation_through(name: str) -> None:
    """Each rotation goes on where the replica has followed; it costs the looks, and no refused login."""
    stage = following(with_replica(name))
    for _ in range(3):
        stage.rotate()
        assert stage.current_logs_in()
    assert stage.server.refused == []
    assert stage.store.calls.count("describe_replica") == 9


@pytest.mark.parametrize("name", SHAPES)
def test_a_secret_without_replicas_costs_no_call_more(name: str) -> None:
    """Nothing is asked, and nothing is recorded."""
    stage = SHAPES[name]()
    stage.rotate()
    assert "describe_replica" not in stage.store.calls
    record = json.loads(stage.store.value_at(Stage.CURRENT)).get("rotationRecord", "{}")
    assert "at" not in json.loads(record)


@pytest.mark.parametrize("status", ["InSync", "InProgress", "Failed"])
@pytest.mark.parametrize("name", SHAPES)
def test_no_version_is_made_while_a_replica_is_behind(name: str, status: str) -> None:
    """The first step refuses by the replica's own labels, whatever the status says."""
    stage = with_replica(name)
    stage.rotate()
    stage.store.replicas[AWAY] = Replica(AWAY, status, "The key is disabled")
    token = stage.store.rotate()
    error = refused(stage, Step.CREATE, token)
    assert f"The replica's status is {status}: The key is disabled. Correct" in error.remedy
    assert token not in stage.store.values


@pytest.mark.parametrize("name", SHAPES)
def test_no_password_ends_while_a_replica_is_behind(name: str) -> None:
    """The step that changes a password looks again, and goes on once the replica has followed."""
    stage = with_replica(name)
    token = stage.store.rotate()
    assert stage.play(token, BEFORE[CHANGES[name]]) is None
    current, stage.store.served[AWAY] = stage.store.served[AWAY], "an older version"
    refused(stage, CHANGES[name], token)
    stage.store.served[AWAY] = current
    assert stage.play(token) is None
    assert stage.current_logs_in()
    assert stage.server.refused == []


@pytest.mark.parametrize("name", ["single-user by an admin"])
def test_the_admin_looks_too_where_the_user_has_no_connection_left(name: str) -> None:
    """A full pool is no way round the gate."""
    stage = with_replica(name)
    token = stage.store.rotate()
    assert stage.play(token, BEFORE[Step.FINISH]) is None
    stage.store.served[AWAY] = None
    stage.server.accounts["app"].full = True
    refused(stage, Step.FINISH, token)


@pytest.mark.parametrize(("status", "passes"), [("InSync", True), ("InProgress", False), ("Failed", False)])
@pytest.mark.parametrize("name", SHAPES)
def test_without_a_way_there_the_status_decides(name: str, status: str, *, passes: bool) -> None:
    """It is told as the weaker proof."""
    stage = with_replica(name, status)
    stage.store.served.clear()
    token = stage.store.rotate()
    if passes:
        assert stage.play(token) is None
    else:
        error = refused(stage, Step.CREATE, token)
        assert f"The replica's status is {status}. Correct" in error.remedy
    assert any("by its status alone, the weaker proof" in line for line in stage.notes.said)


@pytest.mark.parametrize("name", SHAPES)
def test_a_copy_under_way_is_waited_for(name: str, waits: list[float]) -> None:
    """A replica that follows within seconds delays the step and does not end it."""
    stage = with_replica(name)
    current, stage.store.served[AWAY] = stage.store.served[AWAY], "an older version"

    def arrive(operation: str, phase: str) -> None:
        if (operation, phase) == ("describe_replica", "after"):
            stage.store.served[AWAY] = current

    stage.store.effect = arrive
    assert stage.play(stage.store.rotate(), [*Step][:3]) is None
    assert waits == [1.0]


@pytest.mark.parametrize("name", SHAPES)
def test_a_gate_that_only_warns(name: str) -> None:
    """Where the setting says so the rotation goes on, and people are told."""
    settings = Settings(admin_secret_arns=(ADMIN_ARN,), replica_gate=ReplicaGate.WARN)
    stage = with_replica(name, "Failed", settings=settings)
    stage.store.served[AWAY] = None
    stage.rotate()
    assert len([line for line in stage.notes.warned if "may be rejected soon" in line]) == 2


@pytest.mark.parametrize("name", SHAPES)
def test_what_was_begun_goes_on_where_clients_are_rejected(name: str) -> None:
    """A value that the server accepts by now, with AWSCURRENT refused, becomes current whatever replicas serve."""
    stage = with_replica(name)
    token = stage.store.rotate()
    assert stage.play(token, BEFORE[Step.FINISH]) is None
    pending = stage.credential(Stage.PENDING)
    stage.server.accounts[stage.credential().username].password = "another"
    stage.server.accounts[pending.username].password = pending.password.reveal()
    stage.server.accounts[pending.username].second = None
    stage.store.served[AWAY] = None
    assert stage.play(token) is None
    assert stage.current_logs_in()


def test_a_look_that_fails_is_no_proof() -> None:
    """Where the pending value cannot be read either, that error is the one that is told."""
    stage = with_replica("alternating-users")
    stage.store.served[AWAY] = None
    stage.store.effect = fail("describe", "before", StoreUnavailable("no answer"), times=1)
    error = stage.play(stage.store.rotate())
    assert isinstance(error, StoreUnavailable)


@pytest.mark.parametrize("step", Step)
@pytest.mark.parametrize("name", SHAPES)
def test_nothing_is_done_at_a_replica(name: str, step: Step) -> None:
    """A step whose version is not readable there, and createSecret, name the primary's Region."""
    stage = SHAPES[name]()
    stage.store.primary_region = AWAY
    token = stage.store.rotate()
    before = unchanged(stage)
    with pytest.raises(RotationRefused, match=f"belongs to the Region {AWAY}") as error:
        stage.step(step, token)
    assert unchanged(stage) == before
    assert not error.value.retryable
    assert stage.server.accepted == []


@pytest.mark.parametrize("step", [Step.SET, Step.FINISH])
@pytest.mark.parametrize("name", SHAPES)
def test_what_was_made_in_another_region_is_left_alone(name: str, step: Step) -> None:
    """A pending value that came along names its Region; no call and no login is needed to refuse it."""
    stage = with_replica(name)
    token = stage.store.rotate()
    assert stage.play(token, BEFORE[step]) is None
    there = MemoryReplica.of(stage.store, AWAY)
    stage.store, before = there, unchanged(stage)
    stage.server.accepted.clear()
    with pytest.raises(RotationRefused, match="belongs to the Region eu-west-1"):
        stage.step(step, token)
    assert there.calls == ["read"]
    assert unchanged(stage)[0] == before[0]
    assert stage.server.accepted == []


def test_a_secret_that_has_no_replicas_any_more_goes_on_recording_where_it_is_made() -> None:
    """Another Region's function may meet what this one has marked, and tells by the record which of them came last."""
    stage = with_replica("single-user")
    stage.rotate()
    assert json.loads(json.loads(stage.store.value_at(Stage.CURRENT))["rotationRecord"]) == {"at": "eu-west-1"}
    stage.store.replicas.clear()
    stage.rotate()
    assert json.loads(json.loads(stage.store.value_at(Stage.CURRENT))["rotationRecord"]) == {"at": "eu-west-1"}


def test_nothing_is_revoked_at_a_replica() -> None:
    """The operator's own event is refused there too."""
    stage = MemoryStage(admin=True)
    stage.rotate()
    stage.store.primary_region = AWAY
    with pytest.raises(RotationRefused, match=AWAY):
        steps.revoke_previous(stage.delivery(""), end_sessions=False)
