"""Rotations of a parameter on a memory server, cut before and after each call."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import RotationError
from rotation.model import Deadline, Step
from rotation.stores.parameter_store import Clients, ParameterStore
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import Ticking
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = "/app/db"
ENGINES: Final = {"single-user": "memory", "retained-password": "memory-of-two"}
CALLS: Final = 34
"""More than a rotation makes, so that the last ones are not reached."""


class ParameterStage:
    """A memory server whose user's credential is a parameter."""

    def __init__(self, emulator: EmulatedParameterStore, engine: str) -> None:
        """Put the credential that the memory store begins with."""
        self.emulator = emulator
        self.memory = MemoryStage(engine=engine, rotation={"excludeCharacters": "{"})
        emulator.put(NAME, next(iter(self.memory.store.values.values())))

    def run(self, caller: str = "test") -> RotationError | None:
        """Do what one invocation does: the token, and all steps, with a store of its own."""
        clients = Clients(self.emulator.client(access_key=caller), self.emulator.client(access_key=caller))
        store: Any = ParameterStore(clients, NAME, self.memory.notes, Deadline(60), sleep=lambda _seconds: None)
        self.memory.store = store
        try:
            return self.memory.play(store.open_rotation(), tuple(Step))
        except RotationError as error:
            return error

    def logs_in(self) -> bool:
        """Return whether a client that reads the parameter now is accepted."""
        value = json.loads(self.emulator.value(NAME))
        return self.memory.server.accounts["app"].accepts(value["password"])

    def written(self) -> list[str]:
        """Return the passwords that readers could see, in their order."""
        return [json.loads(it.value)["password"] for it in self.emulator.journal.writes if it.name == NAME]


@pytest.fixture(params=ENGINES)
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ParameterStage]:
    """Set the stage up for a strategy; nobody waits."""
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with EmulatedParameterStore(clock=Ticking()) as emulator:
        yield ParameterStage(emulator, ENGINES[request.param])


def test_a_rotation(stage: ParameterStage) -> None:
    """Readers see the old value, then the new one, and both logged in when they could be read."""
    assert stage.run() is None
    assert stage.logs_in()
    assert len(stage.written()) == 2
    assert len(stage.emulator.journal.counted("test")) < CALLS


@pytest.mark.exhaustive
@pytest.mark.parametrize("phase", ["before", "after"])
def test_cut_at_each_call(stage: ParameterStage, phase: Any) -> None:  # noqa: ANN401 one of two words
    """The next run completes it, with the same password where one was stored, and readers saw two values at most."""
    for index in range(1, CALLS):
        seen = len(stage.written())
        stage.emulator.faults.kill_at(index, phase, caller="test")
        stage.run()
        stage.emulator.faults.revive()
        pending = len(stage.written()) == seen
        assert stage.run() is None, f"cut {phase} call {index}"
        assert stage.logs_in(), f"cut {phase} call {index}"
        assert len(stage.written()) == seen + (1 if pending else 2)
