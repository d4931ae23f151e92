"""Cut every effect of every rotation, before and after, and see that nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest

from rotation.errors import StoreUnavailable, Unreachable
from tests.support.stage import MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable


def _without_the_right() -> MemoryStage:
    stage = MemoryStage(engine="memory-of-two")
    stage.server.accounts["app"].may_retain = False
    return stage


STAGES: dict[str, Callable[[], MemoryStage]] = {
    "single-user": MemoryStage,
    "single-user by admin": lambda: MemoryStage(admin=True, rotation={"strategy": "single-user"}),
    "alternating-users": lambda: MemoryStage(admin=True),
    "retained-password": lambda: MemoryStage(engine="memory-of-two"),
    "retained-password by admin": lambda: MemoryStage(
        admin=True, engine="memory-of-two", rotation={"strategy": "retained-password"}
    ),
    "retained-password without the right": _without_the_right,
}
"""How to build each stage; the first rotation of the pair makes the clone, the second promotes the base."""

NEVER_OUT: Final = frozenset({"alternating-users", "retained-password", "retained-password by admin"})
"""With these AWSCURRENT logs in at every instant."""


class Cut(BaseException):
    """The process is gone: no handler of the code under test may notice."""


@dataclass
class Scissors:
    """Cuts at one effect, counted over server and store."""

    at: int
    phase: str
    kind: str
    count: int = 0
    fired: bool = False
    trace: list[str] = field(default_factory=list)

    def attach(self, stage: MemoryStage) -> None:
        """Watch all effects of the stage."""
        stage.store.effect = lambda name, phase: self._watch(name, phase, StoreUnavailable("No answer"))
        stage.server.effect = lambda name, phase: self._watch(name, phase, Unreachable("No answer", engine="memory"))

    def detach(self, stage: MemoryStage) -> None:
        """Let all effects pass."""
        stage.store.effect = stage.server.effect = lambda _name, _phase: None

    def _watch(self, name: str, phase: str, unanswered: Exception) -> None:
        self.count += phase == "before"
        self.trace.append(f"{self.count} {phase} {name}")
        if self.count == self.at and phase == self.phase and not self.fired:
            self.fired = True
            raise Cut if self.kind == "killed" else unanswered


def cut_rotation(stage: MemoryStage, scissors: Scissors) -> str:
    """Rotate with a cut in it, and give the token."""
    token = stage.store.rotate()
    scissors.attach(stage)
    try:
        stage.play(token)
    except Cut:
        pass
    finally:
        scissors.detach(stage)
    for session in list(stage.server.sessions):
        session.end()
    return token


def check(stage: MemoryStage, name: str, scissors: Scissors) -> None:
    """Hold the state against what must never happen."""
    assert stage.held_passwords() <= stage.stored_passwords(), scissors.trace
    if name in NEVER_OUT:
        assert stage.current_logs_in(), scissors.trace


@pytest.mark.parametrize("keeps_pending", [False, True])
@pytest.mark.parametrize("way", ["same token", "new token"])
@pytest.mark.parametrize("kind", ["killed", "unanswered"])
@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("earlier", [0, 1, 2])
@pytest.mark.parametrize("name", STAGES)
def test_a_rotation_that_is_cut_anywhere_completes_by_itself(
    name: str, earlier: int, phase: str, kind: str, way: str, *, keeps_pending: bool
) -> None:
    """However an effect is cut, the next clean run completes and AWSCURRENT logs in."""
    for at in range(1, 60):
        stage = STAGES[name]()
        stage.store.keeps_pending = keeps_pending
        for _ in range(earlier):
            stage.rotate()
        scissors = Scissors(at, phase, kind)
        token = cut_rotation(stage, scissors)
        if not scissors.fired:
            assert at > 8, "a rotation has more effects than that"
            return
        check(stage, name, scissors)
        if way == "new token":
            stage.store.abandon()
            token = stage.store.rotate()
        error = stage.play(token)
        assert error is None, (error, scissors.trace)
        assert stage.current_logs_in(), scissors.trace
        check(stage, name, scissors)
        stage.rotate()
        assert stage.current_logs_in(), scissors.trace
    pytest.fail("the cut never stopped firing")
