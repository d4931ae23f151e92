"""
Many secrets through one warm function, many functions at one server, and a server that has no connection left.

NIGHTLY=1 takes 1,000 secrets and 50 processes; else there are fewer.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import psycopg2
import pytest
from psycopg2 import sql

from rotation.errors import AuthenticationFailed, EngineError
from tests.lab import postgresql
from tests.lab.postgresql import STRATEGIES, PostgresScene
from tests.lab.theatre import Application, Theatre, emulated
from tests.support.invariants import require_kept
from tests.support.postgresql import PostgresServer
from tests.support.posts import NIGHTLY
from tests.support.secretsmanager.rotation import STEPS, RotationPlayer
from tests.support.warm import Vitals, WarmFunction
from tests.support.watching import sight_of_application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.secretsmanager.rotation import StepResult
    from tests.support.tls import Authority

SECRETS: Final = 1_000 if NIGHTLY else 50
PROCESSES: Final = 50 if NIGHTLY else 6
CONNECTIONS: Final = 4 * PROCESSES + 24
"""The server's limit; a rotation holds up to three at a time."""

WARM_UP: Final = 12
"""Rotations after which a function holds nearly all that it will ever keep: some 700 objects come in the next 100."""

PATIENCE: Final = 240.0
"""Seconds of an invocation: 50 functions share few processors here, and have one each on Lambda."""

EACH: Final = 3
"""Secrets of each process."""


def bounds(rotations: int) -> Vitals:
    """Give by how much a process may grow in so many rotations: less than an object in two, after the caches."""
    return Vitals(threads=0, files=0, blocks=1000 + rotations // 2, resident=1024 + rotations // 2)


@dataclass
class House:
    """A server of which the tests may use up everything, with a stage on it."""

    server: PostgresServer
    theatre: Theatre
    _numbers: Iterator[int]

    def applications(self, count: int, strategies: Iterable[str] = STRATEGIES) -> list[Application]:
        """Bring applications of these strategies, in turn, onto the stage."""
        names = zip(range(count), self._numbers, itertools.cycle(strategies), strict=False)
        return [self.theatre.application(f"load_{number}", strategy) for _, number, strategy in names]

    def sessions(self, patience: float = 2) -> int:
        """Count the sessions of functions, once those that are just ending have ended."""
        until = time.monotonic() + patience
        while (left := self._sessions()) and time.monotonic() < until:
            time.sleep(0.02)
        return left

    def _sessions(self) -> int:
        with closing(self.server.admin()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rotation'")
            return int(cursor.fetchall()[0][0])


@pytest.fixture(scope="module")
def house(authority: Authority) -> Iterator[House]:
    """Run it."""
    settings = {"max_connections": str(CONNECTIONS), "superuser_reserved_connections": "3"}
    with PostgresServer(authority, settings=settings) as server, emulated() as emulator:
        theatre = Theatre(postgresql, PostgresScene(server), emulator)
        theatre.seconds = PATIENCE
        yield House(server, theatre, itertools.count())


def rotate(house: House, function: WarmFunction, applications: list[Application]) -> None:
    """Rotate each once, and expect success."""
    player = RotationPlayer(house.theatre.emulator, function.invoke, caller="function")
    for application in applications:
        result = player.rotate(application.arn)
        assert result.succeeded, [str(step.error) for step in result.steps]
        application.work()


@pytest.fixture(scope="module")
def function(house: House) -> Iterator[WarmFunction]:
    """Give a warm function."""
    with WarmFunction(house.theatre) as function:
        rotate(house, function, house.applications(WARM_UP))
        yield function


def test_one_warm_function_keeps_nothing_of_the_secrets_it_rotates(house: House, function: WarmFunction) -> None:
    """After many secrets it has no more threads, files, connections and memory than after a few."""
    before = function.vitals()
    rotate(house, function, house.applications(SECRETS))
    assert function.vitals().grown_beyond(before, bounds(SECRETS)) == {}
    assert house.sessions() == 0
    assert house.theatre.leaked() == []


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
    seen = {**function.vitals().grown_beyond(before, bounds(len(applications))), "sessions": house.sessions(0.2)}
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
        grown = [now.grown_beyond(before, bounds(EACH)) for now, before in zip(everywhere(), warm, strict=True)]
        assert grown == [{}] * PROCESSES
        assert house.sessions() == 0
    assert house.theatre.leaked() == []


@contextlib.contextmanager
def full_for_all(house: House, _: Application) -> Iterator[None]:
    """Take every connection that the server has."""
    with ExitStack() as stack:
        with contextlib.suppress(psycopg2.OperationalError):
            while True:
                stack.enter_context(closing(house.server.admin()))
        yield


@contextlib.contextmanager
def full_for_the_database(house: House, _: Application) -> Iterator[None]:
    """Let the database take no more connections, but for superusers."""
    name = sql.Identifier(house.theatre.scene.database)
    house.server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 0").format(name))
    yield
    house.server.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT -1").format(name))


@contextlib.contextmanager
def full_for_the_user(house: House, application: Application) -> Iterator[None]:
    """Let the users of the secret have no more connections, as far as there are any."""
    base = application.secret()["username"].removesuffix("_clone")

    def limit(most: int) -> None:
        for user in (base, f"{base}_clone"):
            with contextlib.suppress(psycopg2.errors.UndefinedObject):
                house.server.execute(sql.SQL(f"ALTER ROLE {{}} CONNECTION LIMIT {most}").format(sql.Identifier(user)))

    limit(0)
    yield
    limit(50)


@pytest.mark.parametrize("limit", [full_for_all, full_for_the_database, full_for_the_user])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_limit_of_connections_ends_a_step_until_there_is_room(
    house: House, strategy: str, limit: Callable[[House, Application], AbstractContextManager[None]]
) -> None:
    """Wherever it is reached, the error is retryable and speaks of no credential, and the retry completes."""
    for step in STEPS[:-1] if NIGHTLY else STEPS[:-1:2]:
        [application] = house.applications(1, (strategy,))
        with ExitStack() as stack:

            def reach(done: StepResult, last: str = step, of: Application = application) -> None:
                if done.step == last:
                    stack.enter_context(limit(house, of))

            error = application.rotate(reach).steps[-1].error
        assert isinstance(error, EngineError), error
        assert error.retryable, error
        assert not isinstance(error, AuthenticationFailed), error
        house.theatre.player.on_step = None
        result = house.theatre.player.retry(application.arn)
        assert result.succeeded, [str(step.error) for step in result.steps]
        require_kept(sight_of_application(application))
