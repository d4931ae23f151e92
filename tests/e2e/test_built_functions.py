"""Every function as `sam build` left it, with its layer, in Lambda's runtime, against real servers."""

from __future__ import annotations

import errno
import itertools
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.lab import runtime
from tests.lab.deployed import DeployedTheatre, stages_of
from tests.lab.theatre import emulated
from tests.support.template.functions import ROTATING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority

STAGES = [(engine, module) for function in ROTATING for engine, module in stages_of(function)]
numbers = itertools.count()


@pytest.fixture(scope="module", params=[module for _, module in STAGES], ids=[engine for engine, _ in STAGES])
def theatre(request: pytest.FixtureRequest, authority: Authority) -> Iterator[DeployedTheatre]:
    """Set the stage of each engine."""
    with ExitStack() as stack:
        scene = stack.enter_context(request.param.provide(authority))
        emulator = stack.enter_context(emulated())
        yield stack.enter_context(DeployedTheatre(request.param, scene, emulator))


@pytest.mark.parametrize("function", ROTATING)
def test_every_function_has_a_stage(function: str) -> None:
    """A function that is added is played here, too."""
    assert list(stages_of(function))


def test_every_strategy_rotates(theatre: DeployedTheatre) -> None:
    """All four steps, twice: the application keeps its rights, no login fails, no log holds a password."""
    for strategy in theatre.module.STRATEGIES:
        shop = theatre.application(f"built_{next(numbers)}", strategy)
        mark = theatre.scene.mark()
        for _ in range(2):
            result = shop.rotate()
            assert result.succeeded, [str(step.error) for step in result.steps]
            shop.work()
        assert theatre.scene.logins(mark)[1] == 0
    assert "AWSCURRENT is the new credential" in theatre.function_log.getvalue()
    assert theatre.leaked() == []


def test_one_process_serves_all_invocations(theatre: DeployedTheatre) -> None:
    """No step ends the function's process: a warm start is what Lambda's next event finds."""
    shop = theatre.application(f"built_{next(numbers)}", "single-user")
    assert shop.rotate().succeeded
    (before,) = theatre.runtime.process_ids()
    for _ in range(3):
        assert shop.rotate().succeeded
    assert theatre.runtime.process_ids() == [before]


def test_a_failure_is_what_lambda_reports(theatre: DeployedTheatre) -> None:
    """An error leaves the handler by its own class, with its remedy, and the next event is served."""
    shop = theatre.application(f"built_{next(numbers)}", "single-user")
    failed = theatre.player.deliver(shop.arn, "setSecret", "0" * 36)
    answer = failed.error.args[0] if failed.error else {}
    assert answer["errorType"] == "RotationRefused"
    assert "0" * 36 in theatre.function_log.getvalue()
    assert shop.rotate().succeeded


def test_code_and_layer_are_read_only(theatre: DeployedTheatre) -> None:
    """As on Lambda nothing can be written beside the code, so bytecode that does not ship is made at each start."""
    assert theatre.application(f"built_{next(numbers)}", "single-user").rotate().succeeded
    for folder in theatre.runtime.folders():
        if runtime.namespace() is None:
            assert not folder.stat().st_mode & 0o222
            continue
        with pytest.raises(OSError, match="Read-only") as caught:
            (folder / "new").touch()
        assert caught.value.errno == errno.EROFS
