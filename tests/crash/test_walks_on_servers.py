"""
Random walks over what may happen to a rotation, on real servers.

Deliveries come late, out of order, and really at once, from two threads; the process is killed, or an answer is lost,
at any call, login or statement; the server is stopped and comes back; a rotation is abandoned and another begun; a
person sets the password back. After each step the invariants hold; at the end a clean run completes. Hypothesis
prints a failing walk as a script. What the store does wrong is walked on the memory stage (test_walks.py).
"""

from __future__ import annotations

import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rotation.errors import RotationError
from rotation.strategies import alternating_users, pending_version
from tests.lab.cutting.other_people import abandon, complete
from tests.lab.cutting.sights import sight_of_application, watching
from tests.lab.nightly import NIGHTLY
from tests.support.crashes.cuts import Cut, Scissors
from tests.support.crashes.effects import CUTTING
from tests.support.crashes.invariants import require_kept
from tests.support.emulators.secretsmanager.rotation import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from tests.lab.theatre import Application, Theatre
    from tests.support.crashes.invariants import Sight

KINDS: Final = (
    ("postgresql", "alternating-users"),
    ("postgresql", "single-user"),
    ("mysql", "retained-password"),
    ("documentdb", "alternating-users"),
    *(
        pytest.param(*kind, marks=pytest.mark.exhaustive)
        for kind in (
            ("mysql", "alternating-users"),
            ("mariadb", "alternating-users"),
            ("documentdb", "single-user-by-admin"),
            ("redshift", "alternating-users"),
        )
    ),
)
RESTARTED: Final = ("postgresql", "mysql", "mariadb") if NIGHTLY else ("postgresql",)
"""Whose servers are stopped and started again: MySQL takes seconds for it."""

ENOUGH: Final = 1_250 if NIGHTLY else 40
"""Steps of each kind, at least; with all kinds 10,000 nightly."""

WALKS: Final = 5 if NIGHTLY else 3
"""Walks at a time: the steps are counted after them."""

HEAD_START: Final = 1.0
"""Seconds after which who was overtaken goes on: the other one may wait for a lock that it holds."""

WITHOUT_LOCKS: Final = ("documentdb", "redshift")
"""Where nothing keeps another rotation out: there setSecret looks at the labels again, as a long one does."""

LONG: Final = 25
"""Steps of a walk, at most."""

steps = st.sampled_from(STEPS)
moments = st.one_of(st.integers(1, 8), st.integers(1, 16), st.integers(1, 40))

_numbers = itertools.count()


class Moment(Scissors):
    """An effect before which something happens, instead of an end."""

    def __init__(self, at: int, happens: Callable[[], object]) -> None:
        """Know when, and what."""
        super().__init__(at)
        self._happens = happens

    @contextlib.contextmanager
    def around(self, *_: object) -> Iterator[None]:
        """Let the effect take place, after that."""
        self.count += 1
        if self.count == self.at:
            self._happens()
        yield


class Walk(RuleBasedStateMachine):
    """One secret on a real server, and what may happen to it."""

    theatre: Theatre
    engine: str = ""
    strategy: str = ""
    taken: int = 0
    """Steps so far, of all walks of this kind."""

    def __init__(self) -> None:
        """Begin with an application that was rotated before, or not."""
        super().__init__()
        self.ends = contextlib.ExitStack()
        self.tokens: list[str] = []
        self.abandoned = False
        """Whether a version that may hold the server's password has lost its label since the last success."""
        self.overtaken = False
        """Whether a createSecret may have put AWSPENDING on its version after the rotation was abandoned."""

    @initialize(earlier=st.integers(0, 2))
    def begin(self, earlier: int) -> None:
        """Bring an application onto the stage."""
        self.application: Application = self.theatre.application(f"walk_{next(_numbers)}", self.strategy)
        for _ in range(earlier):
            assert self.application.rotate().succeeded
        self.chronicle = self.ends.enter_context(watching(self.application))
        self.player = self.ends.enter_context(self.theatre.player_for_threads())

    @precondition(lambda self: self._idle())
    @rule()
    def start(self) -> None:
        """Stage a new version, as RotateSecret does where none is under way."""
        self.tokens = [*self.tokens[-1:], self.application.begin()]

    @precondition(lambda self: not self.abandoned and not self._idle())
    @rule()
    def abandon(self) -> None:
        """Take AWSPENDING off, as an operator does."""
        self.player.abandon(self.application.arn)
        self.abandoned = True

    @precondition(lambda self: self.tokens)
    @rule(step=steps, late=st.booleans())
    def deliver(self, step: str, *, late: bool) -> None:
        """Deliver any step, of the latest token or of the one before."""
        self._take(step, self.tokens[0 if late else -1])

    @precondition(lambda self: self.tokens)
    @rule()
    def go_on(self) -> None:
        """Deliver all steps in order, as the service's retry does."""
        self._approach(None)

    @precondition(lambda self: self.tokens)
    @rule(step=steps, at=moments, killed=st.booleans(), abandoned=st.booleans())
    def cut(self, step: str, at: int, *, killed: bool, abandoned: bool) -> None:
        """Kill a step after its n-th effect, or lose that effect's answer; a person may then give it up."""
        self._approach(step)
        with CUTTING[self.engine](Scissors(at, kills=killed)):
            self._take(step, self.tokens[-1])
        if abandoned and not self.abandoned and not self._idle():
            self.abandon()

    @rule(at=st.integers(6, 14) | moments, killed=st.sampled_from([True, True, False]), abandoned=st.booleans())
    def cut_what_changes_most(self, at: int, *, killed: bool, abandoned: bool) -> None:
        """Cut the step that changes the password, about where it does."""
        if self._idle():
            self.start()
        step = STEPS[1] if self.strategy == "alternating-users" else STEPS[-1]
        self.cut(step, at, killed=killed, abandoned=abandoned)

    @precondition(lambda self: self.tokens)
    @rule(step=steps, other=steps, late=st.booleans())
    def meet(self, step: str, other: str, *, late: bool) -> None:
        """Deliver two steps at once, from two threads: twins, or those of two tokens."""
        self._approach(step)
        with ThreadPoolExecutor(2) as pool:
            twin = pool.submit(self._take, other, self.tokens[0 if late else -1])
            pool.submit(self._take, step, self.tokens[-1]).result()
            twin.result()

    @precondition(lambda self: self.tokens and not self.abandoned)
    @rule(step=steps, at=moments)
    def overtake(self, step: str, at: int) -> None:
        """Let a person abandon the rotation before a step's n-th effect, and the next come whole beside it."""
        self._approach(step)
        self.overtaken |= step == "createSecret"
        with ThreadPoolExecutor(1) as pool:
            overtaking: list[Future[None]] = []

            def overtake() -> None:
                overtaking.append(pool.submit(self._begin_anew))
                wait(overtaking, HEAD_START)

            with CUTTING[self.engine](Moment(at, overtake)):
                self._take(step, self.tokens[-1])
            for one in overtaking:
                one.result()

    @precondition(lambda self: self.tokens and self.engine in RESTARTED)
    @rule(step=steps, at=moments)
    def restart(self, step: str, at: int) -> None:
        """Stop the server before a step's n-th effect, and start it again at once."""
        server = self.theatre.scene._server  # type: ignore[attr-defined] # noqa: SLF001 what a scene stands on

        def restart() -> None:
            server.stop()
            server.start()

        self._approach(step)
        with CUTTING[self.engine](Moment(at, restart)):
            self._take(step, self.tokens[-1])

    @precondition(lambda self: not self.abandoned and self.engine != "mariadb")  # where it takes the mark away
    @rule()
    def dba(self) -> None:
        """Set the current user's password to what AWSCURRENT says."""
        secret = self.application.secret()
        self.theatre.scene.set_password(secret["username"], secret["password"])

    @invariant()
    def holds(self) -> None:
        """See that nothing happened that never happens."""
        if hasattr(self, "chronicle"):
            type(self).taken += 1
            require_kept(self._sight(), self.chronicle)
            self.chronicle.clear()

    def teardown(self) -> None:
        """See that a clean run completes, whatever was."""
        with self.ends:
            if hasattr(self, "chronicle"):
                if self.overtaken and self._forgotten():  # docs/runbook.md: take it off once more
                    abandon(self.application)
                complete(self.application)
                require_kept(sight_of_application(self.application))
                assert self.application.rotate().succeeded

    def _sight(self) -> Sight:
        return sight_of_application(self.application, in_the_window=self.strategy.startswith("single-user"))

    def _begin_anew(self) -> None:
        if not self._idle():
            self.abandon()
            self.start()
            self.go_on()

    def _idle(self) -> bool:
        labels = self.theatre.emulator.labels(self.application.arn)
        return labels.get("AWSPENDING") in {None, labels["AWSCURRENT"]}

    def _forgotten(self) -> bool:
        """Return whether the service would let nobody begin, and retry nothing itself."""
        return self.theatre.emulator.state.any(self.application.arn).running is None

    def _approach(self, step: str | None) -> None:
        """Deliver what comes before the step, so that there is something to disturb; or all."""
        for one in itertools.takewhile(lambda it: it != step, STEPS):
            if self._take(one, self.tokens[-1]) is not None:
                return

    def _take(self, step: str, token: str) -> BaseException | None:
        """Deliver a step, which ends in a typed error, or in nothing at all."""
        error = None
        with contextlib.suppress(Cut):
            error = self.player.deliver(self.application.arn, step, token).error
        assert error is None or isinstance(error, RotationError), error
        assert type(error) is not RotationError, error  # a defect, which the function tells as that
        if self.theatre.emulator.labels(self.application.arn)["AWSCURRENT"] == self.tokens[-1]:
            self.abandoned = False
        return error


@pytest.mark.parametrize(("engine", "strategy"), KINDS)
def test_whatever_happens_on_a_real_server_nothing_is_lost(
    request: pytest.FixtureRequest, engine: str, strategy: str
) -> None:
    """As many walks as it takes."""
    theatre = request.getfixturevalue(f"{engine}_theatre")
    walk: type[Walk] = type("Walk", (Walk,), {"theatre": theatre, "engine": engine, "strategy": strategy})
    phases = [Phase.generate, *([Phase.shrink] if NIGHTLY else [])]
    quiet = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=phases)
    unseen = 0.0 if engine in WITHOUT_LOCKS else pending_version.UNSEEN
    # createSecret always looks again: an invocation that is overtaken takes longer than this stage does.
    with mock.patch.object(pending_version, "UNSEEN", 0.0), mock.patch.object(alternating_users, "UNSEEN", unseen):
        while walk.taken < ENOUGH:
            run_state_machine_as_test(walk, settings=settings(quiet, max_examples=WALKS, stateful_step_count=LONG))
