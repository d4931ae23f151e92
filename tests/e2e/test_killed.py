"""The function's process dies in mid-step, or its time is over; the service's retry completes the rotation."""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack
from math import ceil
from typing import TYPE_CHECKING

import pytest

from rotation.entrypoints.assembly import MARGIN
from rotation.strategies.cutover import TIME_NEEDED
from tests.lab import postgresql
from tests.lab.cutting.sights import sight_of_application
from tests.lab.deployed import DeployedTheatre
from tests.lab.theatre import emulated
from tests.support.crashes.invariants import require_kept
from tests.support.emulators.secretsmanager.errors import ConnectionCut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.theatre import Application
    from tests.support.emulators.secretsmanager.faults import Phase
    from tests.support.servers.tls import Authority

TIMEOUT = 6
"""Seconds of an invocation: enough for a pair's change, and less than the function waits for the label's move."""

LONG = ceil(MARGIN + TIME_NEEDED) + 2
"""Seconds of an invocation: enough for a single user's change to begin."""

STRATEGIES = ("single-user", "alternating-users")
DEADLY = ("PutSecretValue", "UpdateSecretVersionStage")
"""The calls with an effect: in createSecret, and in finishSecret after the database was changed."""

numbers = itertools.count()


@pytest.fixture(scope="module", params=[LONG, TIMEOUT], ids=["long", "short"])
def theatre(request: pytest.FixtureRequest, authority: Authority) -> Iterator[DeployedTheatre]:
    """Set the stage."""
    with ExitStack() as stack:
        scene = stack.enter_context(postgresql.provide(authority))
        emulator = stack.enter_context(emulated())
        yield stack.enter_context(DeployedTheatre(postgresql, scene, emulator, timeout=request.param))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("theatre", [LONG], indirect=True, ids=["long"])
def test_a_killed_process_is_made_good_by_the_retry(theatre: DeployedTheatre, strategy: str, phase: Phase) -> None:
    """SIGKILL before or after the effect of a call; each retry is served by a process that knows nothing."""
    for deadly in DEADLY:
        shop = theatre.application(f"killed_{next(numbers)}", strategy)
        killed: list[str] = []

        def strike(_index: int, operation: str, now: Phase, deadly: str = deadly, killed: list[str] = killed) -> None:
            if (operation, now) == (deadly, phase) and not killed:
                killed.append(operation)
                theatre.runtime.kill()

        theatre.emulator.faults.watch(strike, caller="function")
        failed = shop.rotate()
        theatre.emulator.faults.clear()
        assert killed
        assert not failed.succeeded
        completes(shop)


@pytest.mark.parametrize("theatre", [TIMEOUT], indirect=True, ids=["short"])
def test_an_invocation_that_ran_out_of_time_is_made_good(theatre: DeployedTheatre) -> None:
    """The pair's other user was made, and Lambda ends the process while it waits for the label to move."""
    shop = theatre.application(f"late_{next(numbers)}", "alternating-users")

    def strike(_index: int, operation: str, now: Phase) -> None:
        if (operation, now) == ("UpdateSecretVersionStage", "before"):
            time.sleep(TIMEOUT)
            raise ConnectionCut

    theatre.emulator.faults.watch(strike, caller="function")
    failed = shop.rotate()
    theatre.emulator.faults.clear()
    assert not failed.succeeded
    assert failed.steps[-1].step == "finishSecret"
    assert f"Duration: {TIMEOUT}000.00 ms" in theatre.function_log.getvalue()
    completes(shop)


@pytest.mark.parametrize("theatre", [LONG], indirect=True, ids=["long"])
def test_a_single_users_change_that_ran_out_of_time_is_made_good(theatre: DeployedTheatre) -> None:
    """The password was changed, and the function stands still until Lambda ends it: AWSCURRENT is refused till then."""
    shop = theatre.application(f"late_{next(numbers)}", "single-user")

    def strike(_index: int, operation: str, now: Phase) -> None:
        if (operation, now) == ("UpdateSecretVersionStage", "before"):
            theatre.runtime.freeze()
            raise ConnectionCut

    theatre.emulator.faults.watch(strike, caller="function")
    failed = shop.rotate()
    theatre.emulator.faults.clear()
    assert not failed.succeeded
    assert failed.steps[-1].step == "finishSecret"
    assert f"Duration: {LONG}000.00 ms" in theatre.function_log.getvalue()
    completes(shop)


def completes(shop: Application) -> None:
    """Hold the invariants; retry as the service does, with the same token; and hold them again."""
    require_kept(sight_of_application(shop, in_the_window=shop.strategy == "single-user"))
    assert shop.theatre.player.retry(shop.arn).succeeded
    require_kept(sight_of_application(shop))
    assert shop.theatre.leaked() == []
