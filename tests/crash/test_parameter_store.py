"""Rotations of a parameter on a memory server: cut at each call, beside a twin, and beside a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import RotationError
from rotation.model import Deadline, Step
from rotation.stores.parameter_store import Clients, ParameterStore
from tests.support.emulators.ssm.model import arn_of
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import Ticking
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAME: Final = "/app/db"
ADMINS: Final = "/admins/db"
STRATEGIES: Final = {"single-user": "memory", "retained-password": "memory-of-two", "alternating-users": "memory"}
CALLS: Final = 14
"""More than a rotation makes, so that the last ones are not reached."""

SAMPLE: Final = (1, 4, 6, 7, 8, 9)
"""Calls whose cut leaves most: the entry, the look before the put, the put itself."""

MEETINGS: Final = {"before": SAMPLE[::2], "after": SAMPLE[1::2]}
"""Where somebody else acts, in turn before and after: nothing happens behind a call that is not before the next."""

EVERYWHERE: Final = [
    *(pytest.param(phase, indexes, id=f"{phase} some") for phase, indexes in MEETINGS.items()),
    *(pytest.param(phase, range(1, CALLS), id=f"{phase} each", marks=pytest.mark.exhaustive) for phase in MEETINGS),
]


class ParameterStage:
    """A memory server whose user's credential is a parameter."""

    name = NAME

    def __init__(self, emulator: EmulatedParameterStore, strategy: str) -> None:
        """Put the credential that the memory store begins with."""
        self.emulator = emulator
        self.clients: dict[str, Clients] = {}
        self.memory = MemoryStage(
            engine=STRATEGIES[strategy], admin=strategy == "alternating-users", rotation={"excludeCharacters": "{"}
        )
        self.memory.clock = lambda: 0.0  # how long a look counts is not a matter of how busy the machine is
        document = json.loads(next(iter(self.memory.store.values.values())))
        emulator.put(ADMINS, next(iter(self.memory.store.admins.values())))
        if "masterarn" in document:
            document["masterarn"] = arn_of(ADMINS)
            self.memory.settings = type(self.memory.settings)(admin_secret_arns=(arn_of(ADMINS),))
        emulator.put(NAME, json.dumps(document))

    def client(self, caller: str) -> Clients:
        """Return the clients of a caller's, which are made once."""
        if caller not in self.clients:
            client = self.emulator.client(access_key=caller)
            self.clients[caller] = Clients(client, client)
        return self.clients[caller]

    def run(self, caller: str = "test", memory: MemoryStage | None = None) -> RotationError | None:
        """Do what one invocation does: the token, and all steps, with a store of its own."""
        memory = memory or self.memory
        store: Any = ParameterStore(
            self.client(caller),
            self.name,
            memory.notes,
            Deadline(60, lambda: self.memory.late),
            sleep=lambda _seconds: None,
        )
        memory.store = store
        try:
            token = store.open_rotation()
            for step in Step:
                if step is Step.FINISH:
                    store.look_again()
                if error := memory.play(token, (step,)):
                    return error
        except RotationError as error:
            return error
        return None

    def document(self) -> dict[str, Any]:
        """Return what a client reads now."""
        return dict(json.loads(self.emulator.value(NAME)))

    def logs_in(self) -> bool:
        """Return whether a client that reads the parameter now is accepted."""
        value = self.document()
        account = self.memory.server.accounts.get(value["username"])
        return account is not None and account.accepts(value["password"])

    def written(self) -> list[str]:
        """Return the passwords that readers could see, in their order."""
        return [json.loads(it.value)["password"] for it in self.emulator.journal.writes if it.name == NAME]

    def lost(self) -> set[str]:
        """Return the passwords that the server holds and nothing that is stored does."""
        kept = {
            json.loads(version.value)["password"]
            for parameter in self.emulator.state.parameters.values()
            for version in parameter.versions
            if version.value.startswith("{")
        }
        return self.memory.held_passwords() - kept

    def person(self) -> None:
        """Put the credential that works, with a word of one's own: what a person does who changes a host's name."""
        value = self.document()
        value["note"] = f"{value.get('note', '')}+"
        self.emulator.put(NAME, json.dumps(value), caller="ann")


pytestmark = pytest.mark.usefixtures("nobody_waits")


@pytest.fixture(params=STRATEGIES)
def stage(request: pytest.FixtureRequest) -> Iterator[ParameterStage]:
    """Set the stage up for a strategy."""
    with EmulatedParameterStore(clock=Ticking()) as emulator:
        yield ParameterStage(emulator, request.param)


def completes(stage: ParameterStage, told: str) -> None:
    """See that the next run completes whatever was left, and that nothing is lost by then or before."""
    assert stage.lost() == set(), told
    error = stage.run()
    if error is not None:  # what a person wrote may make an entry hopeless, which is given up
        error = stage.run()
    assert error is None, f"{told}: {error}"
    assert stage.logs_in(), told
    assert stage.lost() == set(), told


def test_a_rotation(stage: ParameterStage) -> None:
    """Readers see the old value, then the new one, and both logged in when they could be read."""
    assert stage.run() is None
    assert stage.logs_in()
    assert len(stage.written()) == 2
    assert len(stage.emulator.journal.counted("test")) <= 9


def cut_at(stage: ParameterStage, index: int, phase: Any) -> None:  # noqa: ANN401 one of two words
    """Cut a run before or after a call; the next one completes it, with the same password where one was stored."""
    seen = len(stage.written())
    stage.emulator.faults.kill_at(index, phase, caller="test")
    stage.run()
    stage.emulator.faults.revive()
    pending = len(stage.written()) == seen
    assert stage.lost() == set()
    assert stage.run() is None, f"cut {phase} call {index}"
    assert stage.logs_in(), f"cut {phase} call {index}"
    assert len(stage.written()) == seen + (1 if pending else 2)


@pytest.mark.parametrize("phase", ["before", "after"])
def test_cut_at_some_calls(stage: ParameterStage, phase: str) -> None:
    """What ``make crash`` does at every call."""
    for index in SAMPLE:
        cut_at(stage, index, phase)


@pytest.mark.exhaustive
@pytest.mark.parametrize("phase", ["before", "after"])
def test_cut_at_each_call(stage: ParameterStage, phase: str) -> None:
    """The next run completes it, with the same password where one was stored, and readers saw two values at most."""
    for index in range(1, CALLS):
        cut_at(stage, index, phase)


def meanwhile(stage: ParameterStage, index: int, phase: str, act: Callable[[], object]) -> None:
    """Run, and let somebody act once at that call of the run's."""
    left = [1]

    def hook(number: int, _operation: str, now: str) -> None:
        if (number, now) == (index, phase) and left:
            left.clear()
            act()

    stage.emulator.faults.watch(hook, "test")
    stage.run()
    stage.emulator.faults.revive()


def twin(stage: ParameterStage) -> None:
    """Run beside, as another invocation does, and leave the first one's store in its place."""
    store = stage.memory.store
    stage.run("twin")
    stage.memory.store = store


@pytest.mark.parametrize(("phase", "indexes"), EVERYWHERE)
def test_two_runs_at_once(stage: ParameterStage, phase: str, indexes: tuple[int, ...]) -> None:
    """They are twins: one password is made, and readers see it once or twice, and no other."""
    for index in indexes:
        before = set(stage.written())
        meanwhile(stage, index, phase, lambda: twin(stage))
        assert stage.lost() == set()
        assert stage.logs_in(), f"a twin {phase} call {index}"
        assert len(set(stage.written()) - before) <= 2
        completes(stage, f"a twin {phase} call {index}")


@pytest.mark.parametrize(("phase", "indexes"), EVERYWHERE)
def test_a_person_puts_a_value(stage: ParameterStage, phase: str, indexes: tuple[int, ...]) -> None:
    """Theirs stays, or is told of and can be read; no password is lost, and the next runs complete."""
    for index in indexes:
        stage.emulator.journal.writes.clear()
        meanwhile(stage, index, phase, stage.person)
        (theirs,) = (it for it in stage.emulator.journal.writes if it.caller == "ann") if _came(stage) else (None,)
        if theirs is not None:
            kept = [it.value for it in stage.emulator.state.own(NAME).versions]
            assert theirs.value in kept
        completes(stage, f"a person {phase} call {index}")


def _came(stage: ParameterStage) -> bool:
    return any(it.caller == "ann" for it in stage.emulator.journal.writes)
