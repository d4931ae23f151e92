"""
A network that fails before every engine's real server: refused, silent, cut after n bytes, slow, reset.

It is never read as a wrong password, never takes longer than the deadline, and never costs a password: the next
clean run completes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest

from rotation.errors import AccountUnusable, AuthenticationFailed, EngineError, NoWorkingCredential
from rotation.model import Credential, Deadline
from rotation.strategies import cutover
from tests.lab.nightly import NIGHTLY
from tests.lab.theatre import TIMEOUT
from tests.support.network import proxy as wire
from tests.support.network.proxy import Mode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.stages.behind_a_proxy import Post
    from tests.lab.theatre import Application
    from tests.support.emulators.secretsmanager.rotation import StepResult

PATIENCE: Final = 5.0
"""Seconds for what is not made to wait."""

SHORT: Final = 0.4
"""Seconds for what is."""

GRACE: Final = 0.8
"""Seconds beyond the deadline in which a step ends, on a busy machine."""

ENDS: Final[tuple[wire.Effect, ...]] = ("cut", "end")
POINTS: Final = 10
"""How many bytes, evenly spread, stand for all of them where the run is not the nightly one."""


@pytest.fixture(autouse=True)
def _passing(post: Post) -> Iterator[None]:
    """Leave the wire whole."""
    yield
    post.proxy.mode = wire.PASS


def spread(total: int, points: int) -> range:
    """Return every byte's number in the nightly run, else a few of them."""
    return range(0, total, 1 if NIGHTLY else max(1, total // points))


def arm(post: Post, mode: Mode) -> None:
    """Let the fault meet what comes next, and nothing that is still on its way."""
    post.proxy.settle()
    post.proxy.mode = mode


def attempt(post: Post, who: Credential, seconds: float) -> EngineError | None:
    """Log in through the proxy; what goes wrong is no refusal, and takes no longer than the time given."""
    began, failure = time.monotonic(), None
    try:
        post.users.engine.connect(post.address, who, Deadline(seconds)).__exit__(None, None, None)
    except EngineError as error:
        failure = error
    assert time.monotonic() - began < seconds + GRACE
    return unrefused(failure)


def unrefused(error: EngineError | None) -> EngineError | None:
    """See that an error does not speak of the credential, and that it is worth another try."""
    assert not isinstance(error, AuthenticationFailed | AccountUnusable), error
    assert error is None or error.retryable, error
    return error


def accepted(post: Post, *candidates: Credential) -> list[Credential]:
    """Return which of the credentials log in, past the proxy."""
    found = []
    for who in candidates:
        try:
            post.users.engine.connect(post.direct, who, Deadline(PATIENCE)).__exit__(None, None, None)
        except AuthenticationFailed:
            continue
        found.append(who)
    return found


class TestALogin:
    @pytest.mark.parametrize("effect", ENDS)
    def test_that_is_cut_after_any_byte_is_no_refusal(self, post: Post, effect: wire.Effect) -> None:
        """Whatever the server had said until then, it did not say that the password is wrong."""
        who = post.users.user()
        total = self._measured(post, who)
        failures = 0
        for after in spread(total, POINTS):
            arm(post, Mode(after=after, then=effect))
            failures += attempt(post, who, PATIENCE) is not None
        assert failures > POINTS / 2

    def test_that_falls_silent_after_any_byte_costs_the_time_that_was_given(self, post: Post) -> None:
        """A server that says no more is unreachable, in time; the last bytes are those of the end of the session."""
        who = post.users.user()
        points = 40 if NIGHTLY else 2
        total = self._measured(post, who)
        for part in range(points):
            arm(post, Mode(after=total * part // points))
            assert attempt(post, who, SHORT) is not None or part > points * 0.75

    def _measured(self, post: Post, who: Credential) -> int:
        """Count the bytes of a login."""
        arm(post, Mode())
        assert attempt(post, who, PATIENCE) is None
        return post.proxy.carried

    @pytest.mark.parametrize("mode", [wire.REFUSE, wire.DEAF, Mode(drip=0.03)], ids=["refused", "deaf", "dripping"])
    def test_that_gets_nowhere_is_retryable(self, post: Post, mode: Mode) -> None:
        """Nobody listens, nobody answers, or one byte at a time."""
        post.proxy.mode = mode
        error = attempt(post, post.users.user(), SHORT)
        assert error is not None
        assert error.retryable

    def test_that_is_slow_is_a_login(self, post: Post) -> None:
        """As long as it ends in time."""
        post.proxy.mode = Mode(drip=0.0002)
        assert attempt(post, post.users.user(), 30) is None


class TestAChange:
    @pytest.mark.parametrize("effect", ENDS)
    def test_that_is_cut_after_any_byte_leaves_one_of_the_two(self, post: Post, effect: wire.Effect) -> None:
        """The server accepts the old password or the new one, never none, and the change is not said to be refused."""
        who = post.changer()
        total, who = self._change(post, who, Mode(), PATIENCE)
        for after in spread(total, POINTS):
            _, who = self._change(post, who, Mode(after=after, then=effect), PATIENCE)

    def test_that_falls_silent_costs_the_time_that_was_given(self, post: Post) -> None:
        """Whether it was made is seen by who logs in."""
        who = post.changer()
        total, who = self._change(post, who, Mode(), PATIENCE)
        for part in range(20) if NIGHTLY else (10,):
            _, who = self._change(post, who, Mode(after=total * part // 20), 1.0)

    def _change(self, post: Post, who: Credential, mode: Mode, seconds: float) -> tuple[int, Credential]:
        """Change the password with that fault; give what was carried, and what is accepted now."""
        post.proxy.mode = wire.PASS
        new = Credential(who.username, post.users.password())
        deadline = Deadline(seconds)
        with post.users.engine.connect(post.address, who, deadline) as session:
            post.proxy.mode = mode
            failure = None
            try:
                session.set_password(who.username, new.password)
            except EngineError as error:
                failure = error
            unrefused(failure)
            carried = post.proxy.carried
        assert deadline.remaining() > 0 or seconds < PATIENCE
        post.proxy.mode = wire.PASS
        (holder,) = accepted(post, who, new)
        return carried, holder


class TestARotation:
    @pytest.mark.parametrize(("strategy", "after_step", "few"), [("single-user", 3, 4), ("alternating-users", 1, 1)])
    def test_that_is_cut_after_any_byte_completes_afterwards(
        self, post: Post, strategy: str, after_step: int, few: int
    ) -> None:
        """Cut in the step that changes the password; then the service's retry, or no need for one."""
        application = post.application(strategy)
        carried = rotate(post, application, after_step, Mode())
        points = 100 if NIGHTLY else few
        for part in range(points):
            mode = Mode(after=carried * (2 * part + 1) // (2 * points), then=ENDS[part % 2])
            rotate(post, application, after_step, mode)

    @pytest.mark.parametrize(
        "mode",
        [wire.REFUSE, wire.DEAF, Mode(drip=0.02), Mode(message=6, then="lose"), Mode(message=6, then="swallow")],
        ids=["refused", "deaf", "dripping", "answer lost", "swallowed"],
    )
    def test_ends_in_time_and_completes_afterwards(
        self, post: Post, mode: Mode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With little time, so that every wait in it is seen to end."""
        monkeypatch.setattr(cutover, "TIME_NEEDED", 1.0)
        monkeypatch.setattr(cutover, "TIME_TO_UNDO", 0.5)
        application = post.application("single-user")
        rotate(post, application, 3, mode, seconds=1.5 + 1.5)


def rotate(post: Post, application: Application, after_step: int, mode: Mode, seconds: float = TIMEOUT) -> int:
    """Rotate with the fault from that step's end to the next one's; see what must hold, and give what was carried."""
    theatre, carried = post.theatre, 0
    done: list[StepResult] = []

    def on_step(step: StepResult) -> None:
        nonlocal carried
        done.append(step)
        if len(done) == after_step:
            theatre.seconds = seconds
            arm(post, mode)
        elif len(done) == after_step + 1:
            carried = post.proxy.carried
            theatre.seconds, post.proxy.mode = TIMEOUT, wire.PASS

    result = application.rotate(on_step)
    theatre.player.on_step = None
    for step in done:
        assert step.seconds < seconds + GRACE
        assert not isinstance(step.error, AuthenticationFailed | AccountUnusable | NoWorkingCredential), step.error
    if not result.succeeded:
        retried = theatre.player.retry(application.arn)
        assert retried.succeeded, (mode, [str(step.error) for step in (*done, *retried.steps)])
    application.work()
    return carried
