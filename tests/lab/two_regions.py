"""
What ``make demo REGIONS=2`` plays: a secret with a replica in another Region, and a client in each.

The database is one server that both Regions reach, as the writer's endpoint of a global database is one name.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import os
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
from tests.lab.theatre import Application, Context, Theatre, beside
from tests.support.arns import moved
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.emulators.secretsmanager.replication import AfterStop, Replication
from tests.support.emulators.secretsmanager.rotation import RotationPlayer
from tests.support.servers import choice
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType

    from tests.lab.client import Seen
    from tests.lab.theatre import ClientProcess, Scene
    from tests.support.emulators.secretsmanager.rotation import RotationResult

AWAY: Final = "eu-central-1"
LAG: Final = timedelta(seconds=1)
"""How long a value takes to the other Region; its labels take a little longer."""
GAP: Final = timedelta(seconds=0.3)
PAUSE: Final = 0.1
"""Seconds between two logins of a client: the demo mostly waits, and so may they."""
PATIENCE: Final = (0, 0.5, 1.0, 2.0)
"""Seconds before each look whether a replica follows: with a stuck one the demo does not wait for half a minute."""


class RegionalTheatre(Theatre):
    """The stage of a Region, whose secrets have a replica in the other one, and whose function looks there."""

    def __init__(self, module: ModuleType, scene: Scene, regions: Regions, password: str | None = None) -> None:
        """Set the stage in the primary's Region; an admin with a password is there already."""
        self.regions, self.region, self.other = regions, HOME, AWAY
        super().__init__(module, scene, regions[HOME], password)

    def in_the_other(self) -> RegionalTheatre:
        """Return the stage of the other Region, with a function of its own, and the same log."""
        theatre = copy.copy(self)
        theatre.region, theatre.other = self.other, self.region
        theatre.emulator = self.regions[theatre.region]
        theatre.admin_arn = moved(self.admin_arn, theatre.region)
        theatre.handler = theatre.load()
        theatre.player = RotationPlayer(theatre.emulator, theatre.invoke, caller="function")
        return theatre

    def send(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke the promotion function of this Region."""
        with contextlib.redirect_stdout(self.function_log), mock.patch.dict(os.environ, self.environment()):
            handler: Any = importlib.import_module("rotation.entrypoints.promotion").Handler(os.environ)
            answer: dict[str, Any] = handler(event, Context(self.seconds))
        return answer

    def promotion(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke it, and play the rotation that it has begun."""
        answer = self.send(event)
        self.player.on_step = None
        self.player.run()
        return answer

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
        function = f"arn:aws:lambda:{self.region}:123456789012:function:rotation"
        return super().environment() | {
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": self.regions[self.other].url,
            "ROTATION_FUNCTIONS": f"{self.scene.engine}={function}",
        }


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
    regions = Regions(HOME, AWAY, lag=LAG, gap=GAP, replication=Replication(after_stop=AfterStop.GONE))
    with regions, beside(), mock.patch("rotation.strategies.copies.FOLLOWS", PATIENCE):
        yield RegionalTheatre(module, scene, regions)


class Play:
    """The acts, one after the other."""

    def __init__(self, application: Application, screen: Screen, rotations: int) -> None:
        """Know who plays, and where it is shown."""
        theatre = application.theatre
        assert isinstance(theatre, RegionalTheatre)
        self.home, self.theatre, self.screen = application, theatre, screen
        self.away_theatre = theatre.in_the_other()
        self.away = Application(self.away_theatre, moved(application.arn, AWAY), application.strategy)
        self.regions, self.rotations = theatre.regions, rotations
        self.story = Story()
        self.present: dict[str, ClientProcess] = {}
        """By Region, the client that logs in there."""

    def play(self) -> Story:
        """Play all of them, and check what is claimed."""
        self._await_copy(self.home, self.away)
        with self._client(AWAY):
            with self._client(HOME):
                self._act("the replica lags behind", self._lagging)
                self._act("the replica is stuck", self._stuck)
            self._act("one is lost, and comes back", self._loss)
            self._act("the way back", self._way_back)
        self._give_back(self.home, self.away)
        with self._client(HOME), self._client(AWAY):
            self._act("at home again", self._at_home)
        self._conclude()
        return self.story

    @contextlib.contextmanager
    def _client(self, region: str) -> Iterator[None]:
        """Let a client log in all the while, with what it reads in the Region."""
        with self.home.clients(pause=PAUSE, emulator=self.regions[region]) as self.present[region]:
            yield
        del self.present[region]

    def _act(self, title: str, act: Callable[[], None]) -> None:
        """Note what the clients that are there see of it."""
        before = {region: client.so_far() for region, client in self.present.items()}
        act()
        self._await_clients()
        for region, client in sorted(self.present.items(), reverse=True):
            self.story.acts.append(Act(title, region, client.so_far().since(before[region])))

    def _lagging(self) -> None:
        self.screen.say(f"a client logs in with AWSCURRENT in each Region; copies arrive after {_shown(LAG + GAP)}")
        for number in range(1, self.rotations + 1):
            self._rotate(f"{number}/{self.rotations}")

    def _stuck(self) -> None:
        """Rotate while the copy does not arrive, then find the gate closed, until somebody replicates again."""
        self.screen.say(f"the replica in {AWAY} gets stuck: it goes on serving what it has")
        self.regions.stick(self.home.arn, AWAY)
        before = self.home.secret()
        held = self._rotate("with a stuck replica", may_be_held=True)
        if held.succeeded:  # with two users or two passwords: what the replica serves is valid until the next one
            before = self.home.secret()
            held = self._rotate("after it", may_be_held=True)
        named = f"the replica in {AWAY}" in str(held.steps[-1].error).lower() and before == self.home.secret()
        self.story.claim("the gate holds the next rotation while the replica is stuck, and nothing changes", named)
        self.screen.say("somebody replicates again, without overwriting; the service retries")
        self.theatre.replicate(self.home.arn)
        self._await_copy(self.home, self.away)
        self.screen.rotation("again", users_of(self.home))
        self._end(self.home, self.theatre.player.retry(self.home.arn))

    def _loss(self) -> None:
        """Take the primary's Region away, promote, rotate there, and let the old Region's schedule fire later."""
        self.screen.say(f"{HOME} is lost; the secret in {AWAY} is promoted: first a dry run, then in earnest")
        self.regions.cut(HOME)
        for dry_run in (True, False):
            answer = self._promote(self.away, HOME, dry_run=dry_run)
        self.story.claim("the replica is promoted by a credential that the database accepts", bool(answer["chosen"]))
        self._rotate("in the other Region", self.away)
        self.regions.restore(HOME)
        self.screen.say(f"{HOME} comes back, and its schedule fires")
        before = self.away.secret()
        late = self._rotate("in the old Region", self.home, may_be_held=True)
        kept = before == self.away.secret() and self.away.is_accepted(before)
        self.story.claim("the function of the old Region is refused, and changes nothing", not late.succeeded and kept)

    def _way_back(self) -> None:
        """Let the old Region have a replica of what counts now, and promote that."""
        self._give_back(self.away, self.home)
        self.screen.say(f"the secret in {HOME} is promoted again: a planned move, so both Regions answer")
        self._promote(self.home, AWAY, dry_run=False, Force=True)

    def _at_home(self) -> None:
        self._rotate("at home again", self.home)
        described = self.regions[AWAY].execute("DescribeSecret", {"SecretId": self.away.arn})
        alike = described["PrimaryRegion"] == HOME and self.home.secret() == self.away.secret()
        self.story.claim(f"{HOME} rotates the secret again, and {AWAY} has its replica", alike)

    def _promote(self, there: Application, former: str, *, dry_run: bool, **more: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
        theatre = there.theatre
        assert isinstance(theatre, RegionalTheatre)
        answer = theatre.promotion({"SecretId": there.arn, "From": former, "DryRun": dry_run, **more})
        self._show(answer)
        return answer

    def _give_back(self, kept: Application, lost: Application) -> None:
        """
        Let the secret of the other Region become a replica; somebody has looked at the version that is lost.

        Until the copy has come nobody reads there, so no client does.
        """
        theatre = kept.theatre
        assert isinstance(theatre, RegionalTheatre)
        self.screen.say(f"the secret in {theatre.other} becomes a replica of the one in {theatre.region}")
        stale = self.regions[theatre.other].labels(lost.arn)["AWSCURRENT"]
        event = {"SecretId": kept.arn, "ReplicateTo": theatre.other, "OverwriteStale": stale, "DryRun": False}
        self._show(theatre.promotion(event))
        self._await_copy(kept, lost)

    def _show(self, answer: Mapping[str, Any]) -> None:
        for step in answer["steps"]:
            self.screen.say(f"  {step['step']}: {step['state']}")

    def _rotate(self, title: str, at: Application | None = None, *, may_be_held: bool = False) -> RotationResult:
        """Rotate and show it; nobody's login is under way when it begins."""
        application = at or self.home
        self._await_clients()
        self.screen.rotation(title, users_of(application))
        application.theatre.player.on_step = self.screen.step
        result = application.theatre.player.rotate(application.arn)
        return self._end(application, result, may_be_held=may_be_held)

    def _end(self, application: Application, result: RotationResult, *, may_be_held: bool = False) -> RotationResult:
        self.screen.end_of_line(result)
        if result.succeeded:
            application.work()
        if result.succeeded or not may_be_held:
            self.story.rotations.append(result)
        return result

    def _await_clients(self) -> None:
        for region in self.present:
            self.home.await_client(self.regions[region])

    def _await_copy(self, kept: Application, replica: Application) -> None:
        """Wait until the replica serves what its primary does."""
        give_up = time.monotonic() + 20
        while kept.secret() != replica.secret():
            assert time.monotonic() < give_up, "the copy does not arrive"
            time.sleep(0.05)

    def _conclude(self) -> None:
        story, theatre = self.story, self.theatre
        story.claim("every rotation that was not held succeeded", all(it.succeeded for it in story.rotations))
        rejected = sum(act.seen.rejected for act in story.acts)
        logins = sum(act.seen.logins for act in story.acts)
        if self.home.strategy.startswith(("alternating", "retained")):
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
