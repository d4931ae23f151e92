"""The transition table, cell by cell, and how a version's state is observed."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest

from rotation import machine
from rotation.errors import RotationRefused, StoreUnavailable, VersionNotFound
from rotation.machine import REMEDIES, TRANSITIONS
from rotation.model import Deadline, Stage, Step, Versions, VersionState
from rotation.strategies.pending_version import UNSEEN
from tests.support.emulators.secretsmanager.worlds import WORLDS
from tests.support.memory.interruptions import fail, when
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.memory.store import MemoryStore


def staged(stage: MemoryStage) -> str:
    """Return a token whose pending value is stored."""
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    return token


def rolled_back(stage: MemoryStage) -> str:
    """Return the token of a rotation after which an operator moved AWSCURRENT back, and AWSPENDING stayed."""
    token = stage.rotate()
    stage.store.roll_back()
    stage.store.stages[token].add(Stage.PENDING)
    return token


def stray(stage: MemoryStage) -> str:
    """Return the token of the rotation before the last one."""
    token = stage.rotate()
    stage.rotate()
    return token


PRODUCERS: dict[VersionState, Callable[[MemoryStage], str]] = {
    VersionState.EMPTY: lambda stage: stage.store.rotate(),
    VersionState.PENDING: staged,
    VersionState.CURRENT: lambda stage: stage.rotate(),
    VersionState.ROLLED_BACK: rolled_back,
    VersionState.STRAY: stray,
    VersionState.UNKNOWN: lambda _: str(uuid.uuid4()),
}

ALLOWED: dict[tuple[VersionState, Step], VersionState] = {
    # createSecret sees labels alone, so an empty version is one that it fills.
    (VersionState.EMPTY, Step.CREATE): VersionState.PENDING,
    (VersionState.EMPTY, Step.TEST): VersionState.EMPTY,
    (VersionState.PENDING, Step.CREATE): VersionState.PENDING,
    (VersionState.PENDING, Step.SET): VersionState.PENDING,
    (VersionState.PENDING, Step.TEST): VersionState.PENDING,
    (VersionState.PENDING, Step.FINISH): VersionState.CURRENT,
    **{(VersionState.CURRENT, step): VersionState.CURRENT for step in Step},
}

MEMORY_STAGES: dict[str, Callable[[], MemoryStage]] = {
    "single-user": MemoryStage,
    "alternating-users": lambda: MemoryStage(admin=True),
    "retained-password": lambda: MemoryStage(engine="memory-of-two"),
}
CELLS = [(state, step) for state in VersionState for step in Step]


def state_of(store: MemoryStore, token: str) -> VersionState:
    """Observe a version without the code under test's own order of reads."""
    held = {label for label in Stage if store.holder(label) == token}
    if Stage.CURRENT in held:
        return VersionState.CURRENT
    if held >= {Stage.PENDING, Stage.PREVIOUS}:
        return VersionState.ROLLED_BACK
    if Stage.PENDING in held:
        return VersionState.PENDING if token in store.values else VersionState.EMPTY
    return VersionState.STRAY if token in store.values else VersionState.UNKNOWN


def snapshot(stage: MemoryStage) -> tuple[object, ...]:
    """Return all that a refused step must leave alone."""
    stages = {version: set(held) for version, held in stage.store.stages.items() if held}
    return dict(stage.store.values), stages, stage.held_passwords(), set(stage.server.accounts)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", MEMORY_STAGES)
@pytest.mark.parametrize(("state", "step"), CELLS)
def test_every_cell_of_the_table(state: VersionState, step: Step, name: str, world: str) -> None:
    """Each step either leads from each state to the one that the table names, or is refused and changes nothing."""
    stage = MEMORY_STAGES[name]()
    stage.store.world = WORLDS[world]
    token = PRODUCERS[state](stage)
    if step is Step.FINISH and state is VersionState.PENDING:
        stage.play(token, [Step.SET, Step.TEST])
    if step is Step.TEST and state is VersionState.PENDING:
        stage.play(token, [Step.SET])
    before = snapshot(stage)
    if (state, step) in ALLOWED:
        stage.step(step, token)
        assert state_of(stage.store, token) is ALLOWED[state, step]
        assert snapshot(stage) == before or (state is not VersionState.CURRENT and step is not Step.TEST)
        return
    with pytest.raises(RotationRefused) as refused:
        stage.step(step, token)
    assert snapshot(stage) == before
    assert stage.server.refused == []
    assert refused.value.remedy == REMEDIES[state]
    assert token in str(refused.value)
    assert not refused.value.retryable


def test_the_table_says_what_the_cells_do() -> None:
    """The table itself holds the transitions that were observed, and no others."""
    listed = {
        (state, step): transition.leads_to for state, row in TRANSITIONS.items() for step, transition in row.items()
    }
    observed = {cell: after for cell, after in ALLOWED.items() if cell != (VersionState.EMPTY, Step.CREATE)}
    assert listed == observed
    assert TRANSITIONS.keys() == set(VersionState)
    assert REMEDIES.keys() == {state for state, row in TRANSITIONS.items() if len(row) < len(Step)}


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("name", MEMORY_STAGES)
def test_an_operators_roll_back_stays_rolled_back(name: str, world: str) -> None:
    """No late or repeated step of the finished rotation moves AWSCURRENT forward again, in any world."""
    stage = MEMORY_STAGES[name]()
    stage.store.world = WORLDS[world]
    stage.rotate()
    before = stage.store.holder(Stage.CURRENT)
    token = stage.rotate()
    stage.store.roll_back()
    kept = snapshot(stage)
    for step in Step:
        with pytest.raises(RotationRefused, match=token):
            stage.step(step, token)
    assert stage.store.holder(Stage.CURRENT) == before
    assert snapshot(stage) == kept
    stage.store.abandon()
    assert stage.play(stage.store.rotate()) is None
    assert stage.current_logs_in()


@pytest.mark.parametrize("rolls_back", [True, False], ids=["rolled back", "not rolled back"])
@pytest.mark.parametrize("name", ["alternating-users", "retained-password"])
def test_a_step_that_took_long_looks_again_before_it_moves_the_label(name: str, *, rolls_back: bool) -> None:
    """Its twin has finished meanwhile, and somebody rolled back: the move would find AWSCURRENT where it expects it."""
    stage = MEMORY_STAGES[name]()
    token = staged(stage)
    stage.step(Step.SET, token)
    before = stage.store.holder(Stage.CURRENT)

    def meanwhile() -> None:
        stage.step(Step.FINISH, token)
        if rolls_back:
            stage.store.roll_back()
        stage.late = UNSEEN + 1

    stage.server.effect = when("connect", "after", meanwhile)
    error = stage.play(token, [Step.FINISH])
    assert isinstance(error, RotationRefused) if rolls_back else error is None
    assert stage.store.holder(Stage.CURRENT) == (before if rolls_back else token)


@pytest.mark.parametrize("step", Step)
def test_an_abandoned_rotation_is_told_so(step: Step) -> None:
    """A version that lost all its labels is not listed any more; the refusal names both explanations."""
    stage = MemoryStage()
    token = staged(stage)
    stage.store.abandon()
    with pytest.raises(RotationRefused, match="abandoned, or never begun"):
        stage.step(step, token)


@pytest.mark.parametrize("stale", [1, 2, 3])
def test_a_stale_read_of_a_fresh_pending_value_is_repeated(stale: int) -> None:
    """A pending value that the store shows late is waited for."""
    stage = MemoryStage()
    token = staged(stage)
    stage.store.effect = fail("read", "before", VersionNotFound("not yet"), times=stale)
    stage.step(Step.SET, token)


def test_a_pending_value_that_never_shows_is_empty() -> None:
    """After the last look the version counts as empty, which only a dry run may be."""
    stage = MemoryStage()
    token = staged(stage)
    stage.store.effect = fail("read", "before", VersionNotFound("not yet"), times=4)
    with pytest.raises(RotationRefused, match="without a value"):
        stage.step(Step.FINISH, token)


def test_the_pauses_end_with_the_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause is longer than what is left of the invocation."""
    slept: list[float] = []
    monkeypatch.setattr(machine, "REREAD_PAUSES", (100, 100))
    monkeypatch.setattr(time, "sleep", slept.append)
    stage = MemoryStage()
    delivery = stage.delivery(stage.store.rotate())
    delivery.deadline = Deadline(0)
    with pytest.raises(RotationRefused):
        machine.advance(delivery, Step.SET)
    assert slept == [0, 0]


def test_an_unanswered_read_is_not_an_empty_version() -> None:
    """Only the store's word that there is no value counts as none."""
    stage = MemoryStage()
    token = staged(stage)
    stage.store.effect = fail("read", "before", StoreUnavailable("no answer"))
    with pytest.raises(StoreUnavailable):
        stage.step(Step.SET, token)


def test_a_version_that_is_both_pending_and_current_is_current() -> None:
    """AWSPENDING that the service left on the current version starts nothing."""
    stage = MemoryStage()
    token = stage.rotate()
    assert stage.store.holder(Stage.PENDING) == token
    calls = len(stage.store.calls)
    for step in Step:
        stage.step(step, token)
    assert stage.store.calls[calls:] == ["describe", "read", "read", "read"]


def test_rotation_that_is_switched_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made for a secret whose rotation is not enabled."""
    stage = MemoryStage()
    token = stage.store.rotate()
    versions = Versions(stage.store.arn, {token: frozenset({Stage.PENDING})}, rotation_enabled=False)
    monkeypatch.setattr(stage.store, "describe", lambda: versions)
    with pytest.raises(RotationRefused, match="not enabled"):
        stage.step(Step.CREATE, token)
    assert token not in stage.store.values
