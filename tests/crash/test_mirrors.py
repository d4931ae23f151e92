"""Rotations of a secret with mirrors, cut at every call, login and write: whoever reads a mirror logs in."""

from __future__ import annotations

import contextlib
import functools
import itertools
from typing import TYPE_CHECKING

import pytest

from rotation.errors import RotationError, RotationRefused, StoreUnavailable
from rotation.model import Stage
from rotation.steps import sync_mirrors
from tests.lab.nightly import NIGHTLY
from tests.support.crashes.invariants import Violated
from tests.support.crashes.recorder import watched
from tests.support.memory.alike import alike
from tests.support.memory.cuts import NEVER_OUT, NEXT, STAGES, How, Play, Shears, new_token
from tests.support.memory.mirrors import Followed, MemoryMirrors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.model import Credential
    from tests.support.crashes.tally import Tally
    from tests.support.memory.stage import MemoryStage

ENGINE = "memory, with mirrors"
MOST = 150
"""Effects that no rotation has."""
FROZEN = 10.0
"""Seconds for which a run stands still: longer than what it read is believed."""
LEAST = 20
"""Effects that each has: its calls, and those of two mirrors or three."""
FEW, FEWER = (1, 1) if NIGHTLY else (2, 7)
"""Of so many cuts `make test` plays one."""

long = pytest.mark.exhaustive


@functools.cache
def _followed(name: str) -> MemoryStage:
    """Build a stage whose secret has a mirror in each layout, and rotate once: thousands of plays begin behind that."""
    stage = STAGES[name]()
    Followed.of(stage, two_users="alternating" in name)
    stage.rotate()
    return stage


class Mirrored(Play):
    """A stage whose secret has mirrors, where somebody reads them around every effect."""

    def __init__(self, name: str) -> None:
        """Begin to watch."""
        super().__init__(name)
        self.stage = _followed(name).copy()
        assert isinstance(self.stage.mirrors, MemoryMirrors)
        self.followed = Followed.again(self.stage, self.stage.mirrors)
        self.chronicle = watched(self.stage)

    def is_new(self, known: set[object], *to_come: object) -> bool:
        """Return whether nothing was played yet that left this, and went on in this way; remember it."""
        store = self.stage.store
        held = store.values, store.stages, self.stage.server.accounts, self.followed.mirrors.values
        state = alike(*held, self.excused), to_come
        new = state not in known
        known.add(state)
        return new

    def complete(self, token: str) -> None:
        """
        Look at the mirrors, too: whoever read one before the rotation logs in until the next one begins.

        Where one was behind, the service's retry comes after caches have followed.
        """
        kept = self.followed.credentials()
        if self._is_held(self.stage.play(token)):
            self.story.append("refused once, since a mirror was behind")
            self._require_to_log_in(kept, "a reader that caches, when a mirror was written")
            kept = self.followed.credentials()
        super().complete(token)
        self.require_in_step()
        self._require_to_log_in(kept, "a reader that caches, before the next rotation")

    @staticmethod
    def _is_held(error: RotationError | None) -> bool:
        return isinstance(error, RotationRefused) and "readers that cache" in str(error)

    def require_in_step(self) -> None:
        """See that each mirror holds AWSCURRENT."""
        if not self.followed.in_step():
            raise Violated(f"A mirror is behind\n{self}")

    def look(self, *, in_the_window: bool = False) -> None:
        """Look at the mirrors after a delivery, too."""
        super().look(in_the_window=in_the_window)
        self.require_readers_to_log_in("at the end of a delivery")

    @contextlib.contextmanager
    def _cutting(self, shears: Shears) -> Iterator[None]:
        with super()._cutting(shears):
            lost = StoreUnavailable("No answer")
            self.followed.mirrors.effect = lambda name, phase: self._watch(shears, name, phase, lost)
            try:
                yield
            finally:
                self.followed.mirrors.effect = lambda _name, _phase: None

    def _watch(self, shears: Shears, name: str, phase: str, unanswered: RotationError) -> None:
        self.require_readers_to_log_in(f"{phase} {name}")
        super()._watch(shears, name, phase, unanswered)

    def require_readers_to_log_in(self, when: str) -> None:
        """See that the server accepts what stands in the mirrors, where an old credential works beside a new one."""
        self._require_to_log_in(self.followed.credentials(), f"a reader of a mirror {when}")

    def _require_to_log_in(self, credentials: list[Credential], who: str) -> None:
        if self.name in NEVER_OUT and not self.excused and not all(map(self.stage.server.logs_in, credentials)):
            raise Violated(f"Rejected: {who}\n{self}")


def _cases() -> Iterator[object]:
    """Return each stage and cut; `make test` plays kills after each effect, and answers that are lost."""
    for name, how in itertools.product(STAGES, How):
        plain = how in {How.KILLED_AFTER, How.ANSWER_LOST} and " " not in name
        yield pytest.param(name, how, id=f"{name}-{how}", marks=() if plain else long)


@pytest.mark.parametrize(("name", "how"), [*_cases()])
def test_a_rotation_that_is_cut_anywhere_rejects_no_reader_of_a_mirror(tally: Tally, name: str, how: How) -> None:
    """Neither at the cut, nor when the service retries or an operator begins anew, nor until the next rotation."""
    for then in NEXT.values():
        for at in range(1, MOST):
            with tally.schedule(name, ENGINE) as row:
                play, shears = Mirrored(name), Shears(at, how)
                token = play.stage.store.rotate()
                play.cut(token, shears)
                play.complete(then(play, token))
                play.finish()
            row.effects = max(row.effects, shears.count)
            if not shears.fired:
                break
        assert LEAST < at < MOST - 1


DIFFERENT = [how for how in How if how is not How.KILLED_BEFORE]
"""A kill before an effect leaves what one after the effect before does."""

PAIRS = [
    pytest.param(first, second, marks=() if (first, second) == (How.KILLED_AFTER, How.ANSWER_LOST) else long)
    for first, second in itertools.product(DIFFERENT, DIFFERENT)
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
@pytest.mark.parametrize("name", STAGES)
def test_a_rotation_that_is_cut_twice_rejects_no_reader_of_a_mirror(
    tally: Tally, name: str, first: How, second: How
) -> None:
    """One cut in the rotation, one in what follows it; what leaves the same is gone on from once."""
    for then in NEXT.values():
        known: set[object] = set()
        for at in range(1, MOST, FEWER):
            begin = 1 + at % FEWER
            for again in range(begin, MOST, FEWER):
                shears, repeated = Shears(at, first), Shears(again, second)
                with tally.schedule(name, ENGINE):
                    play = Mirrored(name)
                    token = play.stage.store.rotate()
                    play.cut(token, shears)
                    token = then(play, token)
                    if again == begin and not play.is_new(known, begin):
                        break
                    play.cut(token, repeated)
                    if play.is_new(known):
                        play.complete(token)
                        play.finish()
                if not repeated.fired:
                    break
            if not shears.fired:
                break
        assert at > LEAST


def a_twin(play: Mirrored, token: str) -> None:
    """Let the same token run once more, from its first step to its last."""
    play.stage.play(token)


def the_next_rotation(play: Mirrored, token: str) -> None:
    """Let the service retry, and a whole rotation follow: whoever wakes up after that is late by an interval."""
    if play.stage.play(token) is None:
        play.stage.play(play.stage.store.rotate())


def a_roll_back(play: Mirrored, token: str) -> None:
    """Let somebody move AWSCURRENT back once it has moved, and send syncMirrors, as the guide says."""
    if play.stage.store.holder(Stage.CURRENT) == token:
        play.stage.store.roll_back()
        play.excused = True
        sync_mirrors(play.stage.delivery(""))


MEANWHILE = (a_twin, the_next_rotation, a_roll_back)


@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("name", [pytest.param(name, marks=long if " " in name else ()) for name in STAGES])
def test_a_run_that_freezes_and_wakes_up_rejects_no_reader_of_a_mirror(
    tally: Tally, name: str, meanwhile: Callable[[Mirrored, str], None]
) -> None:
    """Two runs at once, at every effect of one: the last that writes looks after its write, so that all end equal."""
    for at in range(1, MOST, FEW):
        with tally.schedule(name, ENGINE):
            play, shears = Mirrored(name), Shears(at, How.KILLED_AFTER)
            token = play.stage.store.rotate()
            _freeze(play, token, shears, lambda play=play, token=token: meanwhile(play, token))  # type: ignore[misc]
            _settle(play, token)
            play.finish()
        if not shears.fired:
            break
    assert at + FEW > LEAST


def _freeze(play: Mirrored, token: str, shears: Shears, meanwhile: Callable[[], None]) -> None:
    """Deliver a rotation that stands still after one of its effects, while something else happens whole."""
    seen = itertools.count(1)
    effects = (play.stage.store, play.stage.server, play.followed.mirrors)

    def effect(name: str, phase: str) -> None:
        play.require_readers_to_log_in(f"{phase} {name}, beside a run that is frozen after effect {shears.at}")
        if phase == "after" and next(seen) == shears.at:
            shears.fired = True
            play.stage.late += FROZEN
            meanwhile()

    for one in effects:
        one.effect = effect
    play.stage.play(token)
    for one in effects:
        one.effect = lambda _name, _phase: None


def _settle(play: Mirrored, token: str) -> None:
    """Let the service retry what is not over, or an operator begin anew after a roll-back."""
    if play.excused:
        play.complete(new_token(play, token))
        play.excused = False
    play.stage.play(token)
    play.require_in_step()
