"""An application's secret goes to another Region and comes back, on a real server, each leg cut where a test says."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Final

from rotation.errors import NotOurs, NoWorkingCredential, RotationError, RotationRefused
from tests.lab.cutting.other_people import attempt
from tests.lab.theatre import REGION as HOME
from tests.lab.theatre import Application
from tests.lab.two_regions import AWAY, RegionalTheatre
from tests.support.arns import moved
from tests.support.crashes.cuts import Cut
from tests.support.crashes.invariants import Violated
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.emulators.secretsmanager.replication import AfterStop, Replication

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.theatre import Theatre

    Around = contextlib.AbstractContextManager[object]

LEGS: Final = 3
"""The return to the first Region, the promotion there, the return to the second one."""
PROMOTION: Final = 1

_numbers = itertools.count()


@contextlib.contextmanager
def set_out(theatre: Theatre, strategy: str) -> Iterator[RoundTrip]:
    """Bring an application onto a stage that is there, with a service of its own in each of two Regions."""
    with Regions(HOME, AWAY, replication=Replication(after_stop=AfterStop.GONE)) as regions:
        admin = json.loads(theatre.emulator.value(theatre.admin_arn) or "")
        here = RegionalTheatre(theatre.module, theatre.scene, regions, admin["password"])
        yield RoundTrip(here, f"back_{next(_numbers)}", strategy)


class RoundTrip:
    """A secret that may travel again and again: in the end all is as in the beginning."""

    def __init__(self, theatre: RegionalTheatre, user: str, strategy: str) -> None:
        """Make the application, and rotate its secret once."""
        self.regions, self.name = theatre.regions, user
        self.theatres = {HOME: theatre, AWAY: theatre.in_the_other()}
        self.home = theatre.application(user, strategy)
        self.away = Application(self.theatres[AWAY], moved(self.home.arn, AWAY), strategy)
        _require(self.home.rotate().succeeded, "it rotates")

    def travel(self, cuts: Mapping[int, Around]) -> None:
        """Lose the first Region, then go each leg of the way back: cut as is said, and once more."""
        self.regions.cut(HOME)
        self._promote(AWAY, HOME)
        self._play(AWAY)
        self.regions.restore(HOME)
        for number in range(LEGS):
            with cuts.get(number, contextlib.nullcontext()), contextlib.suppress(Cut, RotationError):
                self._go(number)
            self._require_served(AWAY if number <= PROMOTION else HOME, at_most_one=number > 0)
            self._go(number)
            self._play(HOME)
            self._require_served(AWAY if number < PROMOTION else HOME, at_most_one=True)
            if number == PROMOTION:
                self._require_fenced()
        _require(self.home.rotate().succeeded, "it rotates at home again")
        self.home.work()
        _require(self.home.secret() == self.away.secret(), "the replica serves what the primary does")

    def _go(self, number: int) -> None:
        if number == PROMOTION:
            self._promote(HOME, AWAY, Force=True)
        else:
            self._give_back(*((AWAY, HOME) if number < PROMOTION else (HOME, AWAY)))

    def _promote(self, region: str, former: str, **more: bool) -> None:
        said = {"SecretId": moved(self.home.arn, region), "From": former, "DryRun": False}
        self.theatres[region].send({**said, **more})

    def _give_back(self, region: str, to: str) -> None:
        """Send the event of a return; somebody has looked at the version that is lost."""
        lost = self.regions.find(self.name, to)
        named = {"OverwriteStale": lost.labels["AWSCURRENT"]} if lost and "AWSCURRENT" in lost.labels else {}
        event = {"SecretId": moved(self.home.arn, region), "ReplicateTo": to, "DryRun": False}
        self.theatres[region].send({**event, **named})

    def _play(self, region: str) -> None:
        """Play what a promotion has begun: a dry run, or a rotation."""
        player = self.theatres[region].player
        player.on_step = None
        failures = [result.failure for result in player.run()]
        _require(failures in ([], [None]), f"what the promotion began succeeds, and not: {failures}")

    def _require_served(self, region: str, *, at_most_one: bool) -> None:
        """See that what clients of a Region read logs in, and that no two Regions rotate the secret."""
        there = self.home if region == HOME else self.away
        _require(there.is_accepted(there.secret()), f"AWSCURRENT in {region} logs in")
        secrets = [self.regions.find(self.name, it) for it in (HOME, AWAY)]
        rotating = [it.arn for it in secrets if it and not it.primary_region and it.rotation.enabled]
        _require(len(rotating) <= 1 or not at_most_one, f"one Region rotates, and not {rotating}")

    def _require_fenced(self) -> None:
        """Let the function of the Region that stood in revoke and rotate once more: what counts at home stays."""
        before = self.home.secret()
        with contextlib.suppress(RotationError):
            self.away.revoke()
        _require(self.home.is_accepted(before), "a revocation in the Region that stood in ends nothing at home")
        error = attempt(self.away)
        _require(isinstance(error, NotOurs | NoWorkingCredential | RotationRefused), f"it is refused, and not {error}")
        _require(self.home.secret() == before and self.home.is_accepted(before), "nothing has changed at home")
        self.regions[AWAY].execute("CancelRotateSecret", {"SecretId": self.name})  # which that rotation switched on
        self.home.work()


def _require(kept: bool, what: str) -> None:  # noqa: FBT001 what is claimed is a sentence
    if not kept:
        raise Violated(f"Not so: {what}")
