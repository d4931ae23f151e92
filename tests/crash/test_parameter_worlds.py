"""
Rotations of a parameter where the service is as nobody knows it, and where people do worse than to write a value.

Each switch of the emulator stands for what no documentation says. A frozen run wakes up after the next rotation.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from tests.crash.test_parameter_store import CALLS, NAME, STRATEGIES, ParameterStage, completes, meanwhile, twin
from tests.support.emulators.ssm.model import ADVANCED, DEFAULT_KEY
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.ssm.worlds import STRICT, WORLDS
from tests.support.emulators.wire.clock import Ticking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.emulators.wire.faults import Phase

STALE: Final = "reads are stale"
"""The next reads after a write show nothing of it (see the emulator's ``State.horizon``)."""

UNKNOWN: Final = [STALE, *(name for name, world in WORLDS.items() if world is not STRICT)]
SAMPLED: Final = {("alternating-users", STALE), ("retained-password", "pages are short"), ("single-user", STALE)}
"""What `make test` plays, each at one call: the put."""

LATE: Final = 3600.0
"""Seconds for which a run was frozen: an invocation and the quiet period are over."""


def stages(strategy: str, world: str) -> Iterator[ParameterStage]:
    """Set a stage up in a world."""
    with EmulatedParameterStore(world=WORLDS.get(world, STRICT), clock=Ticking()) as emulator:
        made = ParameterStage(emulator, strategy)
        emulator.state.stale_after = 2 if world == STALE else 0
        yield made


pytestmark = pytest.mark.usefixtures("nobody_waits")


@pytest.fixture(
    params=[
        pytest.param((strategy, world), marks=[] if (strategy, world) in SAMPLED else pytest.mark.exhaustive)
        for strategy in STRATEGIES
        for world in UNKNOWN
    ],
    ids=" where ".join,
)
def unknown(request: pytest.FixtureRequest) -> Iterator[ParameterStage]:
    """Set the stage up where one switch stands otherwise."""
    yield from stages(*request.param)


@pytest.fixture(params=STRATEGIES)
def stage(request: pytest.FixtureRequest) -> Iterator[ParameterStage]:
    """Set the stage up where the service is strict."""
    yield from stages(request.param, "strict everywhere")


CALL: Final = ["the put", pytest.param("each call", marks=pytest.mark.exhaustive)]
PHASES: Final[tuple[Phase, ...]] = ("before", "after")


def calls(stage: ParameterStage, which: str) -> range:
    """Return the numbers of a rotation's calls, or of the last one, which puts; it may come one later."""
    completes(stage, "nothing happens")
    last = len(stage.emulator.journal.counted("test"))
    return range(last, last + 2) if which == "the put" else range(1, CALLS)


@pytest.mark.parametrize("which", CALL)
def test_cut_where_the_service_is_otherwise(unknown: ParameterStage, which: str) -> None:
    """Nothing is lost, and the next run completes it."""
    for index in calls(unknown, which):
        for phase in PHASES:
            unknown.emulator.faults.kill_at(index, phase, caller="test")
            unknown.run()
            unknown.emulator.faults.revive()
            completes(unknown, f"cut {phase} call {index}")


@pytest.mark.parametrize("which", CALL)
@pytest.mark.parametrize("act", [twin, ParameterStage.person], ids=["a twin", "a person"])
def test_others_where_the_service_is_otherwise(
    unknown: ParameterStage, act: Callable[[ParameterStage], None], which: str
) -> None:
    """Nothing is lost, and the next runs complete."""
    for index in calls(unknown, which):
        for phase in PHASES:
            meanwhile(unknown, index, phase, lambda: act(unknown))
            completes(unknown, f"{act.__name__} {phase} call {index}")


class Frozen(NamedTuple):
    """What a run did that was frozen."""

    woke: bool
    putting: bool
    """Whether it was about to put the parameter."""


def frozen(stage: ParameterStage, index: int, act: Callable[[], object]) -> Frozen:
    """Freeze a run before it sends its call of that number; it wakes up when others have acted, and goes on."""
    sent: list[bytes] = []
    woke: list[bytes] = []
    client: Any = stage.client("frozen").client

    def before_send(request: Any, **_: object) -> None:  # noqa: ANN401 a request of botocore's
        sent.append(request.body)
        if len(sent) == index:
            act()
            stage.memory.late += LATE
            woke.append(request.body)

    client.meta.events.register("before-send.ssm", before_send)
    try:
        stage.run("frozen")
    finally:
        client.meta.events.unregister("before-send.ssm", before_send)
    return Frozen(bool(woke), any(b'"Overwrite": true' in body for body in woke))


def completed(stage: ParameterStage, times: int) -> None:
    """
    Let others complete the rotation that is frozen, and make the next ones; leave the frozen run's store there.

    The server has ended the sessions of who went silent, and so let their locks go.
    """
    store, late = stage.memory.store, stage.memory.late
    for session in [*stage.memory.server.sessions]:
        session.end()
    for number in range(times):
        error = stage.run("others")
        assert error is None or number == 0, error
    stage.memory.store, stage.memory.late = store, late


@pytest.mark.parametrize("which", CALL)
@pytest.mark.parametrize("times", [2, *(pytest.param(it, marks=pytest.mark.exhaustive) for it in (1, 3))])
def test_a_frozen_run_wakes_up_late(stage: ParameterStage, which: str, times: int) -> None:
    """
    Whatever it writes, readers have at the end what logs in.

    Others have completed its rotation, and made one or two more. A put that comes after those is found by its number:
    the same value was newest before. So the newer one is put back.
    """
    for index in calls(stage, which):
        told = f"woken up before call {index}, after {times}"
        run = frozen(stage, index, lambda: completed(stage, times))
        assert stage.lost() == set(), told
        assert stage.logs_in(), told
        if run.woke and run.putting and times > 1:
            written = [it for it in stage.emulator.journal.writes if it.name == NAME]
            assert [it.caller for it in written[-3:]] == ["others", "frozen", "frozen"], told
            assert written[-1].value == written[-3].value != written[-2].value, told
        completes(stage, told)


def test_a_frozen_run_is_killed_once_it_has_written(stage: ParameterStage) -> None:
    """With two users or two passwords its value still logs in; with one password the next rotation heals it."""

    def others() -> None:
        completed(stage, 2)
        stage.emulator.faults.kill_at(1, "after", caller="frozen")

    for index in calls(stage, "the put"):
        run = frozen(stage, index, others)
        stage.emulator.faults.revive()
        assert stage.lost() == set()
        assert stage.logs_in() or not run.putting or stage.memory.server.accounts["app"].second is None
        completes(stage, "killed")


def key_disabled(stage: ParameterStage) -> None:
    """Disable the KMS key."""
    stage.emulator.state.keys.clear()


def key_enabled(stage: ParameterStage) -> None:
    """Enable it again."""
    stage.emulator.state.keys.add(DEFAULT_KEY)


def made_again(stage: ParameterStage) -> None:
    """Delete the parameter, and make it again at once with its value."""
    value = stage.emulator.value(NAME)
    stage.emulator.execute("DeleteParameter", {"Name": NAME})
    stage.emulator.put(NAME, value)


def tier_changed(stage: ParameterStage) -> None:
    """Put the same value into the advanced tier."""
    value = stage.emulator.value(NAME)
    request = {"Name": NAME, "Value": value, "Type": "SecureString", "Tier": ADVANCED, "Overwrite": True}
    stage.emulator.execute("PutParameter", request)


def labelled(stage: ParameterStage) -> None:
    """Put ten labels on the newest version, which is as many as it takes."""
    labels = [f"label-{number}" for number in range(10)]
    stage.emulator.execute("LabelParameterVersion", {"Name": NAME, "Labels": labels})


def password_changed(stage: ParameterStage) -> None:
    """Change the password on the server and put it, as a person does who knows of no rotation."""
    document = stage.document()
    document["password"] = f"by-hand-{len(stage.emulator.journal.calls)}"
    stage.memory.server.accounts[document["username"]].password = document["password"]
    stage.emulator.put(NAME, json.dumps(document))


def nothing(_: ParameterStage) -> None:
    """Do nothing afterwards."""


DEEDS: Final = {
    "the key is disabled": (key_disabled, key_enabled),
    "made again": (made_again, nothing),
    "the tier is changed": (tier_changed, nothing),
    "labelled": (labelled, nothing),
    "the password is changed": (password_changed, nothing),
}


@pytest.mark.parametrize("which", CALL)
@pytest.mark.parametrize("deed", DEEDS)
def test_what_people_do_in_the_middle(stage: ParameterStage, deed: str, which: str) -> None:
    """Nothing is lost, and the next runs complete."""
    act, undo = DEEDS[deed]
    for index in calls(stage, which):
        for phase in PHASES:
            meanwhile(stage, index, phase, lambda: act(stage))
            undo(stage)
            completes(stage, f"{deed} {phase} call {index}")
    newest = stage.emulator.state.own(NAME).newest
    assert newest.tier == (ADVANCED if deed == "the tier is changed" else "Standard")
