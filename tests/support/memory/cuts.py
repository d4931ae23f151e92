"""Rotations of a memory stage that are cut at an effect, in every way in which an invocation can end too early."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from rotation.errors import NoWorkingCredential, RotationError, StoreUnavailable, Unreachable
from rotation.model import Step
from tests.support.crashes.cuts import Cut
from tests.support.crashes.invariants import Chronicle, Violated, require_kept
from tests.support.crashes.recorder import sight_of, watched
from tests.support.emulators.secretsmanager.worlds import RECORDED, World
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def _without_the_right() -> MemoryStage:
    stage = MemoryStage(engine="memory-of-two")
    stage.server.accounts["app"].may_retain = False
    return stage


def _forgetful() -> MemoryStage:
    stage = MemoryStage(admin=True)
    stage.server.forgets_versions = True
    return stage


STAGES: Final[dict[str, Callable[[], MemoryStage]]] = {
    "single-user": MemoryStage,
    "single-user by admin": functools.partial(MemoryStage, admin=True, rotation={"strategy": "single-user"}),
    "alternating-users": functools.partial(MemoryStage, admin=True),
    "alternating-users with plain marks": _forgetful,
    "retained-password": functools.partial(MemoryStage, engine="memory-of-two"),
    "retained-password by admin": functools.partial(
        MemoryStage, admin=True, engine="memory-of-two", rotation={"strategy": "retained-password"}
    ),
    "retained-password without the right": _without_the_right,
}
"""How to build each stage; the first rotation of the pair makes the clone, the second promotes the base."""

NEVER_OUT: Final = frozenset(
    {
        "alternating-users",
        "alternating-users with plain marks",
        "retained-password",
        "retained-password by admin",
    }
)
"""With these AWSCURRENT logs in at every instant."""

RETRIES: Final = 2
"""Of the service, until each version without a label was tried; an invocation may have four logins refused."""

MOST: Final = 90
"""Effects that no rotation has, whatever it has to recover from."""


class How(StrEnum):
    """What happens at the effect."""

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    NEVER_ARRIVED = "never arrived"
    ANSWER_LOST = "answer lost"
    CONNECTION_LOST = "connection lost with the answer"
    SHORT_OF_TIME = "little time left"
    OUT_OF_TIME = "no time left"


BEFORE: Final = frozenset({How.KILLED_BEFORE, How.NEVER_ARRIVED})
KILLED: Final = frozenset({How.KILLED_BEFORE, How.KILLED_AFTER})
SECONDS_LOST: Final = {How.SHORT_OF_TIME: 45.0, How.OUT_OF_TIME: 60.0}
"""Of the 60 that an invocation has; a change of the only password wants 20."""


@dataclass
class Shears:
    """Cuts once, at one effect, counted over server and store."""

    at: int
    how: How
    count: int = 0
    fired: bool = False
    trace: list[str] = field(default_factory=list)


@functools.cache
def _rotated(name: str, earlier: int, world: World) -> MemoryStage:
    """Build a stage, and let so many rotations pass in peace: thousands of plays begin behind them."""
    stage = STAGES[name]()
    stage.store.world = world
    for _ in range(earlier):
        stage.rotate()
    return stage


class Play:
    """A stage on which rotations are cut, and the invariants are held against what is seen after each effect."""

    def __init__(self, name: str, *, earlier: int = 0, world: World = RECORDED) -> None:
        """Build the stage, let so many rotations pass in peace, and begin to watch."""
        self.name, self.stage = name, _rotated(name, earlier, world).copy()
        self.chronicle: Chronicle = watched(self.stage)
        self.known: set[str] = set()
        """Passwords that strangers set, and know."""
        self.story: list[str] = []
        self.excused = False
        """Whether a stranger has made AWSCURRENT useless, so that it need not log in."""

    def cut(self, token: str, shears: Shears, steps: Sequence[Step] = tuple(Step)) -> RotationError | None:
        """Deliver the rotation with a cut in it; give the error that it ended with, if it ended with one."""
        self.story.append(f"{shears.how} effect {shears.at}")
        error = None
        with self._cutting(shears), contextlib.suppress(Cut):
            error = self.stage.play(token, steps)
        for session in list(self.stage.server.sessions):
            session.end()
        self.look(in_the_window=True)
        return error

    def complete(self, token: str) -> None:
        """Deliver the rotation undisturbed, and expect success."""
        error = self.stage.play(token)
        for _ in range(RETRIES):
            if not isinstance(error, NoWorkingCredential):
                break
            self.story.append("retried, since the right version was not among those tried")
            error = self.stage.play(token)
        if error is not None:
            raise Violated(f"It does not complete: {error}\n{self}")
        self.look()

    def finish(self) -> None:
        """See that the next rotation is a healthy one."""
        self.look()
        self.chronicle.clear()
        self.chronicle.healthy = True
        self.complete(self.stage.store.rotate())

    def look(self, *, in_the_window: bool = False) -> None:
        """Hold what is seen and what was done against the invariants."""
        in_the_window &= self.name not in NEVER_OUT
        sight = sight_of(self.stage, known=self.known, in_the_window=in_the_window or self.excused)
        require_kept(sight, self.chronicle, told=self)

    def __str__(self) -> str:
        """Tell the schedule."""
        return f"{self.name}: {'; '.join(self.story)}"

    @contextlib.contextmanager
    def _cutting(self, shears: Shears) -> Iterator[None]:
        store, server = self.stage.store, self.stage.server
        store.effect = lambda name, phase: self._watch(shears, name, phase, StoreUnavailable("No answer"))
        server.effect = lambda name, phase: self._watch(shears, name, phase, Unreachable("No answer", engine="memory"))
        try:
            yield
        finally:
            store.effect = server.effect = lambda _name, _phase: None

    def _watch(self, shears: Shears, name: str, phase: str, unanswered: RotationError) -> None:
        shears.count += phase == "before"
        shears.trace.append(f"{shears.count} {phase} {name}")
        if self.name in NEVER_OUT and not self.excused and not self.stage.current_logs_in():
            raise Violated(f"AWSCURRENT is out {phase} {name}\n{self}")
        due = "before" if shears.how in BEFORE else "after"
        if shears.count == shears.at and phase == due and not shears.fired:
            shears.fired = True
            self.story.append(f"({name})")
            self._strike(shears.how, unanswered)

    def _strike(self, how: How, unanswered: RotationError) -> None:
        if how in KILLED:
            raise Cut
        if how in SECONDS_LOST:
            self.stage.late += SECONDS_LOST[how]
            return
        if how is How.CONNECTION_LOST:
            for session in list(self.stage.server.sessions):
                session.end()
        raise unanswered


def same_token(_: Play, token: str) -> str:
    """Let the service retry."""
    return token


def new_token(play: Play, _: str) -> str:
    """Let an operator take AWSPENDING off and start anew."""
    play.stage.store.abandon()
    return play.stage.store.rotate()


NEXT: Final[dict[str, Callable[[Play, str], str]]] = {"same token": same_token, "new token": new_token}
"""Which token is delivered after a cut."""
