"""
What ``make demo REGIONS=2`` plays: a secret with a replica in another Region, and a client in each.

The database is one server that both Regions reach, as the writer's endpoint of a global database is one name.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest import mock

from tests.lab import leftovers
from tests.lab.play import PLAYED, SERVERS, users_of
from tests.lab.report import Screen, records
from tests.lab.theatre import REGION as HOME
from tests.lab.theatre import Theatre, beside
from tests.support.arns import moved
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.servers import choice
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from tests.lab.client import Seen
    from tests.lab.theatre import Application, Scene
    from tests.support.emulators.secretsmanager.rotation import RotationResult

AWAY: Final = "eu-central-1"
LAG: Final = timedelta(seconds=1)
"""How long a value takes to the other Region; its labels take a little longer."""
GAP: Final = timedelta(seconds=0.3)
PAUSE: Final = 0.02
"""Seconds between two logins of a client: the demo mostly waits, and so may they."""
PATIENCE: Final = (0, 0.5, 1.0, 2.0)
"""Seconds before each look whether a replica follows: with a stuck one the demo does not wait for half a minute."""


class RegionalTheatre(Theatre):
    """The stage of a Region, whose secrets have a replica in the other one, and whose function looks there."""

    def __init__(self, module: ModuleType, scene: Scene, regions: Regions) -> None:
        """Set the stage in the primary's Region."""
        self.regions = regions
        super().__init__(module, scene, regions[HOME])

    def create_secret(self, name: str, user: str, password: str, **extra: Any) -> str:  # noqa: ANN401 JSON
        """Store a secret, and replicate it."""
        arn = super().create_secret(name, user, password, **extra)
        self.replicate(arn)
        return arn

    def replicate(self, arn: str) -> None:
        """Do what ``aws secretsmanager replicate-secret-to-regions`` does, without overwriting."""
        request = {"SecretId": arn, "AddReplicaRegions": [{"Region": AWAY}]}
        self.emulator.execute("ReplicateSecretToRegions", request)

    def environment(self) -> dict[str, str]:
        """Say too where the SDK finds the other Region."""
        return super().environment() | {"AWS_ENDPOINT_URL_SECRETS_MANAGER": self.regions[AWAY].url}


class Act(NamedTuple):
    """What a client in a Region saw while something went on."""

    title: str
    region: str
    seen: Seen


@dataclass
class Story:
    """What happened, and what is claimed of it."""

    rotations: list[RotationResult] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    verdicts: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every claim does."""
        return all(true for _, true in self.verdicts)

    def claim(self, what: str, true: bool) -> None:  # noqa: FBT001 what is claimed is a sentence
        """Add a claim."""
        self.verdicts.append((what, true))


def perform(options: argparse.Namespace) -> int:
    """Set the stage, play, and return the exit code."""
    screen = Screen(options.picture)
    leftovers.clear()
    screen.say(*choice.current().report(SERVERS.get(options.engine, options.engine)))
    authority = Authority.create(leftovers.claim(), "Demo authority")
    screen.say(f"starting {PLAYED[options.engine]} with TLS, and an emulated Secrets Manager in {HOME} and in {AWAY}")
    with options.module.provide(authority) as scene, staged(options.module, scene) as theatre:
        application = theatre.application("shop", options.strategy)
        screen.say(f"{scene.title} on {scene.host}:{scene.port}; the application's user is shop")
        story = Play(application, screen, options.rotations).play()
        if options.log or options.json:
            (screen.log if options.json else screen.log_in_words)(theatre.function_log.getvalue())
        show(screen, story, theatre)
        screen.draw(f"make demo REGIONS=2 ENGINE={options.engine} STRATEGY={options.strategy}")
    return 0 if story.holds else 1


@contextlib.contextmanager
def staged(module: ModuleType, scene: Scene) -> Iterator[RegionalTheatre]:
    """Run two Regions, between which copies take their time, and set the stage in the first."""
    regions = Regions(HOME, AWAY, lag=LAG, gap=GAP)
    with regions, beside(), mock.patch("rotation.strategies.copies.FOLLOWS", PATIENCE):
        yield RegionalTheatre(module, scene, regions)


class Play:
    """The acts, one after the other."""

    def __init__(self, application: Application, screen: Screen, rotations: int) -> None:
        """Know who plays, and where it is shown."""
        theatre = application.theatre
        assert isinstance(theatre, RegionalTheatre)
        self.application, self.theatre, self.screen = application, theatre, screen
        self.regions, self.rotations = theatre.regions, rotations
        self.story = Story()
        self.overlapping = application.strategy.startswith(("alternating", "retained"))

    def play(self) -> Story:
        """Play all of them, and check what is claimed."""
        self._await_copy()
        self._with_clients("while the replica lags behind", self._lagging)
        self._with_clients("while it is stuck", self._stuck)
        self._conclude()
        return self.story

    def _with_clients(self, title: str, act: Callable[[], None]) -> None:
        """Let a client in each Region log in all the while."""
        with (
            self.application.clients(pause=PAUSE) as here,
            self.application.clients(pause=PAUSE, emulator=self.regions[AWAY]) as there,
        ):
            act()
            self._await_clients()
        self.story.acts += [Act(title, HOME, here.seen), Act(title, AWAY, there.seen)]

    def _lagging(self) -> None:
        self.screen.say(f"a client logs in with AWSCURRENT in each Region; copies arrive after {_shown(LAG + GAP)}")
        for number in range(1, self.rotations + 1):
            self._rotate(f"{number}/{self.rotations}")

    def _stuck(self) -> None:
        """Rotate while the copy does not arrive, then find the gate closed, until somebody replicates again."""
        self.screen.say(f"the replica in {AWAY} gets stuck: it goes on serving what it has")
        self.regions.stick(self.application.arn, AWAY)
        before = self.application.secret()
        held = self._rotate("with a stuck replica", may_be_held=True)
        if held.succeeded:  # with two users or two passwords: what the replica serves is valid until the next one
            before = self.application.secret()
            held = self._rotate("after it", may_be_held=True)
        named = f"the replica in {AWAY}" in str(held.steps[-1].error).lower() and before == self.application.secret()
        self.story.claim("the gate holds the next rotation while the replica is stuck, and nothing changes", named)
        self.screen.say("somebody replicates again, without overwriting; the service retries")
        self.theatre.replicate(self.application.arn)
        self._await_copy()
        self.screen.rotation("again", users_of(self.application))
        self._end(self.theatre.player.retry(self.application.arn))

    def _rotate(self, title: str, *, may_be_held: bool = False) -> RotationResult:
        """Rotate and show it; nobody's login is under way when it begins."""
        self._await_clients()
        self.screen.rotation(title, users_of(self.application))
        self.theatre.player.on_step = self.screen.step
        return self._end(self.theatre.player.rotate(self.application.arn), may_be_held=may_be_held)

    def _end(self, result: RotationResult, *, may_be_held: bool = False) -> RotationResult:
        self.screen.end_of_line(result)
        if result.succeeded:
            self.application.work()
        if result.succeeded or not may_be_held:
            self.story.rotations.append(result)
        return result

    def _await_clients(self) -> None:
        for region in (HOME, AWAY):
            self.application.await_client(self.regions[region])

    def _await_copy(self) -> None:
        """Wait until the replica serves what its primary does."""
        give_up = time.monotonic() + 20
        arn, there = self.application.arn, moved(self.application.arn, AWAY)
        while self.regions[AWAY].value(there) != self.regions[HOME].value(arn):
            assert time.monotonic() < give_up, "the copy does not arrive"
            time.sleep(0.05)

    def _conclude(self) -> None:
        story, theatre = self.story, self.theatre
        story.claim("every rotation that was not held succeeded", all(it.succeeded for it in story.rotations))
        rejected = sum(act.seen.rejected for act in story.acts)
        logins = sum(act.seen.logins for act in story.acts)
        if self.overlapping:
            story.claim(f"none of {logins} logins in both Regions was rejected", rejected == 0)
        leaks = theatre.leaked()
        passwords = len(theatre.emulator.stored_passwords())
        story.claim(f"none of {passwords} passwords stands in {' or '.join(leaks or ['any log'])}", not leaks)


def show(screen: Screen, story: Story, theatre: RegionalTheatre) -> None:
    """Say in one screen what each client saw, how long copies took, and what is claimed."""
    columns = ("what went on", "a client in", "logins", "rejected", "rejected for")
    screen.table(f"{theatre.scene.title} in two Regions: what each client saw", columns, map(_row, story.acts))
    lags = [lag for record in records(theatre.function_log.getvalue()) for lag in record.get("ReplicaLag", [])]
    if lags:
        screen.fact("ReplicaLag", f"{statistics.median(lags):.0f} ms (median), {max(lags):.0f} ms at most")
    screen.verdicts(story.verdicts)


def _row(act: Act) -> tuple[str, ...]:
    seen = act.seen
    longest = f"{seen.longest:.0f} ms at most" if seen.windows else ""
    return act.title, act.region, str(seen.logins), str(seen.rejected), longest


def _shown(time_taken: timedelta) -> str:
    return f"{time_taken.total_seconds():.1f} s"
