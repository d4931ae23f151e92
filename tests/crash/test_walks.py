"""
Random walks over everything that may happen to a rotation, on the memory stage.

Deliveries come twice, late, out of order, one inside another; two tokens; a rotation is abandoned and another begun;
a DBA sets passwords; the store throttles, denies, reads stale; the database restarts; the process is killed. After
each step the invariants hold; at the end one clean run completes. Hypothesis prints a failing walk as a script.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rotation.errors import RotationError, StoreDenied, StoreUnavailable, Unreachable, VersionNotFound
from rotation.model import Stage, Step
from rotation.strategies import pending_version
from tests.lab.nightly import NIGHTLY
from tests.support.crashes.invariants import require_kept
from tests.support.crashes.recorder import sight_of, watched
from tests.support.emulators.secretsmanager.worlds import WORLDS
from tests.support.memory import engine as memory_engine
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable


class Killed(BaseException):
    """The process is gone: no handler of the code under test may notice."""


STEPS_OF_A_WALK: Final = 40
STEPS, AT_A_TIME = (10_000, 100) if NIGHTLY else (400, 15)
"""Of each strategy, at least; and how many walks are drawn together."""

STAGES: Final[dict[str, Callable[[], MemoryStage]]] = {
    "single-user": MemoryStage,
    "single-user by admin": lambda: MemoryStage(admin=True, rotation={"strategy": "single-user"}),
    "alternating-users": lambda: MemoryStage(admin=True),
    "retained-password": lambda: MemoryStage(engine="memory-of-two"),
    "retained-password by admin": lambda: MemoryStage(
        admin=True, engine="memory-of-two", rotation={"strategy": "retained-password"}
    ),
}
FAILURES: Final[dict[str, Callable[[], BaseException]]] = {
    "killed": Killed,
    "throttled, or no answer": lambda: StoreUnavailable("No answer"),
    "KMS denies": lambda: StoreDenied("The key may not be used"),
    "stale": lambda: VersionNotFound("There is no value yet"),
    "the connection dies": lambda: Unreachable("No answer", engine="memory"),
}
OF_THE_STORE: Final = frozenset({"throttled, or no answer", "KMS denies", "stale"})

steps = st.sampled_from(list(Step))
moments = st.integers(1, 12)
phases = st.sampled_from(["before", "after"])


class Walk(RuleBasedStateMachine):
    """One secret, and all that may happen to it."""

    kind: str = "single-user"
    taken: int = 0
    """Steps so far, of all walks of this kind."""

    def __init__(self) -> None:
        """Know nothing yet."""
        super().__init__()
        self.tokens: list[str] = []
        self.abandoned = False
        """Whether a version that may hold the server's password has lost its label since the last success."""

    @initialize(world=st.sampled_from(sorted(WORLDS)), abandons=st.booleans(), earlier=st.integers(0, 2))
    def begin(self, world: str, *, abandons: bool, earlier: int) -> None:
        """Start with a secret that was rotated before, or not."""
        self.stage = STAGES[self.kind]()
        self.stage.store.world, self.stage.store.abandons = WORLDS[world], abandons
        self.chronicle = watched(self.stage)
        for _ in range(earlier):
            self.stage.rotate()

    @precondition(lambda self: self._idle())
    @rule()
    def start(self) -> None:
        """Stage a new version, as RotateSecret does where none is under way."""
        self.tokens = [*self.tokens[-1:], self.stage.store.rotate()]

    @precondition(lambda self: not self.abandoned and not self._idle())
    @rule()
    def abandon(self) -> None:
        """Take AWSPENDING off, as an operator does."""
        self.stage.store.abandon()
        self.abandoned = True

    @precondition(lambda self: self._may_roll_back())
    @rule()
    def roll_back(self) -> None:
        """Move AWSCURRENT back to a version that is accepted still, as an operator does, and nothing else."""
        self.stage.store.roll_back()

    @precondition(lambda self: self.tokens)
    @rule(step=steps, late=st.booleans())
    def deliver(self, step: Step, *, late: bool) -> None:
        """Deliver any step, of the latest token or of the one before."""
        self._take(step, self.tokens[0 if late else -1])

    @precondition(lambda self: self.tokens)
    @rule()
    def go_on(self) -> None:
        """Deliver all steps in order, as the service's retry does."""
        self.stage.play(self.tokens[-1])
        self._settle()

    @precondition(lambda self: self.tokens)
    @rule(step=steps, at=moments, phase=phases, failure=st.sampled_from(sorted(FAILURES)))
    def fail(self, step: Step, at: int, phase: str, failure: str) -> None:
        """Deliver a step in which the n-th effect of its kind fails."""

        def act() -> None:
            error = FAILURES[failure]()
            raise error

        self._approach(step)
        only = "store" if failure in OF_THE_STORE else "server" if "connection" in failure else "both"
        with self._meanwhile(at, phase, act, only):
            self._take(step, self.tokens[-1])

    @precondition(lambda self: self.tokens)
    @rule(at=moments, phase=phases, abandoned=st.booleans())
    def kill(self, at: int, phase: str, *, abandoned: bool) -> None:
        """Kill the step that changes most; a person may then begin anew."""
        self.fail(Step.FINISH, at, phase, "killed")
        if abandoned and not self.abandoned and not self._idle():
            self.abandon()

    @precondition(lambda self: self.tokens)
    @rule(step=steps, other=steps, at=moments, phase=phases, late=st.booleans())
    def meet(self, step: Step, other: Step, at: int, phase: str, *, late: bool) -> None:
        """Deliver another step, or a twin, while one is at its n-th effect."""
        token = self.tokens[0 if late else -1]
        self._approach(step)
        with self._meanwhile(at, phase, lambda: self._take(other, token), "both"):
            self._take(step, self.tokens[-1])
        self.chronicle.clear()  # the two invocations shared one thread

    @precondition(lambda self: self.tokens and not self.abandoned)
    @rule(step=steps, at=moments, phase=phases)
    def overtake(self, step: Step, at: int, phase: str) -> None:
        """Let a person abandon the rotation while a step is at its n-th effect, and the next rotation come whole."""

        def act() -> None:
            if not self._idle():
                self.abandon()
                self.start()
                self.go_on()

        self._approach(step)
        # A person's two commands and four invocations take longer than a step leaves unseen.
        with self._meanwhile(at, phase, act, "both"), mock.patch.object(pending_version, "UNSEEN", 0.0):
            self._take(step, self.tokens[-1])
        self.chronicle.clear()  # the invocations shared one thread

    @precondition(lambda self: self.tokens)
    @rule(step=steps, at=moments, phase=phases)
    def restart(self, step: Step, at: int, phase: str) -> None:
        """End every session of the database while a step is at its n-th effect."""

        def act() -> None:
            for session in list(self.stage.server.sessions):
                session.end()

        self._approach(step)
        with self._meanwhile(at, phase, act, "both"):
            self._take(step, self.tokens[-1])

    @precondition(lambda self: not self.abandoned)
    @rule()
    def dba(self) -> None:
        """Set the current user's password back to AWSCURRENT's, or with two passwords end the second one."""
        credential = self.stage.credential()
        account = self.stage.server.accounts[credential.username]
        account.password, account.second = credential.password.reveal(), None

    @invariant()
    def holds(self) -> None:
        """See that nothing happened that never happens."""
        if hasattr(self, "stage"):
            window = self.kind.startswith("single-user")
            type(self).taken += 1
            require_kept(sight_of(self.stage, in_the_window=window), self.chronicle)
            self.chronicle.clear()

    def teardown(self) -> None:
        """See that one clean run completes, whatever was."""
        if not hasattr(self, "stage"):
            return
        token = self.stage.store.holder(Stage.PENDING)
        if token is None or self._idle():
            token = self.stage.store.rotate()
        error = self.stage.play(token)
        assert error is None, error
        assert self.stage.current_logs_in()
        self.stage.rotate()

    def _idle(self) -> bool:
        """Return whether no rotation is under way; where one was rolled back, who begins the next takes its label."""
        store = self.stage.store
        return store.holder(Stage.PENDING) in {None, store.holder(Stage.CURRENT), store.holder(Stage.PREVIOUS)}

    def _may_roll_back(self) -> bool:
        store = self.stage.store
        return (
            not self.abandoned
            and self._idle()
            and store.holder(Stage.PREVIOUS) is not None
            and self.stage.server.logs_in(self.stage.credential(Stage.PREVIOUS))
        )

    def _approach(self, step: Step) -> None:
        """Deliver what comes before the step, so that there is something to disturb."""
        self.stage.play(self.tokens[-1], tuple(Step)[: tuple(Step).index(step)])

    def _take(self, step: Step, token: str) -> None:
        with contextlib.suppress(RotationError, Killed):
            self.stage.step(step, token)
        self._settle()

    def _settle(self) -> None:
        """End what a killed process leaves open, and see whether the latest token got through."""
        if self.tokens and self.stage.store.holder(Stage.CURRENT) == self.tokens[-1]:
            self.abandoned = False

    def _meanwhile(self, at: int, phase: str, act: Callable[[], None], only: str) -> Any:  # noqa: ANN401 a patch
        count = 0

        def effect(_name: str, now: str) -> None:
            nonlocal count
            count += now == phase
            if now == phase and count == at:
                count += 1  # what it does has effects of its own
                act()

        stack = mock.patch.multiple(self.stage.store, effect=effect) if only != "server" else None
        server = mock.patch.multiple(self.stage.server, effect=effect) if only != "store" else None
        return _both(stack, server, self.stage)


class _both:  # noqa: N801 reads as a phrase
    """Patches of the stage; sessions that a killed process left open end with them."""

    def __init__(self, store: Any, server: Any, stage: MemoryStage) -> None:  # noqa: ANN401 patches
        self._patches = [it for it in (store, server) if it is not None]
        self._stage = stage

    def __enter__(self) -> None:
        for patch in self._patches:
            patch.start()

    def __exit__(self, *_: object) -> None:
        for patch in self._patches:
            patch.stop()
        for session in list(self._stage.server.sessions):
            session.end()


@pytest.mark.parametrize("kind", STAGES)
def test_whatever_happens_nothing_is_lost(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many walks as it takes."""
    monkeypatch.setattr(memory_engine, "LOCK_WAIT", 0.01)
    walk: type[Walk] = type("Walk", (Walk,), {"kind": kind})
    quiet = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    while walk.taken < STEPS:
        run_state_machine_as_test(
            walk, settings=settings(quiet, max_examples=AT_A_TIME, stateful_step_count=STEPS_OF_A_WALK)
        )
