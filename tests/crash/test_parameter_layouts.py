"""What readers of a tree or a connection string see at each instant of a rotation, also where it is cut off."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from rotation.model import Credential, Password
from rotation.stores.parameter_store import dsn
from tests.crash.test_parameter_store import CALLS, NAME, SAMPLE, ParameterStage, completes, meanwhile, twin
from tests.crash.test_parameter_worlds import CALL, PHASES, calls, completed, frozen
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import Ticking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEAF: Final = "/app/tree/password"


class LayoutStage(ParameterStage):
    """A credential that is no JSON."""

    def lost(self) -> set[str]:
        """Return the passwords that the server holds and nothing that is stored does, in whatever form."""
        return self.memory.held_passwords() - known(self)

    def person(self) -> None:
        """Put the same value with all that is beside it."""
        newest = self.emulator.state.own(self.name).newest
        request = {"Name": self.name, "Value": newest.value, "Overwrite": True, "Description": newest.description or ""}
        self.emulator.execute("PutParameter", request, "ann")


class StringStage(LayoutStage):
    """Two users, whose credential is a connection string."""

    def __init__(self, emulator: EmulatedParameterStore) -> None:
        """Put the string, and beside it what it cannot say."""
        super().__init__(emulator, "alternating-users")
        first = super().document()
        user, host = (f"{first['username']}:{quote(first['password'])}", f"{first['host']}:{first['port']}")
        besides = json.dumps({key: first[key] for key in ("engine", "masterarn", "rotation")})
        emulator.execute("DeleteParameter", {"Name": NAME})
        request = {"Name": NAME, "Value": f"postgresql://{user}@{host}", "Type": "SecureString", "Description": besides}
        emulator.execute("PutParameter", request)

    def document(self) -> dict[str, Any]:
        """Read as a driver does."""
        return dsn.read(self.emulator.value(NAME), NAME)


class TreeStage(LayoutStage):
    """One user with two passwords, a parameter for each key."""

    name = LEAF

    def __init__(self, emulator: EmulatedParameterStore) -> None:
        """Put the tree."""
        super().__init__(emulator, "retained-password")
        for key in ("engine", "host", "port", "username", "password", "rotation"):
            value = super().document()[key]
            text = value if isinstance(value, str) else json.dumps(value)
            emulator.put(f"/app/tree/{key}", text)
        emulator.execute("DeleteParameter", {"Name": NAME})

    def document(self) -> dict[str, Any]:
        """Read name and password, one after the other."""
        return {key: self.emulator.value(f"/app/tree/{key}") for key in ("username", "password")}


pytestmark = pytest.mark.usefixtures("nobody_waits")


@pytest.fixture(params=[StringStage, TreeStage])
def stage(request: pytest.FixtureRequest) -> Iterator[ParameterStage]:
    """Set the stage up."""
    with EmulatedParameterStore(clock=Ticking()) as emulator:
        yield request.param(emulator)


def pairs(stage: ParameterStage) -> list[dict[str, Any]]:
    """
    Return every pair that a reader could have from the last two versions, whichever moments it read in.

    Of a tree it may have the name of one moment and the password of another.
    """
    versions = {name: stage.emulator.state.own(name).versions[-2:] for name in (stage.name, *_names(stage))}
    if stage.name == NAME:
        return [dsn.read(version.value, NAME) for version in versions[NAME]]
    return [
        {"username": name.value, "password": version.value}
        for version in versions[LEAF]
        for name in versions["/app/tree/username"]
    ]


def _names(stage: ParameterStage) -> list[str]:
    return [] if stage.name == NAME else ["/app/tree/username"]


def every_reader_logs_in(stage: ParameterStage, told: str) -> None:
    """See that the server accepts whatever a reader may hold: what is newest, and what was until then."""
    for pair in pairs(stage):
        assert stage.memory.server.logs_in(Credential(pair["username"], Password(pair["password"]))), told


def readers_beside(stage: ParameterStage) -> list[int]:
    """Read before and after each call of a run's, as clients do, and try what was read; return how often."""
    looks: list[int] = []

    def hook(number: int, operation: str, phase: str) -> None:
        looks.append(number)
        document = stage.document()
        accepted = stage.memory.server.logs_in(Credential(document["username"], Password(document["password"])))
        assert accepted, f"{phase} {operation}, call {number}"

    stage.emulator.faults.watch(hook, "test")
    return looks


def test_readers_at_each_instant(stage: ParameterStage) -> None:
    """They are accepted before and after each call, and whoever caches is, until the next rotation begins."""
    for _ in range(3):
        looks = readers_beside(stage)
        assert stage.run() is None
        assert len(looks) >= 14
        stage.emulator.faults.revive()
        every_reader_logs_in(stage, "after the rotation")
    assert len(stage.emulator.state.own(stage.name).versions) == 4
    assert stage.memory.server.refused == []


@pytest.mark.parametrize("indexes", [SAMPLE, pytest.param(range(1, CALLS), marks=pytest.mark.exhaustive)], ids=str)
@pytest.mark.parametrize("phase", ["before", "after"])
def test_cut_at_calls(stage: ParameterStage, phase: Any, indexes: tuple[int, ...]) -> None:  # noqa: ANN401 one of two words
    """No reader is rejected after the cut, and the next run completes it; no password is lost."""
    for index in indexes:
        stage.emulator.faults.kill_at(index, phase, caller="test")
        stage.run()
        stage.emulator.faults.revive()
        told = f"cut {phase} call {index}"
        assert stage.logs_in(), told
        assert stage.run() is None, told
        every_reader_logs_in(stage, told)
        assert stage.memory.held_passwords() <= known(stage), told


def known(stage: ParameterStage) -> set[str]:
    """Return every password that is stored, in whatever form."""
    kept = {"admin-password"}
    for name, parameter in stage.emulator.state.parameters.items():
        for value in (version.value for version in parameter.versions):
            if name == LEAF:
                kept.add(value)
            elif value.startswith("{") and "password" in json.loads(value):
                kept.add(json.loads(value)["password"])
            elif "://" in value:
                kept.add(dsn.read(value, name)["password"])
    return kept


@pytest.mark.parametrize("which", CALL)
@pytest.mark.parametrize("act", [twin, LayoutStage.person], ids=["a twin", "a person"])
def test_others_in_the_middle(stage: LayoutStage, act: Callable[[LayoutStage], None], which: str) -> None:
    """Nothing is lost, and the next runs complete."""
    for index in calls(stage, which):
        for phase in PHASES:
            meanwhile(stage, index, phase, lambda: act(stage))
            completes(stage, f"{act.__name__} {phase} call {index}")


@pytest.mark.parametrize("which", CALL)
@pytest.mark.parametrize("times", [pytest.param(1, marks=pytest.mark.exhaustive), 2])
def test_a_frozen_run_wakes_up_late(stage: LayoutStage, times: int, which: str) -> None:
    """Whatever it writes, readers have at the end what logs in."""
    for index in calls(stage, which):
        frozen(stage, index, lambda: completed(stage, times))
        completes(stage, f"woken up before call {index}, after {times}")
