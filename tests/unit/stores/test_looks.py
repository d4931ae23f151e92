"""For how long what the store has seen counts, and what is always read anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.errors import StoreError, StoreUnavailable
from rotation.model import Deadline, Stage, VersionState
from rotation.stores.parameter_store import Clients, ParameterStore
from rotation.stores.parameter_store.store import FRESH
from rotation.stores.parameter_store.tries import PAUSE, TRIES, Tries
from rotation.strategies.pending_version import UNSEEN
from tests.unit.stores.conftest import PARAMETER

if TYPE_CHECKING:
    from tests.support.emulators.ssm.server import EmulatedParameterStore
    from tests.support.memory.observer import Warnings


class Timed:
    """A store, and the clock of its deadline."""

    def __init__(self, parameters: EmulatedParameterStore, observer: Warnings) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.parameters = parameters
        clients = Clients(parameters.client(), parameters.client())
        deadline = Deadline(60, lambda: self.now)
        self.store = ParameterStore(clients, PARAMETER, observer, deadline, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)

    def calls(self) -> list[str]:
        made = self.parameters.journal.counted("test")
        self.parameters.journal.calls.clear()
        return made


@pytest.fixture
def timed(parameters: EmulatedParameterStore, observer: Warnings) -> Timed:
    return Timed(parameters, observer)


LOOK = ["GetParameter", "GetParametersByPath"]


def test_what_was_seen_counts_for_as_long_as_the_core_relies_upon_it(timed: Timed) -> None:
    """No longer: then it is read anew."""
    assert FRESH <= UNSEEN
    timed.store.read(Stage.CURRENT)
    assert timed.calls() == LOOK
    timed.now += FRESH - 0.1
    timed.store.read(Stage.CURRENT)
    assert timed.calls() == []
    timed.now += 0.1
    timed.store.read(Stage.CURRENT)
    assert timed.calls() == LOOK


def test_labels_are_read_anew(timed: Timed) -> None:
    """The core asks for them to see whether anything has come in between; only the first time follows the opening."""
    token = timed.store.open_rotation()
    timed.calls()
    assert timed.store.describe().state_of(token) is VersionState.PENDING
    assert timed.calls() == []
    timed.parameters.put(PARAMETER, "canary-person")
    assert timed.store.describe().state_of(token) is VersionState.UNKNOWN
    assert timed.calls() == LOOK
    assert timed.store.read(Stage.CURRENT).value == "canary-person"


def test_labels_after_the_value_was_staged(timed: Timed) -> None:
    """They are read anew, too: that is a look at what came in between."""
    token = timed.store.open_rotation()
    timed.store.stage_pending(token, "canary-2")
    timed.calls()
    timed.parameters.put(PARAMETER, "canary-person")
    assert timed.store.describe().holding(Stage.CURRENT) == "v2"


def test_the_put_follows_a_look_of_its_own(timed: Timed) -> None:
    """However fresh the last one is."""
    token = timed.store.open_rotation()
    timed.store.stage_pending(token, "canary-2")
    timed.parameters.put(PARAMETER, "canary-person")
    with pytest.raises(StoreError, match="another version"):
        timed.store.promote(token, "v1")
    assert timed.parameters.value(PARAMETER) == "canary-person"


def test_what_was_put_is_looked_at_anew(timed: Timed) -> None:
    """Nothing that was seen before counts after the put."""
    token = timed.store.open_rotation()
    timed.store.stage_pending(token, "canary-2")
    timed.store.promote(token, "v1")
    timed.calls()
    assert timed.store.read(Stage.CURRENT).id == token
    assert timed.calls() == LOOK


def test_to_look_again(timed: Timed) -> None:
    """One call, where the parameter is as it was."""
    timed.store.read(Stage.CURRENT)
    timed.calls()
    timed.store.look_again()
    assert timed.calls() == ["GetParameter"]
    timed.parameters.put(PARAMETER, "canary-person")
    timed.store.look_again()
    assert timed.store.read(Stage.CURRENT).value == "canary-person"


def test_who_was_awsprevious_is_asked_when_it_matters(timed: Timed) -> None:
    """It can take a call."""
    for number in (2, 3):
        token = timed.store.open_rotation()
        timed.store.stage_pending(token, f"canary-{number}")
        timed.store.promote(token, timed.store.read(Stage.CURRENT).id)
    timed.calls()
    stages = timed.store.describe().stages
    assert Stage.CURRENT in stages[token]
    assert timed.calls() == LOOK
    assert len(stages) == 2
    assert timed.calls() == ["GetParameter"]


def test_tries(timed: Timed) -> None:
    """The first one is always made, the others while there is time."""
    assert list(Tries(Deadline(60, lambda: timed.now), timed.sleep)) == list(range(TRIES))
    assert timed.slept == [PAUSE] * (TRIES - 1)
    assert list(Tries(Deadline(0, lambda: timed.now), timed.sleep)) == [0]


def test_a_lagging_parameter_is_not_waited_for_beyond_the_deadline(timed: Timed) -> None:
    """The store says so in time."""
    token = timed.store.open_rotation()
    timed.store.stage_pending(token, "canary-2")
    timed.parameters.faults.cut("PutParameter")
    timed.now = 60 - PAUSE - 0.1
    with pytest.raises(StoreUnavailable, match="may have been"):
        timed.store.promote(token, "v1")
    assert sum(timed.slept) == pytest.approx(PAUSE + 0.1)
