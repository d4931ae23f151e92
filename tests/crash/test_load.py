"""
Many secrets through one warm function, many functions at one server, and a server that has no connection left.

NIGHTLY=1 takes 1,000 secrets and 50 processes; else there are fewer.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from rotation.errors import AuthenticationFailed, EngineError
from tests.lab.connection_limits import CROWDS
from tests.lab.cutting.sights import sight_of_application
from tests.lab.nightly import NIGHTLY
from tests.lab.theatre import Application, Theatre, emulated
from tests.lab.warm import Vitals, WarmFunction
from tests.support.crashes.invariants import require_kept
from tests.support.emulators.secretsmanager.rotation import STEPS, RotationPlayer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.lab.connection_limits import Crowd
    from tests.support.emulators.secretsmanager.rotation import StepResult
    from tests.support.servers.tls import Authority

SECRETS: Final = 1_000 if NIGHTLY else 12
PROCESSES: Final = 50 if NIGHTLY else 2
CONNECTIONS: Final = 4 * PROCESSES + 24
"""The server's limit; a rotation holds up to three at a time."""

WARM_UP: Final = 12
"""Rotations after which a function holds nearly all that it will ever keep: some 700 objects come in the next 100."""

PATIENCE: Final = 240.0
"""Seconds of an invocation: 50 functions share few processors here, and have one each on Lambda."""

EACH: Final = 3
"""Secrets of each process."""


def bounds(rotations: int) -> Vitals:
    """Return by how much a process may grow in so many rotations: less than an object in two, after the caches."""
    return Vitals(threads=0, files=0, blocks=1000 + rotations // 2, resident=1024 + rotations // 2)


@dataclass
class House:
    """A server of which the tests may use up everything, with a stage on it."""

    crowd: Crowd
    theatre: Theatre
    _numbers: Iterator[int]

    def applications(self, count: int, strategies: Iterable[str] = ()) -> list[Application]:
        """Bring applications of these strategies (or of all), in turn, onto the stage."""
        taken = itertools.cycle(strategies or self.theatre.module.STRATEGIES)
        names = zip(range(count), self._numbers, taken, strict=False)
        return [self.theatre.application(f"load_{number}", strategy) for _, number, strategy in names]

    def sessions(self, patience: float = 2) -> int:
        """Count the sessions of functions, once those that are just ending have ended."""
        until = time.monotonic() + patience
        while (left := self.crowd.sessions()) and time.monotonic() < until:
            time.sleep(0.02)
        return left


@contextlib.contextmanager
def housed(engine: str, authority: Authority) -> Iterator[House]:
    """Run a server that takes so many connections and no more."""
    kind = CROWDS[engine]
    with kind.limited(authority, CONNECTIONS) as server, emulated() as emulator:
        scene = kind.scene(server)
        theatre = Theatre(kind.module, scene, emulator)
        theatre.seconds = PATIENCE
        yield House(kind(server, scene.database), theatre, itertools.count())


@pytest.fixture(scope="module", params=CROWDS)
def house(request: pytest.FixtureRequest, authority: Authority) -> Iterator[House]:
    """Return each engine's."""
    with housed(request.param, authority) as one:
        yield one


def grown(function: WarmFunction, before: Vitals, bounds: Vitals, patience: float = 5) -> dict[str, int]:
    """Say by what it has grown, once what is just ending has ended: PyMongo's threads notice by and by."""
    until = time.monotonic() + patience
    while (more := function.vitals().grown_beyond(before, bounds)) and time.monotonic() < until:
        time.sleep(0.1)
    return more


def rotate(house: House, function: WarmFunction, applications: list[Application]) -> None:
    """Rotate each once, and expect success."""
    player = RotationPlayer(house.theatre.emulator, function.invoke, caller="function")
    for application in applications:
        result = player.rotate(application.arn)
        assert result.succeeded, [str(step.error) for step in result.steps]
        application.work()


@contextlib.contextmanager
def warm_function(house: House) -> Iterator[WarmFunction]:
    """Return a function that has rotated a few."""
    with WarmFunction(house.theatre) as function:
        rotate(house, function, house.applications(WARM_UP))
        yield function


@pytest.fixture(scope="module")
def function(house: House) -> Iterator[WarmFunction]:
    """Return a warm function."""
    with warm_function(house) as function:
        yield function


def test_one_warm_function_keeps_nothing_of_the_secrets_it_rotates(house: House, function: WarmFunction) -> None:
    """After many secrets it has no more threads, files, connections and memory than after a few."""
    before = function.vitals()
    rotate(house, function, house.applications(SECRETS))
    assert grown(function, before, bounds(SECRETS)) == {}
    assert house.sessions() == 0
    assert house.theatre.leaked() == []


@pytest.mark.parametrize("house", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("leak", "shown"),
    [
        ("thread", "threads"),
        ("file", "files"),
        ("objects", "blocks"),
        ("memory", "resident"),
        ("connection", "sessions"),
    ],
)
def test_each_kind_of_leak_is_seen(house: House, function: WarmFunction, leak: str, shown: str) -> None:
    """A test of the test: a function that leaks in each invocation grows beyond the bounds in a few rotations."""
    applications = house.applications(3)
    before = function.vitals()
    function.leak(leak)
    rotate(house, function, applications)
    seen = {
        **function.vitals().grown_beyond(before, bounds(len(applications))),
        "sessions": house.sessions(0.2),
    }
    function.leak("")
    assert seen.get(shown, 0) > 0


def test_functions_in_parallel_at_one_server_keep_nothing_and_do_not_fail(house: House) -> None:
    """Each process rotates secrets of its own beside the others, and none is in another's way."""
    shares = [house.applications(EACH) for _ in range(PROCESSES)]
    with ExitStack() as stack, ThreadPoolExecutor(PROCESSES) as pool:
        functions = [stack.enter_context(WarmFunction(house.theatre)) for _ in shares]

        def everywhere() -> list[Vitals]:
            list(pool.map(partial(rotate, house), functions, shares))
            return [function.vitals() for function in functions]

        warm = [everywhere() for _ in range(3)][-1]
        everywhere()
        found = [grown(function, before, bounds(EACH)) for function, before in zip(functions, warm, strict=True)]
        assert found == [{}] * PROCESSES
        assert house.sessions() == 0
    assert house.theatre.leaked() == []


def test_a_limit_of_connections_ends_a_step_until_there_is_room(house: House) -> None:
    """
    Wherever it is reached, the error is retryable and speaks of no credential, and the retry completes.

    A refusal for a user's own limit proves the password, so that a rotation that needs no session of that user's ends.
    """
    steps = itertools.cycle(STEPS[:-1:2])
    for limit, strategy in itertools.product(house.crowd.limits, house.theatre.module.STRATEGIES):
        for step in STEPS[:-1] if NIGHTLY else [next(steps)]:
            [application] = house.applications(1, (strategy,))
            ended = reach_limit(house, application, limit, step)
            house.theatre.player.on_step = None
            if ended:
                result = house.theatre.player.retry(application.arn)
                assert result.succeeded, [str(it.error) for it in result.steps]
            require_kept(sight_of_application(application))


def reach_limit(house: House, application: Application, limit: str, step: str) -> bool:
    """Rotate, and let the limit be reached once that step is done; see what comes of it, and whether it failed."""
    with ExitStack() as stack:

        def reach(done: StepResult) -> None:
            if done.step == step:
                stack.enter_context(house.crowd.limits[limit](application))

        error = application.rotate(reach).steps[-1].error
    if error is None and limit == "user":
        return False
    assert isinstance(error, EngineError), (limit, error)
    assert error.retryable, (limit, error)
    assert not isinstance(error, AuthenticationFailed), (limit, error)
    return True
