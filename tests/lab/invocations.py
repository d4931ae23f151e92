"""What ``make invoke`` plays: the parts that it needs are built, a stage is set, and events are sent."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tests.lab import builds, leftovers
from tests.lab.deployed import DeployedTheatre
from tests.lab.invoke import EVENTS, STEPS
from tests.lab.play import PLAYED
from tests.lab.report import Screen, records
from tests.lab.theatre import REGION, emulated
from tests.support import interpreter
from tests.support.emulators.secretsmanager.invocation import InvocationFailed
from tests.support.emulators.secretsmanager.state import ACCOUNT
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path


def perform(options: argparse.Namespace, screen: Screen) -> int:
    """Clear what an earlier run left, play, and give the command's exit code."""
    leftovers.clear()
    return 0 if play(options, Authority.create(leftovers.claim(), "Local authority"), screen) else 1


def build(function: str, screen: Screen) -> None:
    """Build the function and the layer where their sources have changed, and say so before."""
    for name in (builds.LAYER, builds.logical_id(function)):
        builds.part(
            name, lambda name: screen.say(f"building {name} for {interpreter.of_lambda()}; later only if it changed")
        )


def filled(event: Mapping[str, Any], real: Mapping[str, str]) -> dict[str, Any]:
    """Put what is real in the place of what the files in events/ show; anything else stays as it was written."""
    shown = json.loads(EVENTS[STEPS[0]].read_text("utf-8"))
    return {key: real[key] if value == shown.get(key) and key in real else value for key, value in event.items()}


def before(step: str) -> tuple[str, ...]:
    """Return the steps that the service sends before one; before a revocation, a whole rotation."""
    return STEPS[: STEPS.index(step)] if step in STEPS else STEPS if step in EVENTS else ()


class Invocations:
    """Events for the function of one secret."""

    def __init__(self, theatre: DeployedTheatre, arn: str, screen: Screen, *, as_written: bool) -> None:
        """Begin a rotation, as RotateSecret does, and leave its steps to be sent."""
        self._runtime, self._screen, self._as_written = theatre.runtime, screen, as_written
        token = str(uuid.uuid4())
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotation"
        request = {"SecretId": arn, "ClientRequestToken": token, "RotationLambdaARN": function}
        theatre.emulator.execute("RotateSecret", request)
        begun = theatre.emulator.state.take_due(token)
        assert begun
        self.real = {"SecretId": arn, "ClientRequestToken": token, "RotationToken": begun.rotation_token}

    def lead(self, step: str) -> bool:
        """Send a step that comes before the event, and say whether it succeeded; it is shown only where it did not."""
        event, begun = {"Step": step, **self.real}, time.monotonic()
        answer, succeeded, log = self._sent(event)
        if succeeded:
            self._screen.say(f"before it, {step}: {(time.monotonic() - begun) * 1000:.0f} ms")
        else:
            self._show(event, log, answer)
        return succeeded

    def send(self, event: Mapping[str, Any]) -> bool:
        """Send the event, show it with its log and its answer, and say whether the function ended without an error."""
        answer, succeeded, log = self._sent(event)
        self._show(event, log, answer)
        return succeeded

    def _sent(self, event: Mapping[str, Any]) -> tuple[Any, bool, str]:
        since = len(self._runtime.text().encode())
        try:
            answer, succeeded = self._runtime.invoke(dict(event)), True
        except InvocationFailed as failure:
            answer, succeeded = failure.args[0], False
        return answer, succeeded, self._runtime.text(since).rstrip()

    def _show(self, event: Mapping[str, Any], log: str, answer: object) -> None:
        self._screen.say("event")
        self._screen.log(json.dumps(event, indent=2))
        if self._as_written:
            self._screen.say("log")
            self._screen.log(log)
        else:
            said = sum("message" in record for record in records(log))
            others = len(log.splitlines()) - said
            what = "log" if said else "log: the function said nothing"
            self._screen.say(
                f"{what}, without {others} lines of metrics and of the platform (OPTIONS=--json shows all)"
            )
            self._screen.log_in_words(log)
        self._screen.say("answer")
        self._screen.log(json.dumps(answer, indent=2))


def play(options: argparse.Namespace, authority: Authority, screen: Screen) -> bool:
    """Set the stage and send the events; say whether all succeeded."""
    build(options.function, screen)
    server = PLAYED[options.engine.removeprefix("aurora-")]  # a cluster's engine plays before one server
    screen.say(f"starting {server} with TLS, and an emulated Secrets Manager")
    with ExitStack() as stage:
        scene = stage.enter_context(options.module.provide(authority))
        theatre = DeployedTheatre(options.module, scene, stage.enter_context(emulated()), built=_part)
        stage.enter_context(theatre)
        shop = theatre.application("shop", options.strategy)
        screen.say(f"{scene.title} on {scene.host}:{scene.port}; the secret's user is shop, {options.strategy}")
        invocations = Invocations(theatre, shop.arn, screen, as_written=options.json)
        return all(map(invocations.lead, before(options.step))) and invocations.send(
            filled(options.event, invocations.real)
        )


def _part(name: str) -> Path:
    return builds.part(name, lambda _: None)
