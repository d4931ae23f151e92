"""A run that was frozen writes its value late, over a newer one, and is killed before it can put that back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rotation.entrypoints.parameter_store import Handler
from rotation.errors import RotationError, RotationRefused
from rotation.model import Credential, Password
from tests.unit.entrypoints.parameter_store.conftest import NAME, Context

if TYPE_CHECKING:
    from tests.unit.entrypoints.parameter_store.conftest import Scene

EVENT = {"Parameters": [NAME]}


def logs_in(scene: Scene) -> bool:
    """Return whether a client that reads now is accepted."""
    current = scene.current()
    return scene.server.logs_in(Credential(current["username"], Password(current["password"])))


def pass_days(scene: Scene, days: float = 40) -> None:
    """Let time pass since all that was written."""
    for version in scene.emulator.state.own(NAME).versions:
        object.__setattr__(version, "at", version.at - timedelta(days=days))


def rotate_twice(scene: Scene) -> None:
    """Complete the rotation that stands still, whose sessions the server has ended, and make the next one."""
    for session in [*scene.server.sessions]:
        session.end()
    for _ in range(2):
        others = Handler(scene.environment, scene.engine_named)
        assert others(EVENT, Context())["Outcome"] == "rotated"
        pass_days(scene)


@pytest.fixture
def late(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Freeze a run with one user before its put; it wakes up behind the next rotation, puts, and is killed."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # who is killed waits for no answer
    scene.put(NAME)
    pass_days(scene)
    client: Any = scene.handler._clients.single_try  # noqa: SLF001 before the service hears of the put

    def before_send(**_: object) -> None:
        client.meta.events.unregister("before-send.ssm", before_send)
        rotate_twice(scene)
        scene.emulator.faults.kill_at(1, "after", "testing")

    client.meta.events.register("before-send.ssm", before_send)
    with pytest.raises(RotationError):
        scene.send()
    scene.emulator.faults.revive()
    assert len(scene.emulator.state.own(NAME).versions) == 5
    assert not logs_in(scene)
    return scene


def test_the_event_that_comes_again_heals_it(late: Scene) -> None:
    """Whoever was killed is invoked again: the value is not left for a whole interval, though its date is new."""
    with pytest.raises(RotationRefused, match="was written less than"):
        late.send()
    pass_days(late, 1 / 24)
    assert late.send()["Outcome"] == "rotated"
    assert logs_in(late)
    assert late.send()["Outcome"] == "not due"


def test_a_value_that_a_person_put_back_stays(late: Scene) -> None:
    """The history tells who wrote it; that takes a call more, where the values look alike."""
    version = late.emulator.state.own(NAME).newest
    object.__setattr__(version, "by", "ann")
    pass_days(late, 1 / 24)
    late.calls()
    assert late.send()["Outcome"] == "not due"
    assert late.calls() == ["GetParameter", "GetParametersByPath", "GetParameterHistory"]
