"""Steps that two threads deliver at once, at real servers: the twins of one token, and two tokens, one abandoned."""

from __future__ import annotations

import contextlib
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import RotationError, RotationRefused
from tests.lab import mariadb, mysql, postgresql
from tests.lab.cutting.sights import sight_of_application, watching
from tests.lab.nightly import NIGHTLY
from tests.support.crashes.invariants import require_kept
from tests.support.emulators.secretsmanager.errors import ServiceError
from tests.support.emulators.secretsmanager.rotation import STEPS, RotationPlayer

if TYPE_CHECKING:
    from tests.lab.theatre import Application, Theatre

ROUNDS: Final = 50 if NIGHTLY else 2
PATIENCE: Final = 60.0
"""Seconds after which a thread that does not come is a failure."""

PLAYS: Final = [
    (module.__name__.rpartition(".")[2], strategy)
    for module in (postgresql, mysql, mariadb)
    for strategy in module.STRATEGIES
]

_numbers = itertools.count()


@pytest.fixture(params=PLAYS, ids="-".join)
def application(request: pytest.FixtureRequest) -> Application:
    """Return a secret of each engine and strategy, rotated once."""
    engine, strategy = request.param
    theatre: Theatre = request.getfixturevalue(f"{engine}_theatre")
    made = theatre.application(f"twin_{next(_numbers)}", strategy)
    assert made.rotate().succeeded
    return made


def deliver_at_once(player: RotationPlayer, application: Application, *tokens: str) -> list[list[Any]]:
    """Deliver all steps of each token from a thread of its own, each step at the same time; give what was raised."""
    together = threading.Barrier(len(tokens), timeout=PATIENCE)

    def deliver(token: str) -> list[Any]:
        errors = []
        for step in STEPS:
            together.wait()
            errors.append(player.deliver(application.arn, step, token).error)
        return errors

    with ThreadPoolExecutor(len(tokens)) as pool:
        return list(pool.map(deliver, tokens))


def require_passing(errors: list[Any]) -> None:
    """See that whatever was raised asks for another try, or is the table's own refusal."""
    for error in filter(None, errors):
        assert isinstance(error, RotationError), error
        assert error.retryable or isinstance(error, RotationRefused), error


def require_completion(player: RotationPlayer, application: Application) -> None:
    """Let the service retry, and see that it gets through."""
    result = player.retry(application.arn)
    assert result.succeeded, [str(step.error) for step in result.steps]


def test_twins_of_every_step_lose_nothing(application: Application) -> None:
    """Both do the same at the same time; AWSCURRENT works, and a retry completes."""
    single = application.strategy.startswith("single-user")
    for _ in range(ROUNDS):
        with watching(application) as chronicle, application.theatre.player_for_threads() as player:
            token = application.begin()
            for errors in deliver_at_once(player, application, token, token):
                require_passing(errors)
            require_kept(sight_of_application(application, in_the_window=single), chronicle)
            require_completion(player, application)
        require_kept(sight_of_application(application), chronicle)


def test_an_abandoned_token_beside_a_new_one_loses_nothing(application: Application) -> None:
    """The steps of a rotation that somebody gave up after setSecret come late, beside those of the next one."""
    for _ in range(ROUNDS):
        with watching(application) as chronicle, application.theatre.player_for_threads() as player:
            late = application.begin()
            for step in STEPS[:2]:
                assert player.deliver(application.arn, step, late).error is None
            player.abandon(application.arn)
            fresh = application.begin()
            abandoned, errors = deliver_at_once(player, application, late, fresh)
            assert [type(error) for error in abandoned] == [RotationRefused] * len(STEPS)
            require_passing(errors)
            require_completion(player, application)
            assert application.theatre.emulator.labels(application.arn)["AWSCURRENT"] == fresh
        require_kept(sight_of_application(application), chronicle)


def test_a_rotation_that_is_given_up_in_the_middle_loses_nothing(application: Application) -> None:
    """While one thread delivers the steps of a token, somebody abandons it, and the next token's come at once."""
    single = application.strategy.startswith("single-user")
    for _ in range(ROUNDS):
        with watching(application) as chronicle, application.theatre.player_for_threads() as player:
            late = application.begin()
            require_passing([player.deliver(application.arn, STEPS[0], late).error])
            with ThreadPoolExecutor(1) as pool:
                delivering = pool.submit(lambda: [player.deliver(application.arn, it, late).error for it in STEPS[1:]])  # noqa: B023 it ends in here
                with contextlib.suppress(KeyError, ServiceError):  # it was faster
                    player.abandon(application.arn)
                fresh = application.begin()
                require_passing([player.deliver(application.arn, step, fresh).error for step in STEPS])
            require_passing(delivering.result())
            require_kept(sight_of_application(application, in_the_window=single), chronicle)
            require_completion(player, application)
            assert application.theatre.emulator.labels(application.arn)["AWSCURRENT"] == fresh
        require_kept(sight_of_application(application), chronicle)
