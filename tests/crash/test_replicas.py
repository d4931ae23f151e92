"""Rotations of a secret with a replica, cut at every effect: no replica serves a value that does not log in."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import RotationRefused
from rotation.model import Credential, Password, Stage
from rotation.settings import Settings
from tests.lab.nightly import some
from tests.support.crashes.invariants import Violated
from tests.support.emulators.secretsmanager.replication import Order
from tests.support.memory.copying import NEVER, Copying
from tests.support.memory.cuts import NEVER_OUT, NEXT, STAGES, How, Play, Shears
from tests.support.memory.stage import ADMIN_ARN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.errors import RotationError
    from tests.support.crashes.tally import Tally

ENGINE = "memory, with a replica"
AWAY = "eu-central-1"
MOST = 150
"""Effects that no rotation has, whatever it waits for."""
WHILE, LONG = 6, 5000
"""Ticks until a copy arrives: within the rotation, or long after it."""
FEW = 5
"""Of so many cuts `make test` plays one."""

DELAYS: Final[dict[str, dict[str, Any]]] = {
    "at once": {},
    "a while, the value first": {"lag": WHILE, "gap": 3, "order": Order.VALUE_FIRST},
    "a while, the labels first": {"lag": WHILE, "gap": 3, "order": Order.LABELS_FIRST},
    "a while, AWSPENDING too": {"lag": WHILE, "pending_copied": True},
    "a while, seen by its status": {"lag": WHILE, "silent": True},
    "long after": {"lag": LONG},
    "long after, AWSPENDING too, the labels first": {
        "lag": LONG,
        "gap": LONG,
        "order": Order.LABELS_FIRST,
        "pending_copied": True,
    },
    "long after, AWSPENDING too, the value first": {
        "lag": LONG,
        "gap": LONG,
        "order": Order.VALUE_FIRST,
        "pending_copied": True,
    },
    "long after, seen by its status": {"lag": LONG, "silent": True},
    "long after, InSync all the while": {"lag": LONG, "status_late": LONG},
    "stuck": {"stuck": True},
    "stuck, AWSPENDING too": {"stuck": True, "pending_copied": True},
    "failed": {"failed": True},
    "failed, seen by its status": {"failed": True, "silent": True},
    "two changes of labels stick": {"lag": WHILE, "sticks_within": WHILE},
    "two changes of labels stick, AWSPENDING too": {"lag": WHILE, "sticks_within": WHILE, "pending_copied": True},
}
"""How copies come to the replica."""

SHORT: Final = {"long after, AWSPENDING too, the labels first", "stuck"}
"""What stands for them in `make test`, but with two users: there it plays them all."""


class Replicated(Play):
    """A stage whose secret has a replica, where somebody reads after every effect."""

    def __init__(self, name: str, delay: str, *, earlier: int, repairs: bool) -> None:
        """Let the replica be in step first."""
        super().__init__(name, earlier=earlier)
        self.stage.settings = Settings(admin_secret_arns=(ADMIN_ARN,), replica_repair=repairs)
        self.replica = Copying(self.stage.store, AWAY, **DELAYS[delay])
        self.story.append(f"the copy comes {delay}")

    def complete(self, token: str) -> None:
        """Deliver the rotation as the service does, and let time pass where it waits for the replica."""
        for _ in range(3):
            if not self._is_held(self.stage.play(token)):
                break
            self.look()
            self.pass_by()
        super().complete(token)

    def pass_by(self) -> None:
        """Let what is under way arrive; a person asks again for what is stuck or has failed."""
        self.replica.tick(NEVER)
        if self.replica.stuck or self.replica.failed:
            self.story.append("a person replicates again")
            self.replica.again()
            self.replica.tick(NEVER)

    def look(self, *, in_the_window: bool = False) -> None:
        """Look at the replica, too."""
        super().look(in_the_window=in_the_window)
        self._require_served_to_log_in("at the end of a delivery")

    def require_in_step(self) -> None:
        """See that the replica has come to serve what is current, and that its clients log in, whatever it was like."""
        self.pass_by()
        current = self.stage.store.value_at(Stage.CURRENT)
        if self.replica.served() != current or not self._served_logs_in():
            raise Violated(f"The replica serves something else than AWSCURRENT\n{self}")

    def _watch(self, shears: Shears, name: str, phase: str, unanswered: RotationError) -> None:
        self._require_served_to_log_in(f"{phase} {name}")
        super()._watch(shears, name, phase, unanswered)

    def _require_served_to_log_in(self, when: str) -> None:
        if self.name in NEVER_OUT and not self._served_logs_in():
            raise Violated(f"A client of the replica is rejected {when}\n{self}")

    def _served_logs_in(self) -> bool:
        value = self.replica.served()
        document = json.loads(value) if value else None
        return document is None or self.stage.server.logs_in(
            Credential(document["username"], Password(document["password"]))
        )

    def _is_held(self, error: RotationError | None) -> bool:
        return isinstance(error, RotationRefused) and AWAY in str(error)


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> list[Replicated]:
    """Let a wait be time in which copies arrive; the last one that is in the list is played."""
    playing: list[Replicated] = []
    monkeypatch.setattr("rotation.strategies.replicas.time.sleep", lambda _: playing[-1].replica.tick())
    return playing


def _is_short(name: str, delay: str, how: How) -> bool:
    return how is How.KILLED_AFTER and (delay in SHORT or name == "alternating-users")


def _cases() -> Iterator[object]:
    """Return each stage, way of copying, and cut; `make test` plays the usual cut, and few of the others."""
    for name, delay, how in itertools.product(STAGES, DELAYS, How):
        marks = () if _is_short(name, delay, how) else pytest.mark.exhaustive
        yield pytest.param(name, delay, how, id=f"{name}-{delay}-{how}", marks=marks)


@pytest.mark.parametrize(("name", "delay", "how"), [*_cases()])
def test_a_rotation_that_is_cut_anywhere_rejects_no_reader_of_a_replica(
    tally: Tally, plays: list[Replicated], name: str, delay: str, how: How
) -> None:
    """Neither at the cut, nor when the service retries, nor in the next rotation, which waits for the copy."""
    for then in NEXT.values():
        for at in some(MOST, FEW, name, delay, how, then.__name__):
            with tally.schedule(name, ENGINE) as row:
                play = Replicated(name, delay, earlier=1, repairs=bool(at % 2))
                plays.append(play)
                shears = Shears(at, how)
                _play(play, shears, then)
            row.effects = max(row.effects, shears.count)
            if not shears.fired:
                break
        assert at < MOST - FEW


def _play(play: Replicated, shears: Shears, then: Callable[[Play, str], str]) -> None:
    """Cut a rotation, let what follows complete, and the next one, and see that the replica has all of it then."""
    token = play.stage.store.rotate()
    error = play.cut(token, shears)
    if not shears.fired and error is None:
        return
    play.complete(then(play, token))
    play.finish()
    play.require_in_step()
