"""Copies under way: waited for before another label moves, and after AWSCURRENT has moved."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from rotation.errors import PasswordRejected, StoreDenied, StoreUnavailable
from rotation.model import LATE_CUTOVER, Replica, Stage, Step
from rotation.settings import Settings
from rotation.strategies import copies
from tests.support.memory.interruptions import fail, when
from tests.support.memory.stage import ADMIN_ARN, MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable

HOME, AWAY, THIRD = "eu-west-1", "eu-central-1", "us-east-1"
SHAPES: dict[str, Callable[..., MemoryStage]] = {
    "single-user": MemoryStage,
    "alternating-users": lambda **more: MemoryStage(admin=True, **more),
    "retained-password": lambda **more: MemoryStage(engine="memory-of-two", **more),
}


class Clock:
    """Seconds that pass while somebody waits, and what happens then."""

    def __init__(self) -> None:
        self.now, self.waits = 1000.0, []  # type: tuple[float, list[float]]
        self.due: list[tuple[float, Callable[[], object]]] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        for at, act in [it for it in self.due if it[0] <= self.now]:
            self.due.remove((at, act))
            act()

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        self.due.append((self.now + seconds, act))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let time pass without waiting for it."""
    clock = Clock()
    monkeypatch.setattr("rotation.strategies.copies.time.sleep", clock.sleep)
    monkeypatch.setattr("rotation.strategies.copies.time.monotonic", lambda: clock.now)
    return clock


def with_replicas(name: str, *regions: str, **more: object) -> MemoryStage:
    """Return a stage whose secret has replicas that are in step, before its last step; the token is the pending one."""
    stage = SHAPES[name](**more)
    for region in regions or (AWAY,):
        stage.store.replicas[region] = Replica(region, "InSync")
        stage.store.served[region] = stage.store.holder(Stage.CURRENT)
    assert stage.play(stage.store.rotate(), [*Step][:3]) is None
    stage.store.calls.clear()
    return stage


def finish(stage: MemoryStage, lag: float | None = 0.0, clock: Clock | None = None) -> str:
    """Take the last step; the copy arrives so much later, or never."""
    token = stage.store.holder(Stage.PENDING) or ""

    def arrive() -> None:
        stage.store.served[AWAY] = token

    def moved(operation: str, phase: str) -> None:
        if (operation, phase) == ("promote", "after") and lag is not None:
            assert clock is not None
            clock.after(lag, arrive) if lag else arrive()

    if lag is not None:
        stage.store.effect = moved
    stage.step(Step.FINISH, token)
    assert stage.store.holder(Stage.CURRENT) == token
    return token


@pytest.mark.parametrize("lag", [0.0, 0.3, 4.0, 29.0])
@pytest.mark.parametrize("name", SHAPES)
def test_the_last_step_waits_until_the_replica_follows(clock: Clock, name: str, lag: float) -> None:
    """How long it took is measured by Region, and never by secret."""
    stage = with_replicas(name)
    began = clock.now
    finish(stage, lag, clock)
    assert lag <= clock.now - began <= lag + 5
    assert {it: value for it, value in stage.notes.measured.items() if "Replica" in it} == {
        f"ReplicaLag {AWAY}": (clock.now - began) * 1000
    }
    assert not any(AWAY in line for line in stage.notes.warned)


@pytest.mark.parametrize("name", SHAPES)
def test_a_replica_that_does_not_follow_fails_no_rotation_that_is_done(clock: Clock, name: str) -> None:
    """It is counted and told, after half a minute."""
    stage = with_replicas(name)
    finish(stage, None)
    assert sum(clock.waits) == sum(copies.FOLLOWS) == 30.5
    assert stage.notes.measured[f"ReplicaLag {AWAY}"] == 30_500
    assert stage.notes.measured[f"ReplicaBehind {AWAY}"] == 1
    assert any("does not serve the new version yet" in line and AWAY in line for line in stage.notes.warned)


def test_each_region_is_asked_until_it_follows(clock: Clock) -> None:
    """One that has arrived is asked no more; each has its own measure."""
    stage = with_replicas("alternating-users", AWAY, THIRD)
    clock.after(3, lambda: stage.store.served.update({THIRD: stage.store.holder(Stage.CURRENT)}))
    finish(stage, 0.0, clock)
    assert stage.store.calls.count("describe_replica") == 1 + 4
    measured = stage.notes.measured
    assert (measured[f"ReplicaLag {AWAY}"], measured[f"ReplicaLag {THIRD}"]) == (0, 3500)


def test_a_failed_replica_is_not_waited_for(clock: Clock) -> None:
    """It follows when somebody has corrected what its status names."""
    stage = with_replicas("alternating-users")
    stage.store.replicas[AWAY] = Replica(AWAY, "Failed", "The key is disabled")
    finish(stage, None)
    assert clock.waits == []
    assert f"ReplicaBehind {AWAY}" in stage.notes.measured
    assert any("The key is disabled" in line for line in stage.notes.warned)


@pytest.mark.parametrize(("late", "needed"), [(0.0, True), (30.0, True), (38.0, False)])
def test_no_look_begins_that_could_outlast_the_invocation(clock: Clock, late: float, *, needed: bool) -> None:
    """A function that its timeout ends would count as a rotation that failed, which is done."""
    stage = with_replicas("alternating-users")
    began, token = clock.now, stage.store.holder(Stage.PENDING)
    stage.store.effect = when("promote", "after", lambda: setattr(stage, "late", late))
    finish(stage, None)
    assert ("describe_replica" in stage.store.calls) is needed
    assert late + clock.now - began <= 60 - copies.TIME_FOR_A_CALL
    assert stage.store.holder(Stage.CURRENT) == token


@pytest.mark.parametrize("operation", ["describe", "describe_replica"])
def test_a_look_that_fails_fails_no_rotation(clock: Clock, operation: str) -> None:
    """The secret's own Region may have no answer, or no right may be there; the rotation is done."""
    stage = with_replicas("single-user")
    token = stage.store.holder(Stage.PENDING) or ""
    moved: list[bool] = []

    def effect(name: str, phase: str) -> None:
        if (name, phase) == ("promote", "after"):
            moved.append(True)
        if moved and (name, phase) == (operation, "before"):
            raise StoreUnavailable("no answer")

    stage.store.effect = effect
    stage.step(Step.FINISH, token)
    assert stage.store.holder(Stage.CURRENT) == token
    told = "Whether the replicas follow could not be seen" if operation == "describe" else "the weaker proof"
    assert any(told in line for line in [*stage.notes.warned, *stage.notes.said])
    assert stage.store.calls.count("describe_replica") <= 2
    assert clock.now >= 1000


@pytest.mark.parametrize(("begins", "waited"), [(True, 0.5), (False, 3.5)])
def test_the_status_is_believed_once_it_may_be_that_of_the_move(clock: Clock, begins: bool, waited: float) -> None:  # noqa: FBT001 a parameter
    """InSync right after the move may be the one of before; it counts after InProgress, or after two seconds."""
    stage = with_replicas("alternating-users")
    stage.store.served.clear()
    statuses = itertools.chain(["InSync"], ["InProgress"] if begins else [], itertools.repeat("InSync"))

    def effect(name: str, phase: str) -> None:
        if (name, phase) == ("describe", "before"):
            stage.store.replicas[AWAY] = Replica(AWAY, next(statuses))

    stage.store.effect = effect
    stage.step(Step.FINISH, stage.store.holder(Stage.PENDING) or "")
    assert sum(clock.waits) == waited
    assert stage.notes.measured[f"ReplicaLag {AWAY}"] == waited * 1000
    assert sum("the weaker proof" in line for line in stage.notes.said) == 1


@pytest.mark.parametrize("name", SHAPES)
def test_a_secret_without_replicas_is_not_waited_for(clock: Clock, name: str) -> None:
    """No call, no wait, no measure."""
    stage = SHAPES[name]()
    stage.rotate()
    assert clock.waits == []
    assert not any("Replica" in it for it in stage.notes.measured)


@pytest.mark.parametrize("name", ["alternating-users", "retained-password"])
def test_awscurrent_moves_when_the_copy_before_has_come(clock: Clock, name: str) -> None:
    """AWSPENDING may be copied, too; some seconds are waited, and then it moves all the same, with a warning."""
    for stays in (False, True):
        stage = with_replicas(name)
        stage.store.replicas[AWAY] = Replica(AWAY, "InProgress")
        if not stays:
            clock.after(1, lambda: stage.store.replicas.update({AWAY: Replica(AWAY, "InSync")}))  # noqa: B023 at once
        clock.waits.clear()
        finish(stage, 0.0, clock)
        assert clock.waits == ([0.5, 1.0, 2.0] if stays else [0.5, 1.0])
        assert any("while a copy is under way" in line for line in stage.notes.warned) is stays


def test_a_label_of_our_own_waits_for_the_copy_before(clock: Clock) -> None:
    """The decision for a late cutover is one more change."""
    stage = MemoryStage(engine="memory-of-two")
    stage.server.accounts["app"].may_retain = False
    stage.store.replicas[AWAY] = Replica(AWAY, "InProgress")
    stage.store.served[AWAY] = stage.store.holder(Stage.CURRENT)
    clock.after(1, lambda: stage.store.replicas.update({AWAY: Replica(AWAY, "InSync")}))
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    seen: list[str] = []

    def effect(name: str, phase: str) -> None:
        if (name, phase) == ("label", "before"):
            seen.append(stage.store.replicas[AWAY].status)

    stage.store.effect = effect
    stage.step(Step.SET, token)
    assert LATE_CUTOVER in stage.store.stages[token]
    assert seen == ["InSync"]


def test_the_labels_of_a_search_do_not_follow_each_other_at_once(clock: Clock) -> None:
    """Two seconds lie between them, since the status may not show the first one yet."""
    stage = MemoryStage()
    for _ in range(4):
        stage.rotate()
    stage.store.replicas[AWAY] = Replica(AWAY, "InSync")
    stage.store.served[AWAY] = stage.store.holder(Stage.CURRENT)
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE]) is None
    stage.server.accounts["app"].password = "known-to-nobody"
    labelled: list[float] = []
    stage.store.effect = lambda name, phase: labelled.append(clock.now) if (name, phase) == ("label", "after") else None
    assert stage.play(token, [Step.TEST]) is not None
    assert len(labelled) == 2
    assert labelled[1] - labelled[0] >= copies.AFTER_A_CHANGE


def test_what_is_given_up_waits_for_the_copy_before(clock: Clock) -> None:
    """AWSPENDING is taken off once nothing is on its way."""
    stage = MemoryStage()
    stage.store.replicas[AWAY] = Replica(AWAY, "InProgress")
    stage.store.served[AWAY] = stage.store.holder(Stage.CURRENT)
    clock.after(1, lambda: stage.store.replicas.update({AWAY: Replica(AWAY, "InSync")}))
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    stage.server.rejects = lambda _: True
    assert isinstance(stage.play(token, [Step.TEST]), PasswordRejected)
    assert stage.store.holder(Stage.PENDING) is None
    assert sum(clock.waits) >= 1


def repairing(*, on: bool = True) -> MemoryStage:
    """Return a stage whose replica has failed, under a key of the customer's, and its settings."""
    stage = with_replicas("alternating-users", settings=Settings(admin_secret_arns=(ADMIN_ARN,), replica_repair=on))
    stage.store.abandon()
    stage.store.served[AWAY] = None
    stage.store.replicas[AWAY] = Replica(AWAY, "Failed", "The key is disabled", "alias/theirs")
    return stage


def test_a_failed_replica_is_asked_for_again_once_where_the_settings_say_so(clock: Clock) -> None:
    """It keeps its key; the gate goes on once it has arrived."""
    stage = repairing()
    asked: list[Replica] = []

    def effect(name: str, phase: str) -> None:
        if (name, phase) == ("replicate", "before"):
            asked.append(stage.store.replicas[AWAY])
            clock.after(1, lambda: stage.store.served.update({AWAY: stage.store.holder(Stage.CURRENT)}))

    stage.store.effect = effect
    assert stage.play(stage.store.rotate(), [Step.CREATE]) is None
    assert [it.kms_key for it in asked] == ["alias/theirs"]
    assert stage.store.replicas[AWAY].kms_key == "alias/theirs"
    assert any("Asked for a replica again" in line and "disabled" in line for line in stage.notes.warned)


def test_a_failed_replica_is_left_alone_otherwise(clock: Clock) -> None:
    """The usual setting asks for nothing."""
    stage = repairing(on=False)
    assert stage.play(stage.store.rotate(), [Step.CREATE]) is not None
    assert "replicate" not in stage.store.calls
    assert sum(clock.waits) == 4


def test_a_repair_that_fails_again_is_not_repeated_in_the_invocation(clock: Clock) -> None:
    """One request for each Region; the refusal names the status then."""
    stage = repairing()

    def effect(name: str, phase: str) -> None:
        if (name, phase) == ("replicate", "after"):
            stage.store.replicas[AWAY] = Replica(AWAY, "Failed", "The key is disabled")

    stage.store.effect = effect
    error = stage.play(stage.store.rotate(), [Step.CREATE])
    assert "Failed: The key is disabled" in str(error)
    assert stage.store.calls.count("replicate") == 1
    assert clock.waits


def test_a_repair_that_is_denied_is_told(clock: Clock) -> None:
    """The refusal stays what it was; the log names the missing right."""
    stage = repairing()
    stage.store.effect = fail("replicate", "before", StoreDenied("ReplicateSecretToRegions was denied"))
    assert "does not serve" in str(stage.play(stage.store.rotate(), [Step.CREATE]))
    assert any("ReplicateSecretToRegions was denied" in line for line in stage.notes.warned)
    assert clock.waits


def test_a_replica_that_failed_during_the_rotation_is_asked_for_again_at_its_end(clock: Clock) -> None:
    """It is waited for then."""
    stage = with_replicas("alternating-users", settings=Settings(admin_secret_arns=(ADMIN_ARN,), replica_repair=True))
    stage.store.replicas[AWAY] = Replica(AWAY, "Failed", "no network")
    token = stage.store.holder(Stage.PENDING) or ""

    def effect(name: str, phase: str) -> None:
        if (name, phase) == ("replicate", "after"):
            clock.after(2, lambda: stage.store.served.update({AWAY: token}))

    stage.store.effect = effect
    stage.step(Step.FINISH, token)
    assert stage.store.calls.count("replicate") == 1
    assert stage.notes.measured[f"ReplicaLag {AWAY}"] == 3500
    assert f"ReplicaBehind {AWAY}" not in stage.notes.measured


def test_one_password_does_not_change_while_a_copy_is_under_way(clock: Clock) -> None:
    """The label that moves next could leave the replica stuck with a password that is not valid any more."""
    stage = with_replicas("single-user")
    stage.store.replicas[AWAY] = Replica(AWAY, "InProgress")
    token = stage.store.holder(Stage.PENDING) or ""
    error = stage.play(token, [Step.FINISH])
    assert f"A copy to the replica in {AWAY} is still under way" in str(error)
    assert error is not None
    assert error.retryable
    assert stage.current_logs_in()
    assert sum(clock.waits) == 14
    clock.after(3, lambda: stage.store.replicas.update({AWAY: Replica(AWAY, "InSync")}))
    assert stage.play(token, [Step.FINISH]) is None
    assert any("rejected from the change until the copy arrives" in line for line in stage.notes.said)


@pytest.mark.parametrize("name", SHAPES)
def test_a_dry_run_looks_at_the_replicas(clock: Clock, name: str) -> None:
    """It names each with its status; one that does not follow stands in the way, and the remedy is told."""
    stage = SHAPES[name]()
    stage.store.replicas[AWAY] = Replica(AWAY, "InSync")
    stage.store.served[AWAY] = stage.store.holder(Stage.CURRENT)
    assert stage.play(stage.store.begin_dry_run(), [Step.TEST]) is None
    looked = [line for line in stage.notes.said if "Dry run: looked at a replica" in line]
    assert [AWAY in line and "InSync" in line for line in looked] == [True]
    rejects = [line for line in stage.notes.said if f"reject clients that read at the replica in {AWAY}" in line]
    assert len(rejects) == (name == "single-user")
    stage.store.served[AWAY] = None
    error = stage.play(stage.store.begin_dry_run(), [Step.TEST])
    assert f"The replica in {AWAY} does not serve" in str(error)
    assert "replicate-secret-to-regions" in str(error)
    assert clock.waits


def test_a_dry_run_tells_of_readers_where_two_passwords_are_not_possible(clock: Clock) -> None:
    """The late cutover has a moment for which their password is refused."""
    stage = MemoryStage(engine="memory-of-two")
    stage.server.accounts["app"].may_retain = False
    stage.store.replicas[AWAY] = Replica(AWAY, "InSync")
    stage.store.served[AWAY] = stage.store.holder(Stage.CURRENT)
    assert stage.play(stage.store.begin_dry_run(), [Step.TEST]) is None
    assert any(f"reject clients that read at the replica in {AWAY}" in line for line in stage.notes.said)
    assert clock.waits == []
