"""
What ``make demo STORE=parameter-store`` plays: a parameter, its function, and two clients.

One client reads the parameter before each login. The other one keeps what it read, as the Lambda extension for
parameters does: 300 seconds by default (Systems Manager user guide, "Using Parameter Store parameters in AWS Lambda
functions"), which are played in one. Between two rotations 31 days go by, for the parameters alone.

With two passwords the credential is a tree, one parameter for each key: the name of the user is constant there. Else it
is JSON in one parameter.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Self
from unittest import mock

from tests.lab import leftovers
from tests.lab.client import is_leaf, tree
from tests.lab.play import PLAYED, SERVERS, users_of
from tests.lab.report import Screen
from tests.lab.theatre import ADMIN, Application, ClientProcess, Context, Theatre, holds_any
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.ssm.model import arn_of
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import ManualClock
from tests.support.servers import choice
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from tests.lab.client import Seen
    from tests.lab.theatre import Scene

FUNCTION: Final = "parameter_store"
ADMINS: Final = "/admins/shop"
INTERVAL: Final = timedelta(days=31)
KEPT: Final = 300
"""Seconds for which the Lambda extension keeps a parameter, by default."""
PLAYED_IN: Final = 1.0
"""Seconds that the demo takes for that."""
READS, CACHES = "reads it each time", f"caches it for {KEPT} s"
MOST_CALLS: Final = 9
COUNTS_FOR: Final = 5.0
"""Seconds for which a look at the parameter counts; a rotation that takes longer looks again."""
NOTHING_DUE: Final = 2


class ParameterTheatre(Theatre):
    """A database server, Parameter Store, and the function for parameters between them."""

    def __init__(
        self,
        module: ModuleType,
        scene: Scene,
        parameters: EmulatedParameterStore,
        secrets: EmulatedSecretsManager,
        *,
        password: str | None = None,
        engine: str = "",
    ) -> None:
        """Set the stage: the admin and its parameter, and the function; credentials may name the engine otherwise."""
        self.parameters = parameters
        self.played = module
        self._engine = engine or scene.engine
        super().__init__(_with_the_function(module), scene, secrets, password)

    def create_secret(self, name: str, user: str, password: str, **extra: Any) -> str:  # noqa: ANN401 JSON
        """Put a parameter instead, and give its ARN for an admin's, its name else."""
        scene = self.scene
        place = {"engine": self._engine, "host": scene.host, "port": scene.port, "dbname": scene.database}
        where = ADMINS if user == ADMIN else f"/rotated/{name}"
        value = {**place, "username": user, "password": password, **extra}
        if extra.get("rotation") == {"strategy": "retained-password"}:
            return self._put_tree(where, value)
        self.parameters.put(where, json.dumps(value))
        return arn_of(where) if user == ADMIN else where

    def _put_tree(self, folder: str, value: Mapping[str, Any]) -> str:
        for key, it in value.items():
            self.parameters.put(f"{folder}/{key}", it if isinstance(it, str) else json.dumps(it))
        return f"{folder}/password"

    def environment(self) -> dict[str, str]:
        """Say too where the SDK finds the parameters."""
        return super().environment() | {"AWS_ENDPOINT_URL_SSM": self.parameters.url}

    def send(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Invoke the function, and return its answer."""
        answers: list[Mapping[str, Any]] = []
        handler = self.handler
        with mock.patch.object(self, "handler", lambda *given: answers.append(handler(*given))):  # type: ignore[arg-type]
            self.invoke(event)
        return answers[0]

    def passwords(self) -> set[str]:
        """Return every password that was ever stored, pending ones too."""
        writes = self.parameters.journal.writes
        documents = (json.loads(it.value) for it in writes if it.value.startswith("{"))
        return {it["password"] for it in documents if "password" in it} | {
            it.value for it in writes if is_leaf(it.name)
        }

    def leaked(self) -> list[str]:
        """Name each log in which a password stands that was ever stored."""
        logs = {"the function's log": self.function_log.getvalue(), "the server's log": self.scene.log_text()}
        return [name for name, text in logs.items() if holds_any(text, self.passwords())]


def _with_the_function(module: ModuleType) -> ModuleType:
    """Return an engine's stage, with the function for parameters in the place of its own."""
    played = ModuleType(module.__name__)
    vars(played).update(vars(module), FUNCTION=FUNCTION)
    return played


class ParameterApplication(Application):
    """One parameter, rotated as the schedule has it rotated."""

    theatre: ParameterTheatre

    def secret(self, stage: str = "AWSCURRENT") -> dict[str, Any]:
        """Read the newest version, or the one before."""
        own = self.theatre.parameters.state.own
        value = own(self.arn).versions[-1 if stage == "AWSCURRENT" else -2].value
        if not is_leaf(self.arn):
            return dict(json.loads(value))
        beside = ("engine", "host", "port", "dbname", "username")
        folder = self.arn.rpartition("/")[0]
        return tree({"password": value, **{key: own(f"{folder}/{key}").newest.value for key in beside}})

    @classmethod
    def on(cls, theatre: ParameterTheatre, user: str, strategy: str) -> Self:
        """Bring an application onto the stage, whose credential is a parameter."""
        return cls(theatre, theatre.application(user, strategy).arn, strategy)

    def client(self, cache: float) -> ClientProcess:
        """Return a client of the parameter's."""
        theatre = self.theatre
        order = {"module": theatre.played.__name__, "parameter": self.arn, "endpoint": theatre.parameters.url}
        order |= {"region": theatre.environment()["AWS_DEFAULT_REGION"], "bundle": str(theatre.scene.bundle)}
        return ClientProcess({**order, "cache": cache, "pause": 0.002, "traced": False})

    def await_reader(self) -> None:
        """Wait until a client that reads each time has ended the login that it was in."""
        journal, give_up = self.theatre.parameters.journal, time.monotonic() + Context.seconds
        reads = len(journal.counted("client")) + 2
        while len(journal.counted("client")) < reads:
            assert time.monotonic() < give_up, "the client has stopped"
            time.sleep(0.002)


@dataclass
class Story:
    """What happened, and what is claimed of it."""

    seen: dict[str, Seen] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    verdicts: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def most_calls(self) -> int:
        """The calls of the rotation that made most, of those that looked once."""
        quick = [calls for calls, seconds in zip(self.calls, self.seconds, strict=True) if seconds < COUNTS_FOR]
        return max(quick, default=min(self.calls))

    @property
    def holds(self) -> bool:
        """Whether every claim does."""
        return all(true for _, true in self.verdicts)


def perform(options: argparse.Namespace) -> int:
    """Set the stage, play, and return the exit code."""
    screen = Screen(options.picture)
    leftovers.clear()
    screen.say(*choice.current().report(SERVERS.get(options.engine, options.engine)))
    authority = Authority.create(leftovers.claim(), "Demo authority")
    screen.say(f"starting {PLAYED[options.engine]} with TLS, and an emulated Parameter Store")
    clock = ManualClock(datetime.now(UTC) - INTERVAL * options.rotations)
    with (
        options.module.provide(authority) as scene,
        EmulatedSecretsManager() as secrets,
        EmulatedParameterStore(clock=clock) as parameters,
    ):
        theatre = ParameterTheatre(options.module, scene, parameters, secrets)
        application = ParameterApplication.on(theatre, "shop", options.strategy)
        screen.say(
            f"{scene.title} on {scene.host}:{scene.port}; "
            f"the application's user is shop, its parameter {application.arn}"
        )
        story = play(application, options, screen, clock)
        if options.log or options.json:
            (screen.log if options.json else screen.log_in_words)(theatre.function_log.getvalue())
        show(application, story, screen)
        screen.draw(f"make demo STORE=parameter-store ENGINE={options.engine} STRATEGY={options.strategy}")
    return 0 if story.holds else 1


def play(application: ParameterApplication, options: argparse.Namespace, screen: Screen, clock: ManualClock) -> Story:
    """Rotate beside the two clients, send the event once more, and hold what happened against the claims."""
    story, theatre = Story(), application.theatre
    if options.dry_run:
        answer = theatre.send({"Parameters": [application.arn], "DryRun": True})
        screen.say(f"dry run: {'; '.join(answer['Said'])}")
    mark = theatre.scene.mark()
    with application.client(0) as reading, application.client(PLAYED_IN) as caching:
        screen.say(f"one client {READS}; one {CACHES}, as the Lambda extension does, played in {PLAYED_IN:.0f} s")
        for number in range(1, options.rotations + 1):
            clock.advance(seconds=INTERVAL.total_seconds())
            screen.rotation(f"{number}/{options.rotations}", users_of(application))
            _rotate(application, story, screen)
            application.work()
            application.await_reader()
            time.sleep(PLAYED_IN * 1.2)  # an interval is longer than a cache: 31 days, and five minutes
    story.seen = {READS: reading.seen, CACHES: caching.seen}
    logins = theatre.scene.logins(mark)
    again = _again(application)
    story.verdicts = [*again, *_verdicts(application, story, options.rotations, logins[1])]
    return story


def _rotate(application: ParameterApplication, story: Story, screen: Screen) -> None:
    """Send the event of an hour, as it comes to the function for each parameter."""
    journal, begun = application.theatre.parameters.journal, time.monotonic()
    before = len(journal.counted("function"))
    answer = application.theatre.send({"Parameters": [application.arn]})
    story.seconds.append(time.monotonic() - begun)
    story.calls.append(len(journal.counted("function")) - before)
    screen.aside(f"{answer['Outcome']} in {story.seconds[-1] * 1000:.0f} ms, {story.calls[-1]} calls")


def _again(application: ParameterApplication) -> list[tuple[str, bool]]:
    """Send the last event again: nothing is due, and nothing changes."""
    theatre, before = application.theatre, application.secret()
    calls = len(theatre.parameters.journal.counted("function"))
    answer = theatre.send({"Parameters": [application.arn]})
    calls = len(theatre.parameters.journal.counted("function")) - calls
    same = answer["Outcome"] == "not due" and application.secret() == before
    return [(f"the same event again finds nothing due, with {calls} calls", same and calls <= NOTHING_DUE)]


def _verdicts(application: ParameterApplication, story: Story, rotations: int, refused: int) -> list[tuple[str, bool]]:
    """Check what the suite claims."""
    theatre, seen = application.theatre, story.seen.values()
    overlapping = application.strategy.startswith(("alternating", "retained"))
    rejected = sum(it.rejected for it in seen)
    published = [it for it in theatre.parameters.journal.writes if it.name == application.arn]
    kept = "the old password still works, for clients that keep it until the next rotation"
    found = [
        ("every event rotated once", len(published) == rotations + 1),
        ("the function failed no login", refused == rejected),
        (kept if overlapping else "the old password is refused", _old_works(application) is overlapping),
    ]
    if overlapping:
        logins = sum(it.logins for it in seen)
        found.append((f"none of the {logins} logins of both clients was rejected", rejected == 0))
        found.append((f"at most {MOST_CALLS} calls for a rotation", story.most_calls <= MOST_CALLS))
    leaks = theatre.leaked()
    count = len(theatre.passwords())
    return [*found, (f"none of {count} passwords stands in {' or '.join(leaks or ['any log'])}", not leaks)]


def _old_works(application: ParameterApplication) -> bool:
    return application.is_accepted(application.secret("AWSPREVIOUS"))


def show(application: ParameterApplication, story: Story, screen: Screen) -> None:
    """Say in one screen what each client saw, and what is claimed."""
    rows = [_row(name, seen) for name, seen in story.seen.items()]
    title = f"{application.theatre.scene.title}, a parameter: {application.strategy}, {len(story.calls)} rotations"
    screen.table(title, ("a client that", "logins", "rejected", "rejected for"), rows)
    screen.fact("Parameter Store calls", f"{story.most_calls} per rotation")
    screen.fact("one invocation", f"{max(story.seconds) * 1000:.0f} ms at most, for all four steps")
    cached = story.seen[CACHES]
    if cached.windows:
        stands_for = min(KEPT, cached.longest / 1000 / PLAYED_IN * KEPT)
        screen.fact("in life, with a cache", f"rejected for up to {stands_for:.0f} s: one password, and {KEPT} s kept")
    screen.verdicts(story.verdicts)


def _row(name: str, seen: Seen) -> tuple[str, ...]:
    return name, str(seen.logins), str(seen.rejected), f"{seen.longest:.0f} ms at most" if seen.windows else ""
