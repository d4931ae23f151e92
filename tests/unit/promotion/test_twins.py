"""Two promotions at once, as when the command line sends one again that takes long: neither undoes the other's work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rotation.promotion import promoting
from tests.support.emulators.secretsmanager.replication import AfterStop, Replication
from tests.support.memory.regions import AWAY, HOME, STRATEGIES, TwoRegions

if TYPE_CHECKING:
    from collections.abc import Callable

METHODS = ("stop_replication", "tag", "put_current", "policy", "attach")
"""Where the slower one is held up, until the other is done."""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    for name in ("machine.REREAD_PAUSES", "strategies.replicas.LOOKS", "strategies.replicas.LOOKS_ALONE"):
        monkeypatch.setattr(f"rotation.{name}", (0,))


def held_up(scene: TwoRegions, method: str, meanwhile: Callable[[], object], **event: Any) -> None:  # noqa: ANN401 JSON
    """Promote, and let something happen before a call of the store."""
    case = scene.case(**event)
    call = getattr(case.store, method)

    def later(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 passed on
        setattr(case.store, method, call)
        meanwhile()
        return call(*arguments, **named)

    setattr(case.store, method, later)
    promoting.promote(case)


@pytest.mark.parametrize("rotated", [0, 1, 2], ids=["begun", "rotated", "rotated twice"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_promotion_that_was_held_up_takes_nothing_back(strategy: str, method: str, rotated: int) -> None:
    """Its twin has promoted the secret, which was rotated since: AWSCURRENT stays what logs in."""
    scene = TwoRegions(strategy, replication=Replication(after_stop=AfterStop.GONE))
    scene.rotate()
    scene.regions.cut(HOME)
    scene.engine.names.add("there.example")

    def twin() -> None:
        scene.promote(Endpoint="there.example")
        for _ in range(rotated):
            if any(scene.run_due()):
                scene.player(AWAY).retry("app")
            if rotated > 1:
                scene.rotate(AWAY)

    held_up(scene, method, twin, Endpoint="there.example")
    for failure in scene.run_due():
        assert failure is None
    assert scene.logs_in()
    scene.rotate(AWAY)
    assert scene.logs_in()
