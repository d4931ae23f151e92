"""A rotation whose cluster fails over after one of its effects, and what must be true afterwards."""

from __future__ import annotations

import functools
import itertools
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

from rotation.engines.aurora.engine import AuroraMySQL, AuroraPostgreSQL
from rotation.engines.mysql.connection import Connection as MySQLConnection
from rotation.engines.postgresql.connection import Connection as PostgresConnection
from rotation.errors import Unreachable
from tests.lab import aurora_mysql, aurora_postgresql
from tests.lab.client import Rejected
from tests.lab.theatre import Application, Theatre, emulated
from tests.support.crashes.cuts import Scissors, cutting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import ModuleType

    from rotation.errors import RotationError
    from tests.lab.aurora import ClusterScene
    from tests.support.crashes.tally import Tally
    from tests.support.servers.tls import Authority

LEAST = 9
MOST = 150

_numbers = itertools.count()


class Edition(NamedTuple):
    """One of the two, and where its logins and statements pass."""

    module: ModuleType
    effects: tuple[tuple[type, str], ...]


EDITIONS = {
    "aurora-postgresql": Edition(aurora_postgresql, ((AuroraPostgreSQL, "_log_in"), (PostgresConnection, "run"))),
    "aurora-mysql": Edition(aurora_mysql, ((AuroraMySQL, "_log_in"), (MySQLConnection, "run"))),
}


@dataclass
class Failing(Scissors):
    """Does not cut, but lets the cluster fail over; the answer of a login or a statement may be lost with it."""

    fail_over: Callable[[], object] = lambda: None
    answered: bool = True
    broken: Exception | None = None
    """What went wrong with the stage itself, which the function must not swallow."""

    @contextmanager
    def around(self, name: str, lost: RotationError | None = None) -> Iterator[None]:
        """Let an effect happen, and fail over if it is its turn."""
        self.count += 1
        number = self.count
        self.trace.append(f"{number} {name}")
        yield
        if number == self.at:
            self.fired = True
            try:
                self.fail_over()
            except Exception as error:
                self.broken = error
                raise
            if lost is None and not self.answered:
                raise Unreachable("No answer", engine="aurora", retryable=True)


@contextmanager
def theatre(edition: str, authority: Authority) -> Iterator[Theatre]:
    """Return a cluster, and the function."""
    with EDITIONS[edition].module.provide(authority) as scene, emulated() as emulator:
        yield Theatre(EDITIONS[edition].module, scene, emulator)


def scene_of(theatre: Theatre) -> ClusterScene:
    """Return the scene as what it is."""
    return cast("ClusterScene", theatre.scene)


def new_application(theatre: Theatre, strategy: str) -> Application:
    """Bring another application onto the stage, which both servers know of."""
    application = theatre.application(f"shop_{next(_numbers)}", strategy)
    scene_of(theatre).cluster.catch_up()
    return application


def kill(theatre: Theatre) -> None:
    """Kill the writer; what is left of it comes back as a reader."""
    scene_of(theatre).fail_over()
    scene_of(theatre).cluster.rejoin()


def switch_over(theatre: Theatre) -> None:
    """Let the writer become a reader, whose sessions live on."""
    scene_of(theatre).cluster.switch_over()
    scene_of(theatre).stand()


def lose(theatre: Theatre) -> None:
    """Kill the writer, with all that nobody else has heard of; its successor stays alone."""
    scene_of(theatre).fail_over(losing=True)


def require_survival(application: Application, failing: Failing) -> bool:
    """Rotate; after at most one retry it is done, with the same new password. Says whether one was needed."""
    theatre = application.theatre
    before, staged = application.secret()["password"], set[str]()
    effects = EDITIONS[theatre.scene.engine].effects
    with cutting(failing, *effects):
        result = application.rotate(lambda _: staged.add(application.secret("AWSPENDING").get("password", "")))
    if failing.broken:
        raise failing.broken
    retried = not result.succeeded
    if retried:
        assert failing.fired, result.failure
        result = theatre.player.retry(application.arn)
    assert result.succeeded, (failing.at, result.failure, [str(step.error) for step in result.steps])
    after = application.secret()["password"]
    assert after != before
    assert staged - {""} <= {after}
    return retried


def play(
    tally: Tally,
    stage: Callable[[], AbstractContextManager[Theatre]],
    strategy: str,
    way: Callable[[Theatre], object],
    *,
    every: int,
    answered: bool = True,
) -> None:
    """Fail over after every so many effects of a rotation, until there is none left; AWSCURRENT then works."""
    name = f"{strategy}, {way.__name__}{'' if answered else ', no answer'}"
    for at in range(1, MOST, every):
        with stage() as theatre, tally.schedule(name, theatre.scene.engine) as row:
            failing = Failing(at, fail_over=functools.partial(way, theatre), answered=answered)
            application = new_application(theatre, strategy)
            if way is lose:
                _let_all_be_known(application)
                scene_of(theatre).cluster.freeze()
            require_survival(application, failing)
            _require_work(application, lost=way is lose)
            row.effects = max(row.effects, failing.count)
        if not failing.fired:
            assert at > LEAST
            return
    raise AssertionError(failing.trace)


def _let_all_be_known(application: Application) -> None:
    """Rotate a pair once before anything is lost: what marks its accounts as the secret's is known to both servers."""
    if application.strategy == "alternating-users":
        assert application.rotate().succeeded
        scene_of(application.theatre).cluster.catch_up()


def _require_work(application: Application, *, lost: bool) -> None:
    """Let the application work at the new writer; what was lost after all proofs, the next rotation repairs."""
    try:
        application.work()
    except Rejected:
        if not lost:
            raise
        result = application.rotate()
        assert result.succeeded, [str(step.error) for step in result.steps]
        application.work()
