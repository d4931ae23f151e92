"""Steps that are overtaken: by a twin of theirs, by the next rotation, or by labels that are shown late."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import (
    GuardViolation,
    RotationRefused,
    StoreDenied,
    StoreError,
    StoreUnavailable,
    VersionNotFound,
)
from rotation.model import Stage, Step
from rotation.strategies.pending_version import UNSEEN
from rotation.strategies.recovery import Recovery
from tests.support.memory.engine import MemorySession
from tests.support.memory.interruptions import fail, when
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.errors import RotationError
    from rotation.model import StoredVersion

BY_ADMIN: Final = {"admin": True, "engine": "memory-of-two", "rotation": {"strategy": "retained-password"}}
KINDS: Final[dict[str, Callable[[], MemoryStage]]] = {
    "single-user": MemoryStage,
    "single-user by admin": partial(MemoryStage, admin=True, rotation={"strategy": "single-user"}),
    "alternating-users": partial(MemoryStage, admin=True),
    "retained-password": partial(MemoryStage, engine="memory-of-two"),
    "retained-password by admin": partial(MemoryStage, **BY_ADMIN),  # type: ignore[arg-type]
}
NEVER_OUT: Final = ("alternating-users", "retained-password", "retained-password by admin")

CREATE, SET, TEST, FINISH = Step


def staged(kind: str, *steps: Step) -> tuple[MemoryStage, str]:
    """Return a stage that was rotated once, and the token of another rotation after these steps."""
    stage = KINDS[kind]()
    stage.rotate()
    token = stage.store.rotate()
    assert stage.play(token, steps) is None
    return stage, token


def finish(stage: MemoryStage, token: str, step: Step) -> RotationError | None:
    """Deliver a step; whatever becomes of it, let all go well again afterwards."""
    error = stage.play(token, [step])
    stage.server.effect = stage.store.effect = lambda _name, _phase: None
    assert stage.server.sessions == []
    return error


def begin_anew(stage: MemoryStage, *steps: Step) -> str:
    """Let somebody abandon the rotation that is under way, and the next one come."""
    stage.store.abandon()
    token = stage.store.rotate()
    assert stage.play(token, steps or tuple(Step)) is None
    return token


@pytest.mark.parametrize("step", [SET, TEST, FINISH])
@pytest.mark.parametrize("kind", KINDS)
def test_a_twin_that_gets_there_first_leaves_nothing_to_do(kind: str, step: Step) -> None:
    """Once the token is AWSCURRENT nothing is changed, no label is moved, and nothing is called hopeless."""
    stage, token = staged(kind, *tuple(Step)[: tuple(Step).index(step)])
    before = stage.store.holder(Stage.CURRENT)
    stage.store.effect = when("read", "after", lambda: stage.play(token))
    assert finish(stage, token, step) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.store.holder(Stage.PREVIOUS) == before
    assert stage.notes.recoveries == []
    assert stage.current_logs_in()


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_value_that_is_stored_late_leaves_the_next_rotation_free(kind: str, phase: str) -> None:
    """The service knows nothing of an abandoned token that has AWSPENDING again, and begins no other rotation."""
    stage, token = staged(kind)
    fresh = []

    def overtake() -> None:
        fresh.append(begin_anew(stage))
        stage.late += 2 * UNSEEN

    stage.store.effect = when("stage_pending", phase, overtake)
    assert isinstance(finish(stage, token, CREATE), RotationRefused) == (phase == "before")
    assert stage.store.holder(Stage.CURRENT) == fresh[0]
    assert stage.store.holder(Stage.PENDING) in {None, fresh[0]}
    assert stage.current_logs_in()
    stage.rotate()


def test_a_value_that_is_stored_late_and_is_not_overtaken_stays() -> None:
    """A slow service is no reason to give a rotation up."""
    stage, token = staged("single-user")
    stage.store.effect = when("stage_pending", "before", lambda: setattr(stage, "late", stage.late + 2 * UNSEEN))
    assert finish(stage, token, CREATE) is None
    assert stage.play(token) is None


@pytest.mark.parametrize("kind", ["single-user", "single-user by admin"])
def test_a_single_users_step_that_is_late_looks_again(kind: str) -> None:
    """Between its login and its lock another rotation came and went; its own password is set by nobody."""
    stage, token = staged(kind, CREATE, SET, TEST)
    fresh = []

    def overtake() -> None:
        fresh.append(begin_anew(stage))
        stage.late += 2 * UNSEEN

    stage.server.effect = when("connect", "after", overtake)
    error = finish(stage, token, FINISH)
    assert isinstance(error, RotationRefused)
    assert stage.store.holder(Stage.CURRENT) == fresh[0]
    assert stage.server.accounts["app"].password == stage.credential().password.reveal()


@pytest.mark.parametrize("earlier", [0, 1], ids=["promotes the base", "promotes the clone"])
def test_a_server_without_locks_gets_the_password_in_use_back(monkeypatch: pytest.MonkeyPatch, earlier: int) -> None:
    """Another rotation came between the look and the change: what it has made current is set again."""
    monkeypatch.setattr(MemorySession, "lock", lambda *_: False)
    stage, token = staged("alternating-users")
    for _ in range(earlier):
        assert stage.play(token) is None
        token = stage.store.rotate()
    assert stage.play(token, [CREATE]) is None
    stage.server.effect = when("level", "before", lambda: _overtake(stage))
    assert isinstance(finish(stage, token, SET), RotationRefused)
    assert stage.current_logs_in()
    assert "came in between" in stage.notes.warned[-1]
    stage.rotate()


def test_a_server_without_locks_whose_user_in_use_is_another_one_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rotation was abandoned, and no other one has come: the idle user may have any password."""
    monkeypatch.setattr(MemorySession, "lock", lambda *_: False)
    stage, token = staged("alternating-users", CREATE)

    def abandon() -> None:
        stage.store.abandon()
        stage.late += 2 * UNSEEN

    stage.server.effect = when("level", "before", abandon)
    assert isinstance(finish(stage, token, SET), RotationRefused)
    assert stage.notes.warned == []
    assert stage.current_logs_in()


def test_a_step_that_takes_long_and_is_not_overtaken_goes_on() -> None:
    """It looks at the labels once more, and that is all."""
    stage, token = staged("alternating-users", CREATE)
    stage.server.effect = when("level", "before", lambda: setattr(stage, "late", stage.late + 2 * UNSEEN))
    assert finish(stage, token, SET) is None
    assert stage.play(token) is None


def _overtake(stage: MemoryStage) -> None:
    begin_anew(stage)
    stage.late += 2 * UNSEEN


def test_a_server_without_marks_is_asked_for_nothing_when_the_step_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """MySQL before 8.0.21 keeps no mark that could tell of another rotation; the labels do."""
    monkeypatch.setattr(MemorySession, "mark_of", lambda *_: None)
    stage, token = staged("retained-password by admin", CREATE)

    def overtake() -> None:
        begin_anew(stage)
        stage.late += 2 * UNSEEN

    stage.server.effect = when("connect", "after", overtake)
    assert isinstance(finish(stage, token, SET), RotationRefused)
    assert stage.current_logs_in()


def test_what_a_twin_has_retained_is_not_set_again() -> None:
    """AWSCURRENT may be the pending version by now: a moment without it would be one too many."""
    stage, token = staged("retained-password by admin", CREATE)
    seen: list[bool] = []

    def overtake() -> None:
        assert stage.play(token) is None
        stage.server.effect = when("set_password", "after", lambda: seen.append(stage.current_logs_in()), times=9)

    stage.server.effect = when("connect", "after", overtake)
    assert finish(stage, token, SET) is None
    assert False not in seen
    assert stage.current_logs_in()


def test_what_an_earlier_delivery_has_retained_is_not_set_again() -> None:
    """A twin may be moving AWSCURRENT at this very moment, and the first of two statements would take it away."""
    stage, token = staged("retained-password by admin", CREATE, SET)
    changes: list[str] = []
    stage.server.effect = lambda name, _: changes.append(name)
    assert finish(stage, token, SET) is None
    assert {"set_password", "retain"}.isdisjoint(changes)
    assert stage.current_logs_in()


def test_a_mark_of_what_was_never_set_is_not_believed() -> None:
    """A person put the old password back after an earlier delivery: the pending one is set again."""
    stage, token = staged("retained-password by admin", CREATE, SET)
    account = stage.server.accounts["app"]
    account.password, account.second = stage.credential().password.reveal(), None
    assert finish(stage, token, SET) is None
    assert stage.server.logs_in(stage.credential(Stage.PENDING))
    assert stage.current_logs_in()


class TestALateMove:
    """finishSecret of an abandoned rotation moves AWSCURRENT after the next one has set another password."""

    @pytest.mark.parametrize("kind", NEVER_OUT)
    def test_is_healed_at_first_sight(self, kind: str) -> None:
        """The next rotation's own finishSecret moves AWSCURRENT on, and says so."""
        stage, fresh = self._moved_late(kind)
        assert not stage.current_logs_in()
        assert finish(stage, fresh, FINISH) is None
        assert stage.store.holder(Stage.CURRENT) == fresh
        assert stage.current_logs_in()
        assert stage.notes.recoveries == [Recovery.PENDING]

    @pytest.mark.parametrize("kind", NEVER_OUT)
    def test_to_what_logs_in_is_left_alone(self, kind: str) -> None:
        """Where AWSCURRENT works, it is not taken from whoever moved it."""
        stage, fresh = self._moved_late(kind)
        current = stage.credential()
        stage.server.accounts[current.username].second = current.password.reveal()
        assert isinstance(finish(stage, fresh, FINISH), StoreError)
        assert stage.store.holder(Stage.CURRENT) != fresh
        assert stage.current_logs_in()

    @pytest.mark.parametrize("kind", NEVER_OUT)
    def test_to_another_content_is_left_alone(self, kind: str) -> None:
        """What a person wrote meanwhile would be lost."""
        stage, fresh = self._moved_late(kind)
        document = json.loads(stage.store.value_at(Stage.CURRENT))
        stage.store.begin(json.dumps({**document, "note": "a person's"}))
        assert isinstance(finish(stage, fresh, FINISH), StoreError)
        assert "a person's" in stage.store.value_at(Stage.CURRENT)

    @pytest.mark.parametrize("kind", NEVER_OUT)
    def test_is_not_healed_by_what_was_abandoned_itself(self, kind: str) -> None:
        """Whoever took AWSPENDING off does not want that version to become AWSCURRENT."""
        stage, token = staged(kind, CREATE, SET, TEST)
        document = json.loads(stage.store.value_at(Stage.CURRENT))

        def abandon() -> None:
            stage.store.abandon()
            stage.store.begin(json.dumps({**document, "password": "mistyped"}))

        stage.store.effect = when("promote", "before", abandon)
        assert isinstance(finish(stage, token, FINISH), StoreError)
        assert "mistyped" in stage.store.value_at(Stage.CURRENT)

    def _moved_late(self, kind: str) -> tuple[MemoryStage, str]:
        stage, token = staged(kind, CREATE, SET, TEST)
        fresh: list[str] = []
        stage.store.effect = when("promote", "before", lambda: fresh.append(begin_anew(stage, CREATE, SET, TEST)))
        assert finish(stage, token, FINISH) is None
        assert stage.store.holder(Stage.CURRENT) == token
        return stage, fresh[0]


@pytest.mark.parametrize("error", [StoreDenied("denied"), StoreUnavailable("no answer")])
@pytest.mark.parametrize("kind", NEVER_OUT)
def test_a_move_that_is_denied_or_unanswered_tells_nothing_of_awscurrent(kind: str, error: StoreError) -> None:
    """Nobody is asked what it is, and the retry completes."""
    stage, token = staged(kind, CREATE, SET, TEST)
    stage.store.effect = fail("promote", "before", error)
    calls = len(stage.store.calls)
    assert finish(stage, token, FINISH) is error
    assert stage.store.calls[calls:] == ["read", "promote", "describe"]
    assert stage.play(token) is None


class TestAStaleRead:
    """AWSCURRENT is read as it was before the last rotation, while its labels are shown as they are."""

    def test_never_costs_the_password_of_the_user_in_use(self) -> None:
        """Two stale reads make a pending version for the very user that is in use: its password is not set."""
        stage = MemoryStage(admin=True)
        stage.rotate()
        old = stage.store.holder(Stage.CURRENT) or ""
        stage.rotate()
        token = stage.store.rotate()
        self._stale(stage, old)
        assert stage.play(token, [CREATE]) is None
        error = stage.play(token, [SET])
        assert isinstance(error, RotationRefused)
        assert error.retryable
        assert stage.current_logs_in()

    @pytest.mark.parametrize("kind", ["alternating-users", "retained-password"])
    def test_gives_up_no_healthy_rotation(self, kind: str) -> None:
        """What is hopeless by a stale read alone is kept, and the retry completes."""
        stage = KINDS[kind]()
        stage.rotate()
        old = stage.store.holder(Stage.CURRENT) or ""
        stage.rotate()
        token = stage.store.rotate()
        assert stage.play(token, [CREATE]) is None
        fresh = self._stale(stage, old)
        error = stage.play(token, [SET])
        assert isinstance(error, GuardViolation)
        assert "The retry looks again" in str(error)
        stage.store.read = fresh  # type: ignore[method-assign]
        assert stage.store.holder(Stage.PENDING) == token
        assert stage.play(token) is None

    def _stale(self, stage: MemoryStage, old: str) -> Callable[..., StoredVersion]:
        """Let AWSCURRENT be read as that version, and AWSPREVIOUS as nothing; give the way to read it afresh."""
        fresh = stage.store.read

        def read(stage: Stage | None = None, version: str | None = None) -> StoredVersion:
            if stage is Stage.PREVIOUS:
                raise VersionNotFound("There is none yet")
            if stage is Stage.CURRENT:
                return replace(fresh(None, old), stages=frozenset({Stage.CURRENT}))
            return fresh(stage, version)

        stage.store.read = read  # type: ignore[method-assign]
        return fresh


def test_what_was_refused_is_not_tried_again_before_giving_up() -> None:
    """AWSCURRENT was refused in this very invocation, and the pending value may be all that is left."""
    stage = MemoryStage()
    stage.rotate()
    stage.server.accounts["app"].password = stage.credential(Stage.PREVIOUS).password.reveal()
    token = stage.store.rotate()
    assert stage.play(token, [CREATE, SET]) is None
    wanted: Any = json.loads(stage.store.values[token])["password"]
    stage.server.rejects = lambda password: password == wanted
    stage.server.refused.clear()
    error = stage.play(token, [TEST])
    assert "AWSPENDING was kept" in str(error)
    assert len(stage.server.refused) == 2
    assert stage.store.holder(Stage.PENDING) == token


def test_a_server_without_locks_gets_no_password_that_somebody_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWSCURRENT was replaced while the step was at work, and no createSecret made it of what was accepted."""
    monkeypatch.setattr(MemorySession, "lock", lambda *_: False)
    stage, token = staged("alternating-users", CREATE)
    document = json.loads(stage.store.values[token])

    def write() -> None:
        record = json.dumps({"base": "app", "from": "unknown", "to": "unknown"})
        stage.store.begin(json.dumps({**document, "password": "a-writers", "rotationRecord": record}))
        stage.late += 2 * UNSEEN

    stage.server.effect = when("level", "before", write)
    assert isinstance(finish(stage, token, SET), RotationRefused)
    assert "a-writers" not in stage.held_passwords()
