"""Three runs and a person at once, in any order of their calls; one of them may come late, and none is told."""

from __future__ import annotations

import copy
import random
import threading
from contextlib import nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.delivery import Delivery
from rotation.stores.parameter_store.snapshot import Snapshot
from tests.crash.test_parameter_store import STRATEGIES, ParameterStage, completes
from tests.lab.nightly import NIGHTLY
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import Ticking

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS: Final = 60 if NIGHTLY else 3
RUNS: Final = ("first", "second", "third")
PUTS: Final = 2
"""How often the person writes."""


class Turns:
    """Lets one run go on at a time, from one of its calls to the next."""

    def __init__(self, stage: ParameterStage) -> None:
        """Know the stage."""
        self._stage = stage
        self._go = {name: threading.Semaphore(0) for name in RUNS}
        self._waits = {name: threading.Semaphore(0) for name in RUNS}
        self._begun: set[str] = set()
        self._over: set[str] = set()

    def begin(self, name: str) -> None:
        """Start a run, which waits before its first call."""
        client: Any = self._stage.client(name).client
        client.meta.events.register("before-send.ssm", lambda **_: self._pause(name))
        self._begun.add(name)
        threading.Thread(target=self._run, args=(name,), daemon=True).start()
        self._waits[name].acquire()

    def take(self, name: str) -> None:
        """Let a run make one call, and wait until it is about to make the next one."""
        if name not in self._begun:
            self.begin(name)
        self._go[name].release()
        self._waits[name].acquire()

    def left(self) -> list[str]:
        """Name the runs that have not ended."""
        return [name for name in RUNS if name not in self._over]

    def _run(self, name: str) -> None:
        try:
            self._stage.run(name, copy.copy(self._stage.memory))
        finally:
            self._over.add(name)
            self._waits[name].release()

    def _pause(self, name: str) -> None:
        self._waits[name].release()
        self._go[name].acquire()


pytestmark = pytest.mark.usefixtures("nobody_waits")


@pytest.fixture(params=STRATEGIES)
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ParameterStage]:
    """Set the stage up; nobody waits for a run that is paused while it reads what it keeps, either."""
    for kept in [*vars(Delivery).values(), *vars(Snapshot).values()]:
        if isinstance(kept, cached_property):  # of all instances one at a time, before Python 3.12
            monkeypatch.setattr(kept, "lock", nullcontext(), raising=False)
    with EmulatedParameterStore(clock=Ticking()) as emulator:
        yield ParameterStage(emulator, request.param)


@pytest.mark.parametrize("order", range(ORDERS))
def test_any_order(stage: ParameterStage, order: int, request: pytest.FixtureRequest) -> None:
    """Nothing is lost at any instant; with two users or two passwords whoever reads is accepted; the next completes."""
    dice = random.Random(order)  # noqa: S311 an order that can be played again
    turns = Turns(stage)
    weights = {name: dice.choice((1, 10)) for name in (*RUNS, "person")}
    puts, always = PUTS, "single-user" not in request.node.name
    while left := turns.left():
        able = [*left, "person"] if puts else left
        who = dice.choices(able, [weights[it] for it in able])[0]
        if who == "person":
            puts -= 1
            stage.person()
        else:
            turns.take(who)
        assert stage.lost() == set(), who
        assert not always or stage.logs_in(), who
    completes(stage, f"order {order}")
