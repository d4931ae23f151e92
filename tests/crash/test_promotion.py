"""
Lose a Region at every point of a rotation, cut the promotion at every effect, and see that nothing is lost.

What came to the other Region may be as old as before the rotation, or as new as the cut; so may the database be.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from rotation.errors import NotOurs, NoWorkingCredential, RotationError, RotationRefused
from rotation.model import Credential, Password, Stage
from tests.lab.nightly import NIGHTLY
from tests.support.crashes.cuts import Cut, Scissors, cutting
from tests.support.emulators.secretsmanager.replication import AfterStop, Order, Replication
from tests.support.memory.engine import MemoryEngine, MemorySession
from tests.support.memory.regions import AWAY, HOME, STRATEGIES, TwoRegions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.crashes.tally import Tally
    from tests.support.memory.engine import Account

ENGINE: Final = "memory, two Regions"
MOST: Final = 60
"""Effects that neither a rotation nor a promotion has."""

LEAST: Final = 8
NEVER: Final = timedelta(days=90)
TWO_CREDENTIALS: Final = frozenset({"alternating-users", "retained-password", "retained-password by admin"})
"""Those of which one logs in whatever the two copies are, as long as they are of one rotation."""

REPLICATIONS: Final = {
    "AWSPENDING is not copied": Replication(after_stop=AfterStop.GONE),
    "AWSPENDING is copied": Replication(after_stop=AfterStop.GONE, pending_copied=True),
    "labels first": Replication(Order.LABELS_FIRST, after_stop=AfterStop.GONE, pending_copied=True),
    "versions without a label are copied": Replication(after_stop=AfterStop.GONE, unlabelled_copied=True),
}
EVERY: Final = 1 if NIGHTLY else 3
"""Of so many cuts `make test` plays one."""

long = pytest.mark.exhaustive


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    for name in ("machine.REREAD_PAUSES", "strategies.replicas.LOOKS", "strategies.replicas.LOOKS_ALONE"):
        monkeypatch.setattr(f"rotation.{name}", (0,))
    monkeypatch.setattr("rotation.strategies.cutover.LOOKS", (0, 0, 0))
    monkeypatch.setattr("rotation.promotion.returning.LOOKS", (0, 0))
    monkeypatch.setattr("time.sleep", lambda _: None)


@contextlib.contextmanager
def cut(scissors: Scissors) -> Iterator[None]:
    """Put the scissors around calls, logins and statements; whoever is killed is gone."""
    effects = ((MemoryEngine, "connect"), (MemorySession, "_statement"))
    with contextlib.suppress(Cut), cutting(scissors, *effects):
        yield


def lost(scene: TwoRegions, at: int, *, arrived: bool) -> tuple[Scissors, dict[str, Account]]:
    """Kill a rotation at home after an effect, and lose the Region; give what the database held before."""
    before, scissors = scene.accounts(), Scissors(at)
    if not arrived:
        scene.regions.lag[AWAY] = NEVER
    with cut(scissors):
        scene.player(HOME).rotate("app")
    for session in list(scene.server.sessions):
        session.end()
    scene.regions.cut(HOME)
    return scissors, before


def can_log_in(scene: TwoRegions) -> bool:
    """Return whether any version that came to the other Region with a value is one that the database accepts."""
    secret = scene.regions.find("app", AWAY)
    assert secret is not None
    documents = [TwoRegions.document(it.value.content()) for it in secret.versions.values() if it.value]
    return any(scene.server.logs_in(Credential(it["username"], Password(it["password"]))) for it in documents)


def require_promoted(scene: TwoRegions) -> None:
    """See that the secret logs in, is rotated where it is now, and that the Region that was lost changes nothing."""
    assert scene.logs_in()
    player = scene.player(AWAY)
    for result in player.run():
        if not result.succeeded:
            assert player.retry("app").succeeded
    scene.rotate(AWAY)
    assert scene.logs_in()
    before = scene.accounts()
    scene.regions.restore(HOME)
    secret = scene.regions.find("app", HOME)
    assert secret is not None
    secret.labels.pop(Stage.PENDING, None)
    error = scene.player(HOME).rotate("app").steps[-1].error
    assert isinstance(error, NotOurs | NoWorkingCredential | RotationRefused)
    assert scene.accounts() == before
    scene.rotate(AWAY)


def require_told(scene: TwoRegions, error: NoWorkingCredential) -> None:
    """See that nothing was cut, and that what the error tells helps."""
    secret = scene.regions.find("app", AWAY)
    assert secret is not None
    assert secret.primary_region == HOME
    assert "set the password that AWSCURRENT holds" in error.remedy
    current = scene.credential()
    scene.server.accounts[current.username].password = current.password.reveal()
    scene.promote()


@pytest.mark.parametrize("arrived", [True, False], ids=["it has come", "it has not come"])
@pytest.mark.parametrize("world", [pytest.param(name, marks=() if "not" in name else long) for name in REPLICATIONS])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_region_is_lost_in_the_middle_of_a_rotation(
    tally: Tally, strategy: str, world: str, *, arrived: bool
) -> None:
    """Whatever the ages of the two copies: what can log in is promoted; what cannot is told, with what helps."""
    rotations = (1, 2) if "alternating" in strategy or NIGHTLY else (1,)
    for earlier, at in itertools.product(rotations, range(1, MOST, EVERY)):
        for old in (False, True):
            with tally.schedule(f"{strategy}, Region lost", ENGINE) as row:
                scene = TwoRegions(strategy, replication=copy.copy(REPLICATIONS[world]))
                for _ in range(earlier):
                    scene.rotate()
                scissors, before = lost(scene, at, arrived=arrived)
                if old:
                    scene.server.accounts = before
                possible = can_log_in(scene)
                assert possible or strategy not in TWO_CREDENTIALS
                try:
                    scene.promote()
                except NoWorkingCredential as error:
                    if possible:
                        raise
                    require_told(scene, error)
                require_promoted(scene)
                row.effects = max(row.effects, scissors.count)
        if at > scissors.count and earlier == rotations[-1]:
            break
    assert LEAST < row.effects < MOST


CUTS: Final = [
    pytest.param(kills, marks=() if kills[0] and len(kills) == 1 else long, id=str(kills))
    for kills in ((True,), (False,), (True, True), (False, True), (True, False))
]
"""How a promotion is cut, once or twice: killed, or without an answer."""


@pytest.mark.parametrize("kills", CUTS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_promotion_that_is_cut_anywhere_is_completed_by_another_one(
    tally: Tally, strategy: str, kills: tuple[bool, ...]
) -> None:
    """The second cut comes anywhere in the promotion that was to complete the first; one without a cut completes it."""
    every = EVERY if len(kills) > 1 else 1
    for ats in itertools.product(range(1, MOST, every), repeat=len(kills)):
        with tally.schedule(f"{strategy}, promotion", ENGINE) as row:
            scene = TwoRegions(strategy, replication=REPLICATIONS["AWSPENDING is copied"])
            scene.rotate()
            scene.engine.names.add("there.example")
            lost(scene, MOST, arrived=True)
            trace = []
            for at, kill in zip(ats, kills, strict=True):
                scissors = Scissors(at, kills=kill)
                with cut(scissors), contextlib.suppress(RotationError):
                    scene.promote(Endpoint="there.example")
                trace.append(scissors.trace)
                row.effects = max(row.effects, scissors.count)
            scene.promote(Endpoint="there.example")
            require_promoted(scene)
        if len(ats) == 1 and ats[0] > scissors.count:
            assert row.effects > LEAST
            return


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_fail_back_that_is_cut_anywhere_is_completed_by_another_one(tally: Tally, strategy: str) -> None:
    """The return, the promotion at home and the return there: each is cut after each effect, and sent again."""
    for leg, at in itertools.product(range(3), range(1, MOST, EVERY)):
        with tally.schedule(f"{strategy}, fail back", ENGINE) as row:
            scene = TwoRegions(strategy, replication=REPLICATIONS["AWSPENDING is not copied"])
            scene.rotate()
            scene.regions.cut(HOME)
            scene.promote()
            scene.run_due(AWAY)
            scene.regions.restore(HOME)
            scissors = Scissors(MOST)
            for number in range(3):
                scissors = Scissors(at if number == leg else MOST)
                with cut(scissors), contextlib.suppress(RotationError):
                    _leg(scene, number)
                if scissors.fired:
                    _leg(scene, number)
                assert scene.run_due(HOME) in ([], [None])
                if number == leg:
                    count = scissors.count
            scene.rotate(HOME)
            assert scene.logs_in(HOME)
            assert scene.logs_in(AWAY)
            row.effects = max(row.effects, count)
        if at > count and leg == 2:
            return


def _leg(scene: TwoRegions, number: int) -> None:
    """Go one leg of the way back."""
    if number == 1:
        scene.promote(HOME, Force=True)
        return
    here, there = (AWAY, HOME) if number == 0 else (HOME, AWAY)
    scene.give_back(here, there, OverwriteStale=scene.regions[there].labels("app")["AWSCURRENT"])
