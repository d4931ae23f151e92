"""
What ``make demo FAIL=1`` plays: a right is missing, a rotation fails, somebody is told, acts, and it heals.

The events have the shape of Secrets Manager's own, and reach the watch's function as its queue gives them. It reads the
secret, and what the rotation's function wrote, and publishes. What is done then is what stands in its message.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from tests.lab import leftovers
from tests.lab.account import PREFIX, attach
from tests.lab.play import PLAYED, SERVERS, users_of
from tests.lab.report import Screen
from tests.lab.theatre import ADMIN, REGION, Theatre, app_of, emulated, holds_any
from tests.support.emulators.dynamodb import EmulatedTable
from tests.support.emulators.logs import EmulatedLogs
from tests.support.emulators.secretsmanager.state import ACCOUNT
from tests.support.emulators.sns import topic
from tests.support.servers import choice
from tests.support.servers.tls import Authority
from tests.support.watched.events import of_service

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

    from tests.lab.theatre import Application
    from tests.support.emulators.secretsmanager.rotation import RotationResult
    from tests.support.emulators.sns import Got, Topic

FAILED: Final = "the rotation that lacked the right failed, and changed nothing"
TOPIC: Final = f"arn:aws:sns:{REGION}:{ACCOUNT}:{PREFIX}-watch"


@dataclass
class Watch:
    """The function that tells people, and whoever subscribed to its topic."""

    handler: Callable[[Mapping[str, Any], None], Mapping[str, Any]]
    environment: Mapping[str, str]
    topic: Topic
    log: io.StringIO = field(default_factory=io.StringIO)

    def told(self, name: str, arn: str, error: str = "") -> list[Got]:
        """Deliver an event of Secrets Manager's twice, as EventBridge may, and return what the subscriber gets."""
        event = json.dumps(of_service(name, arn, at=datetime.now(UTC), error=error))
        batch = {"Records": [{"messageId": str(number), "body": event} for number in (1, 2)]}
        with contextlib.redirect_stdout(self.log), mock.patch.dict(os.environ, self.environment):
            assert self.handler(batch, None) == {"batchItemFailures": []}, self.log.getvalue()
        return self.topic.taken()


@contextlib.contextmanager
def watching(theatre: Theatre, function: str) -> Iterator[Watch]:
    """Set up the watch beside a function: the log that it reads, its table, and its topic."""
    groups = {f"/aws/lambda/{function}": theatre.function_log.getvalue}
    with EmulatedLogs(groups) as logs, EmulatedTable("about", "what") as table, topic() as told:
        environment = {
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "watch",
            "AWS_SECRET_ACCESS_KEY": "watch",
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": logs.url,
            "AWS_ENDPOINT_URL_DYNAMODB": table.url,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": theatre.emulator.url,
            "AWS_ENDPOINT_URL_SNS": told.url,
            "NO_PROXY": "127.0.0.1",
            "WATCH_TOPIC": TOPIC,
            "WATCH_MEMORY": "memory",
            "WATCH_FUNCTIONS": f"{PREFIX}-",
        }
        yield Watch(app_of("watch").lambda_handler, environment, told)


def perform(options: argparse.Namespace) -> int:
    """Set the stage, play, and return the exit code."""
    screen = Screen(options.picture)
    leftovers.clear()
    screen.say(*choice.current().report(SERVERS.get(options.engine, options.engine)))
    authority = Authority.create(leftovers.claim(), "Demo authority")
    screen.say(f"starting {PLAYED[options.engine]} with TLS, an emulated Secrets Manager, and the watch over it")
    with options.module.provide(authority) as scene, emulated() as emulator:
        theatre = Theatre(options.module, scene, emulator)
        function = f"{PREFIX}-{theatre.module.FUNCTION}"
        with watching(theatre, function) as watch:
            application = theatre.application("shop", options.strategy)
            attach(theatre, application.arn, function)
            screen.say(f"{scene.title} on {scene.host}:{scene.port}; the application's user is shop")
            play = Play(application, watch, screen)
            claims = play.play(options.rotations)
        if options.log or options.json:
            (screen.log if options.json else screen.log_in_words)(theatre.function_log.getvalue())
        screen.verdicts(claims)
        screen.draw(f"make demo FAIL=1 ENGINE={options.engine} STRATEGY={options.strategy}")
    return 0 if all(true for _, true in claims) else 1


class Play:
    """The acts, one after the other."""

    def __init__(self, application: Application, watch: Watch, screen: Screen) -> None:
        """Know who plays, who watches, and where it is shown."""
        self.application, self.watch, self.screen = application, watch, screen
        self.theatre = application.theatre
        self.told: list[list[Got]] = []
        """What came of each rotation's end."""

    def play(self, rotations: int) -> list[tuple[str, bool]]:
        """Play all of them, and return what is claimed, each with whether it holds."""
        player, scene = self.theatre.player, self.theatre.scene
        player.run()  # the dry run with which a function is attached
        player.on_step = self.screen.step
        with self.application.clients() as client:
            self.screen.say("a client logs in with AWSCURRENT every few milliseconds")
            for number in range(1, rotations + 1):
                self._end(f"{number}/{rotations}", lambda: player.rotate(self.application.arn))
                self.application.await_client()
            before, healthy = self.application.secret(), not any(self.told)
            self.screen.command("somebody takes a right away from the admin", scene.take_right(ADMIN))
            failed = self._end("without it", lambda: player.rotate(self.application.arn))
            if failed.succeeded:
                return [(FAILED, False)]
            again = self._end("again", lambda: player.retry(self.application.arn))
            kept = before == self.application.secret()
            first = self._message(self.told[-2])
            obeyed, healed = self._mended(first)
            self.application.await_client()
        second = self._message(self.told[-1])
        claims = [
            ("rotations that succeed are not told", healthy),
            (FAILED, _failed(failed, again) and kept),
            ("two attempts that failed, each told twice by AWS, made one message", self._once()),
            ("it names the secret, the right that is missing, and what to run", bool(obeyed) and self._is_named(first)),
            ("what it says to run and to type was enough: the next rotation succeeded", healed.succeeded),
            ("the second message says that it is healed", second.startswith("Rotation is healed: shop ")),
        ]
        return [*claims, *self._beside(client.seen.logins, client.seen.rejected)]

    def _end(self, title: str, play: Callable[[], RotationResult]) -> RotationResult:
        """Play a rotation, and tell the watch how it ended."""
        self.screen.rotation(title, users_of(self.application))
        result = play()
        self.screen.end_of_line(result)
        name, said = "RotationSucceeded", ""
        if not result.succeeded:
            name, said = "RotationFailed", f"step {result.steps[-1].step} of {self.theatre.module.FUNCTION} failed"
        self.told.append(self.watch.told(name, self.application.arn, said))
        for one in self.told[-1]:
            self.screen.say("whoever is on call gets a message:")
            self.screen.letter(one.text)
        if not result.succeeded and not self.told[-1]:
            self.screen.say("Secrets Manager tries again, and nobody is told a second time")
        return result

    def _mended(self, message: str) -> tuple[list[str], RotationResult]:
        """Run what the message says to run, and type what it says to type."""
        (cause,) = (line for line in message.splitlines() if line.startswith("Cause: "))
        statements = self.theatre.scene.obey(cause)
        for statement in statements:
            self.screen.command("run what the message says, as the server's owner", statement)
        for command in (line.strip() for line in message.splitlines() if line.startswith("  aws ")):
            self.screen.command("type what it says", command)
            self._typed(command)
        return statements, self._end("at once", lambda: self.theatre.player.run()[-1])

    def _typed(self, command: str) -> None:
        """Do what the AWS CLI does with a command: its options are the request's members."""
        _, service, operation, *options = shlex.split(command)
        given = dict(zip(options[::2], options[1::2], strict=True))
        region = given.pop("--region")
        client = self.theatre.emulator.make_client(service, region, access_key="ops", attempts=1, read_timeout=10)
        request = {"".join(map(str.title, name[2:].split("-"))): value for name, value in given.items()}
        getattr(client, operation.replace("-", "_"))(**request)

    def _once(self) -> bool:
        return [len(got) for got in self.told[-3:-1]] == [1, 0]

    def _is_named(self, message: str) -> bool:
        return f"Secret: {self.application.arn}" in message and "Cause: PermissionDenied: " in message

    @staticmethod
    def _message(got: list[Got]) -> str:
        return got[0].text if got else ""

    def _beside(self, logins: int, rejected: int) -> Iterator[tuple[str, bool]]:
        """Yield what the demo claims without a failure, too."""
        self.application.work()
        yield "the application can do all that it could before", True
        if self.application.strategy.startswith(("alternating", "retained")):
            yield f"none of the client's {logins} logins was rejected", rejected == 0
        passwords = self.theatre.emulator.stored_passwords()
        messages = "\n".join(one.text for got in self.told for one in got)
        leaks = self.theatre.leaked() + ["a message"] * holds_any(messages + self.watch.log.getvalue(), passwords)
        yield f"none of {len(passwords)} passwords stands in {' or '.join(leaks or ['any log or message'])}", not leaks


def _failed(*results: RotationResult) -> bool:
    return not any(result.succeeded for result in results)
