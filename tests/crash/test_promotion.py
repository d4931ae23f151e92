"""
Lose a Region at every point of a rotation, cut the promotion at every effect, and see that nothing is lost.

What came to the other Region may be as old as before the rotation, or as new as the cut; so may the database be.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import GuardViolation, NotOurs, NoWorkingCredential, RotationError, RotationRefused
from rotation.model import Credential, Password, Stage
from tests.lab.nightly import NIGHTLY, some
from tests.support.crashes.cuts import Cut, Scissors, cutting
from tests.support.emulators.secretsmanager.replication import REPLICATIONS, Replication
from tests.support.emulators.secretsmanager.worlds import BY_THE_MANUAL, RECORDED, WORLDS, World
from tests.support.memory.alike import copied, told
from tests.support.memory.engine import MemoryEngine, MemorySession
from tests.support.memory.regions import AWAY, HOME, STRATEGIES, TwoRegions

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from tests.support.crashes.tally import Tally
    from tests.support.memory.engine import Account

ENGINE: Final = "memory, two Regions"
MOST: Final = 60
"""Effects that neither a rotation nor a promotion has."""

LEAST: Final = 8
NEVER: Final = timedelta(days=90)
TWO_CREDENTIALS: Final = frozenset({"alternating-users", "retained-password", "retained-password by admin"})
"""Those of which one logs in whatever the two copies are, as long as they are of one rotation."""

_PENDING: Final = REPLICATIONS["AWSPENDING is copied"]
EVERYWHERE: Final[Mapping[str, tuple[Replication, World]]] = {
    **{name: (replication, RECORDED) for name, replication in REPLICATIONS.items()},
    **{name: (_PENDING, world) for name, world in WORLDS.items() if world != RECORDED},
    "by the manual": (_PENDING, BY_THE_MANUAL),
}
"""Each switch of the emulated service by itself, of copies and of all else."""

FIRST: Final = next(iter(EVERYWHERE))

EVERY: Final = 1 if NIGHTLY else 5
"""Of so many cuts `make test` plays one."""

long = pytest.mark.exhaustive
pytestmark = pytest.mark.usefixtures("nobody_waits")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    for name in ("machine.REREAD_PAUSES", "strategies.replicas.LOOKS", "strategies.replicas.LOOKS_ALONE"):
        monkeypatch.setattr(f"rotation.{name}", (0,))
    monkeypatch.setattr("rotation.strategies.cutover.LOOKS", (0, 0, 0))
    monkeypatch.setattr("rotation.promotion.returning.LOOKS", (0, 0))


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
@pytest.mark.parametrize("world", [pytest.param(name, marks=() if name == FIRST else long) for name in EVERYWHERE])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_region_is_lost_in_the_middle_of_a_rotation(
    tally: Tally, strategy: str, world: str, *, arrived: bool
) -> None:
    """Whatever the ages of the two copies: what can log in is promoted; what cannot is told, with what helps."""
    rotations = (1, 2) if "alternating" in strategy or NIGHTLY else (1,)
    for earlier, old in itertools.product(rotations, (False, True)):
        begin = in_world(strategy, world, rotations=earlier)
        known: set[object] = set()
        for at in some(MOST, EVERY, strategy, world, arrived, earlier, old):
            with tally.schedule(f"{strategy}, Region lost", ENGINE) as row:
                scene = copied(begin)
                scissors, before = lost(scene, at, arrived=arrived)
                if old:
                    scene.server.accounts = before
                row.effects = max(row.effects, scissors.count)
                if is_new(scene, known):
                    require_saved(scene, strategy)
            if not scissors.fired:
                break
        assert LEAST < row.effects < MOST


def is_new(scene: TwoRegions, known: set[object], *to_come: object) -> bool:
    """Return whether nothing was played yet that left this, and went on in this way; remember it."""
    state = told(scene), to_come
    new = state not in known
    known.add(state)
    return new


def require_saved(scene: TwoRegions, strategy: str) -> None:
    """Promote, or see that what is told helps; then see that the secret is rotated there and nowhere else."""
    possible = can_log_in(scene)
    assert possible or strategy not in TWO_CREDENTIALS
    try:
        scene.promote()
    except NoWorkingCredential as error:
        if possible:
            raise
        require_told(scene, error)
    require_promoted(scene)


USUAL: Final = "AWSPENDING is copied"
OF_A_RETURN: Final = frozenset(
    {
        USUAL,
        "a stopped replica is gone",
        "a stopped replica is InSync",
        "Force overwrites a primary",
        "AWSPENDING goes with the move",
        "by the manual",
    }
)
"""The worlds in which a return goes another way: in these alone a fail back is cut twice."""

KILLED: Final = (True,)
CUTS: Final = (KILLED, (False,), (None,), (True, True), (False, True), (True, False), (False, False))
"""How somebody is cut, once or twice: killed, or without an answer; with None nothing came of what was asked."""


def shears(at: int, kill: bool | None) -> Scissors:  # noqa: FBT001 one of the three
    """Return what cuts so after an effect, or in its place."""
    return Scissors(at, kills=bool(kill), arrives=kill is not None)


def cuts(*, twice: Container[str] = EVERYWHERE) -> Iterator[object]:
    """Return each strategy in each world with each cut, once and then twice; `make test` kills in one world."""
    for kills, strategy, world in itertools.product(CUTS, STRATEGIES, EVERYWHERE):
        if len(kills) > 1 and world not in twice:
            continue
        marks = () if (world, kills) == (USUAL, KILLED) else long
        yield pytest.param(strategy, world, kills, id=f"{strategy}-{world}-{kills}", marks=marks)


def played(
    kills: tuple[bool | None, ...], uncut: Sequence[Scissors], first: Callable[[Scissors], object], *, every: int = 1
) -> Iterator[tuple[int, ...]]:
    """
    Return after which effects to cut, given those of somebody whom nobody cuts.

    Of two cuts, each kill comes after a change or at the end: after a read all is as it was before it. Whoever gets no
    answer and gives up leaves what a kill leaves; so before another cut only those get none who then go on.
    """
    for_each = []
    for number, (kill, whole) in enumerate(zip(kills, uncut, strict=True)):
        if kill and len(kills) > 1:
            for_each.append([*(run[0] for run in whole.alike), whole.count + 1])
        elif number + 1 < len(kills):
            for_each.append([at for at in range(1, whole.count + 1) if _goes_on(first, at)])
        else:
            for_each.append([*range(1, whole.count + 2, every)])
    return itertools.product(*for_each)


def _goes_on(work: Callable[[Scissors], object], at: int) -> bool:
    scissors = Scissors(at, kills=False)
    work(scissors)
    return scissors.count > at


def in_world(strategy: str, world: str, *, rotations: int = 1) -> TwoRegions:
    """Return two Regions after so many rotations."""
    replication, service = EVERYWHERE[world]
    scene = TwoRegions(strategy, replication=replication, world=service)
    for _ in range(rotations):
        scene.rotate()
    return scene


def lost_in_world(strategy: str, world: str) -> TwoRegions:
    """Lose the first Region at the end of a rotation; the database has another name in the second."""
    scene = in_world(strategy, world)
    scene.engine.names.add("there.example")
    lost(scene, MOST, arrived=True)
    return scene


def uncut(work: Callable[[], object]) -> Scissors:
    """Let it be done, and count its effects."""
    scissors = Scissors(MOST * 9)
    with cut(scissors):
        work()
    return scissors


@pytest.mark.parametrize(("strategy", "world", "kills"), [*cuts()])
def test_a_promotion_that_is_cut_anywhere_is_completed_by_another_one(
    tally: Tally, strategy: str, world: str, kills: tuple[bool | None, ...]
) -> None:
    """The second cut comes anywhere in the promotion that was to complete the first; one without a cut completes it."""
    known: set[object] = set()
    begin = lost_in_world(strategy, world)
    scene = copied(begin)
    scissors = uncut(lambda: scene.promote(Endpoint="there.example"))
    assert LEAST < scissors.count < MOST

    def promoted(before: TwoRegions, one: Scissors) -> TwoRegions:
        scene = copied(before)
        with cut(one), contextlib.suppress(RotationError):
            scene.promote(Endpoint="there.example")
        return scene

    @functools.cache
    def cut_at(ats: tuple[int, ...]) -> TwoRegions:
        return promoted(cut_at(ats[:-1]), shears(ats[-1], kills[len(ats) - 1])) if ats else begin

    for ats in played(kills, [scissors] * len(kills), functools.partial(promoted, begin)):
        with tally.schedule(f"{strategy}, promotion", ENGINE) as row:
            left = cut_at(ats)
            row.effects = max(row.effects, scissors.count)
            if is_new(left, known):
                left.promote(Endpoint="there.example")
                require_promoted(left)


def by_hand(scene: TwoRegions, here: str, there: str) -> None:
    """Delete a secret that does not give way, as docs/regions.md tells (The way back)."""
    look, remove, delete = scene.regions[here], scene.regions[there], scene.regions[there]
    assert look.execute("DescribeSecret", {"SecretId": "app"}).get("PrimaryRegion") in {None, here}
    remove.execute("RemoveRegionsFromReplication", {"SecretId": "app", "RemoveReplicaRegions": [here]})
    delete.execute("DeleteSecret", {"SecretId": "app", "ForceDeleteWithoutRecovery": True})


def give_back(scene: TwoRegions, here: str, there: str) -> None:
    """Send the event of a return; a secret that does not give way is deleted by hand."""
    current = scene.regions[there].labels("app")[Stage.CURRENT] if scene.regions.find("app", there) else ""
    stale: dict[str, Any] = {"OverwriteStale": current} if current else {}
    try:
        scene.give_back(here, there, **stale)
    except GuardViolation as error:
        if "docs/regions.md" not in error.remedy:
            raise
        by_hand(scene, here, there)
        scene.give_back(here, there)


LEGS: Final[tuple[Callable[[TwoRegions], object], ...]] = (
    lambda scene: give_back(scene, AWAY, HOME),
    lambda scene: scene.promote(HOME, Force=True),
    lambda scene: give_back(scene, HOME, AWAY),
)
"""The way back: a return, the promotion at home, the return there."""


def failing_back(strategy: str, world: str) -> TwoRegions:
    """Promote while the first Region is lost; then it comes back."""
    scene = in_world(strategy, world)
    scene.regions.cut(HOME)
    scene.promote()
    scene.run_due(AWAY)
    scene.regions.restore(HOME)
    return scene


def go_back(scene: TwoRegions, cuts_of: Sequence[tuple[int, Scissors]], known: set[object]) -> None:
    """
    Go each leg, cut as often as is said, and then once more; after the first never two Regions rotate the secret.

    What was gone on from already is not gone on from again.
    """
    for number, leg in enumerate(LEGS):
        later = [(of, it.at, it.kills, it.arrives) for of, it in cuts_of if of > number]
        for scissors in (it for of, it in cuts_of if of == number):
            with cut(scissors), contextlib.suppress(RotationError):
                leg(scene)
            marked = "app_clone" in scene.server.accounts  # the function of the other Region meets marks
            assert len(rotating(scene)) <= 1 or number == 0 or (marked and not scissors.arrives)
        if not is_new(scene, known, number, *later):
            return
        leg(scene)
        assert scene.run_due(HOME) in ([], [None])
        assert len(rotating(scene)) <= 1
    scene.rotate(HOME)
    assert scene.logs_in(HOME)
    assert scene.logs_in(AWAY)


def rotating(scene: TwoRegions) -> list[str]:
    """Return the Regions in which the secret is one of its own and rotated."""
    found = {region: scene.regions.find("app", region) for region in (HOME, AWAY)}
    return [region for region, it in found.items() if it and not it.primary_region and it.rotation.enabled]


@pytest.mark.parametrize(("strategy", "world", "kills"), [*cuts(twice=OF_A_RETURN)])
def test_a_fail_back_that_is_cut_anywhere_is_completed_by_another_one(
    tally: Tally, strategy: str, world: str, kills: tuple[bool | None, ...]
) -> None:
    """Each leg is cut after each effect, and sent again; the second cut comes in the same leg or in a later one."""
    known: set[object] = set()
    begin = failing_back(strategy, world)
    measured = [Scissors(MOST * 9) for _ in LEGS]
    go_back(copied(begin), [*enumerate(measured)], set())

    @functools.cache
    def before(leg: int) -> TwoRegions:
        scene = copied(before(leg - 1) if leg else begin)
        if leg:
            LEGS[leg - 1](scene)
            scene.run_due(HOME)
        return scene

    def first(leg: int, one: Scissors) -> TwoRegions:
        scene = copied(before(leg))
        with cut(one), contextlib.suppress(RotationError):
            LEGS[leg](scene)
        return scene

    @functools.cache
    def left(leg: int, at: int) -> str:
        return told(first(leg, shears(at, kills[0])))

    representatives: dict[tuple[int, str], int] = {}

    for where in itertools.combinations_with_replacement(range(len(LEGS)), len(kills)):
        whole = [measured[number] for number in where]
        for ats in played(kills, whole, functools.partial(first, where[0]), every=EVERY):
            if ats[1:] and representatives.setdefault((where[0], left(where[0], ats[0])), ats[0]) != ats[0]:
                continue
            with tally.schedule(f"{strategy}, fail back", ENGINE) as row:
                scissors = [shears(at, kill) for at, kill in zip(ats, kills, strict=True)]
                go_back(copied(begin), [*zip(where, scissors, strict=True)], known)
                row.effects = max(row.effects, *(it.count for it in scissors))
