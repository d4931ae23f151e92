"""Cut every effect of every rotation, once and twice, in every way, and see that nothing is lost."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import pytest

from rotation.model import Mark, Step
from rotation.settings import Settings
from tests.lab.nightly import some
from tests.support.crashes.other_people import BY_HAND, WAYS, abandoned, retried
from tests.support.emulators.secretsmanager.worlds import RECORDED, WORLDS, DryRunValue, World
from tests.support.memory.cuts import MOST, NEXT, STAGES, How, Play, Shears
from tests.support.memory.stage import ADMIN_ARN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.crashes.tally import Tally

ENGINE = "memory"
LEAST = 8
"""Effects that every rotation has: its calls alone."""

PLAIN: Final = frozenset({"the service retries", "an operator starts anew"})
"""What becomes of a cut rotation where nobody else has a hand in it."""

HALF, FEW, FEWER = 2, 3, 5
"""Of so many cuts `make test` plays one: where nobody else has a hand in it, where others have or as the second of a
pair, and as the first of a pair."""

LEAST_OF_A_DRY_RUN = 3
"""It reads the two versions, looks at the labels, and logs in."""

long = pytest.mark.exhaustive


OTHER_WORLDS = [
    "AWSPENDING goes with the move",
    "AWSPENDING goes when AWSCURRENT leaves",
    "a repeated put labels",
]
"""Those in which a rotation goes otherwise than in the world that was recorded."""


def _cases() -> Iterator[object]:
    """
    Return each stage, cut, way and world.

    Less is played in `make test` in worlds that were not recorded, and no kill before an effect: it leaves what one
    after the effect before does.
    """
    for name, how, way in itertools.product(STAGES, How, WAYS):
        marks = long if how is How.KILLED_BEFORE else ()
        yield pytest.param(name, how, way, RECORDED, id=f"{name}-{how}-{way}", marks=marks)
        marks = () if how is How.KILLED_AFTER and way in {*PLAIN, "an operator rolls back"} else long
        for world in OTHER_WORLDS:
            yield pytest.param(name, how, way, WORLDS[world], id=f"{name}-{how}-{way}-{world}", marks=marks)


@pytest.mark.parametrize(("name", "how", "way", "world"), [*_cases()])
def test_a_rotation_that_is_cut_anywhere_completes_by_itself(
    tally: Tally, name: str, how: How, way: str, world: World
) -> None:
    """However an effect is cut, whatever others do then, nothing is lost, and the next rotation is a healthy one."""
    for earlier in range(3 if "alternating" in name else 2):
        for at in some(MOST, HALF if way in PLAIN and world is RECORDED else FEW, name, how, way, world, earlier):
            with tally.schedule(name, ENGINE) as row:
                play = Play(name, earlier=earlier, world=world)
                play.story.append(f"after {earlier} rotations")
                shears = Shears(at, how)
                token = play.stage.store.rotate()
                play.cut(token, shears)
                if shears.fired:
                    play.story.append(way)
                    WAYS[way](play, token)
                    play.finish()
            row.effects = max(row.effects, shears.count)
            if not shears.fired:
                break
        assert LEAST < at < MOST - 1


@pytest.mark.parametrize("value", DryRunValue)
@pytest.mark.parametrize("how", How)
@pytest.mark.parametrize("name", STAGES)
def test_a_dry_run_that_is_cut_anywhere_changes_nothing(tally: Tally, name: str, how: How, value: DryRunValue) -> None:
    """The service removes the temporary version, whatever testSecret said, and the next rotation is a healthy one."""
    for earlier in range(2):
        for at in some(MOST, FEW, name, how, value, earlier):
            with tally.schedule(f"{name}, dry run", ENGINE) as row:
                play = Play(name, earlier=earlier, world=World(dry_run_value=value))
                before = play.stage.held_passwords()
                shears = Shears(at, how)
                token = play.stage.store.begin_dry_run()
                play.cut(token, shears, [Step.TEST])
                play.stage.store.end_dry_run(token)
                assert play.stage.held_passwords() == before
                play.finish()
            row.effects = max(row.effects, shears.count)
            if at > shears.count:  # a read that finds nothing has no end to be cut at
                break
        assert LEAST_OF_A_DRY_RUN < at < MOST - 1


@pytest.mark.parametrize("how", How)
@pytest.mark.parametrize("name", ["single-user by admin", "alternating-users", "retained-password by admin"])
def test_a_repair_by_the_admin_that_is_cut_anywhere_completes_by_itself(tally: Tally, name: str, how: How) -> None:
    """Where the settings allow the repair and nobody knows the password, a cut repair goes on with the retry."""
    for at, then in itertools.product(range(1, MOST), (retried, abandoned)):
        with tally.schedule(f"{name}, repaired", ENGINE) as row:
            play = Play(name, earlier=2)
            _lose(play)
            shears = Shears(at, how)
            token = play.stage.store.rotate()
            play.cut(token, shears)
            if shears.fired:
                then(play, token)
            play.excused = False
            play.stage.settings = Settings(admin_secret_arns=(ADMIN_ARN,))
            play.finish()
        row.effects = max(row.effects, shears.count)
        if at > row.effects:  # a login that is refused has no end to be cut at
            break
    assert LEAST < at < MOST - 1


def _lose(play: Play) -> None:
    """Let somebody change every password of the application, and the function's settings allow the repair."""
    stage = play.stage
    stage.settings = Settings(admin_secret_arns=(ADMIN_ARN,), repair_by_admin=True)
    play.chronicle.repair_allowed = play.excused = True
    for username in {"app", "app_clone"} & stage.server.accounts.keys():
        account = stage.server.accounts[username]
        account.password, account.second = BY_HAND, None
        if "app_clone" not in stage.server.accounts:
            account.mark = Mark(stage.store.arn, "app", "")
    play.known.add(BY_HAND)


NOT_LONG = {(How.KILLED_AFTER, How.KILLED_AFTER), (How.ANSWER_LOST, How.KILLED_AFTER)}
PAIRS = [
    pytest.param(first, second, marks=() if (first, second) in NOT_LONG else long)
    for first, second in itertools.product(How, How)
]


@pytest.mark.parametrize("between", NEXT)
@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("name", STAGES)
def test_a_rotation_that_is_cut_twice_completes_by_itself(
    tally: Tally, name: str, first: How, second: How, between: str
) -> None:
    """All pairs of cuts (some, in `make test`): one in the rotation, one in what follows it."""
    for earlier, finish in itertools.product((0, 1) if "alternating" in name else (1,), (retried, abandoned)):
        for at in some(MOST, FEWER, name, first, second, between, earlier, finish.__name__):
            if not _cut_twice(tally, name, earlier, between, (at, first, second), finish):
                break
        assert LEAST < at < MOST - 1


def _cut_twice(
    tally: Tally,
    name: str,
    earlier: int,
    between: str,
    cuts: tuple[int, How, How],
    finish: Callable[[Play, str], None],
) -> bool:
    """Cut at one place first, and then at every place; say whether the first cut fired."""
    at, first, second = cuts
    for then in some(MOST, FEW, at):
        with tally.schedule(name, ENGINE):
            play = Play(name, earlier=earlier)
            play.story.append(f"after {earlier} rotations")
            shears = Shears(at, first), Shears(then, second)
            token = play.stage.store.rotate()
            play.cut(token, shears[0])
            token = NEXT[between](play, token)
            play.cut(token, shears[1])
            finish(play, token)
            play.finish()
        if not shears[0].fired or not shears[1].fired:
            return shears[0].fired
    raise AssertionError(play)
