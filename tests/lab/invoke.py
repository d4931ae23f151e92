"""``make invoke``: one event for a function as it is deployed, in Lambda's runtime, without Docker and without AWS."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.lab import leftovers
from tests.lab.deployed import DeployedTheatre, stages_of
from tests.lab.play import PLAYED
from tests.lab.report import Screen
from tests.lab.runtime import ROOT
from tests.lab.theatre import REGION, emulated
from tests.lab.words import Words, stage_of, told
from tests.support.emulators.secretsmanager.invocation import InvocationFailed
from tests.support.emulators.secretsmanager.rotation import STEPS
from tests.support.emulators.secretsmanager.state import ACCOUNT
from tests.support.servers.tls import Authority
from tests.support.template.functions import ROTATING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

VARIABLES: Final = ("FUNCTION", "STEP", "EVENT", "STRATEGY", "ENGINE")
EVENTS: Final = {step: ROOT / f"events/{step}.json" for step in STEPS} | {"revokePrevious": ROOT / "events/revoke.json"}
"""The files that show how to write each event."""


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; a file's own step counts where none is named."""
    parser = Words(
        "make invoke",
        "Does what `sam local invoke` does, through the runtime emulator, with a database and a secret "
        "that it makes. The steps that a rotation sends before the named one are run first.",
        VARIABLES,
    )
    parser.add_argument("--function", help=f"FUNCTION=… ({', '.join(ROTATING)})")
    parser.add_argument("--step", help=f"STEP=… ({', '.join(EVENTS)})")
    parser.add_argument("--event", type=Path, help="EVENT=file (default: that of the step, in events/)")
    parser.add_argument("--strategy", help="STRATEGY=… (default: the first that the engine has)")
    parser.add_argument("--engine", type=stage_of, help="ENGINE=…, where a function serves two")
    options: argparse.Namespace = parser.parse_args(given)
    if not options.function:
        parser.error(f"FUNCTION is needed: {', '.join(ROTATING)}.")
    options.function = parser.one_of("FUNCTION", options.function, ROTATING)
    options.step = options.step and parser.one_of("STEP", options.step, EVENTS)
    stages = dict(stages_of(options.function))
    options.engine = options.engine or next(iter(stages))
    if options.engine not in stages:
        parser.error(
            f"ENGINE={options.engine} is not what the function {options.function} serves: {', '.join(stages)}."
        )
    options.module = stages[options.engine]
    strategies = options.module.STRATEGIES
    options.strategy = parser.one_of("STRATEGY", options.strategy or strategies[0], strategies)
    if not (options.step or options.event):
        parser.error(f"STEP or EVENT is needed: STEP={'|'.join(EVENTS)}, or EVENT=file.")
    try:
        options.event = json.loads((options.event or EVENTS[options.step]).read_text("utf-8"))
    except (OSError, ValueError) as error:
        why = "is no JSON" if isinstance(error, ValueError) else "cannot be read"
        parser.error(f"EVENT={options.event} {why}. Take a file like those in events/.")
    options.step = options.step or options.event.get("Step")
    return options


def filled(event: Mapping[str, Any], real: Mapping[str, str]) -> dict[str, Any]:
    """Put what is real in the place of what the files in events/ show; anything else stays as it was written."""
    shown = json.loads(EVENTS[STEPS[0]].read_text("utf-8"))
    return {key: real[key] if value == shown.get(key) and key in real else value for key, value in event.items()}


def before(step: str) -> tuple[str, ...]:
    """Return the steps that the service sends before one; before a revocation, a whole rotation."""
    return STEPS[: STEPS.index(step)] if step in STEPS else STEPS if step in EVENTS else ()


class Invocations:
    """Events for the function of one secret, each shown with the log and the answer."""

    def __init__(self, theatre: DeployedTheatre, arn: str, screen: Screen) -> None:
        """Begin a rotation, as RotateSecret does, and leave its steps to be sent."""
        self._runtime, self._screen = theatre.runtime, screen
        token = str(uuid.uuid4())
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotation"
        request = {"SecretId": arn, "ClientRequestToken": token, "RotationLambdaARN": function}
        theatre.emulator.execute("RotateSecret", request)
        begun = theatre.emulator.state.take_due(token)
        assert begun
        self.real = {"SecretId": arn, "ClientRequestToken": token, "RotationToken": begun.rotation_token}

    def send(self, event: Mapping[str, Any]) -> bool:
        """Send an event, and say whether the function answered without an error."""
        since = len(self._runtime.text().encode())
        self._screen.say("event")
        self._screen.log(json.dumps(event, indent=2))
        try:
            answer, succeeded = self._runtime.invoke(dict(event)), True
        except InvocationFailed as failure:
            answer, succeeded = failure.args[0], False
        self._screen.say("log")
        self._screen.log(self._runtime.text(since).rstrip())
        self._screen.say("answer")
        self._screen.log(json.dumps(answer, indent=2))
        return succeeded


def play(options: argparse.Namespace, authority: Authority, screen: Screen) -> bool:
    """Set the stage and send the events; say whether all succeeded."""
    server = PLAYED[options.engine.removeprefix("aurora-")]  # a cluster's engine plays before one server
    screen.say(f"starting {server} with TLS, an emulated Secrets Manager, and the function as it was built")
    with (
        options.module.provide(authority) as scene,
        emulated() as emulator,
        DeployedTheatre(options.module, scene, emulator) as theatre,
    ):
        shop = theatre.application("shop", options.strategy)
        screen.say(f"{scene.title} on {scene.host}:{scene.port}; the secret's user is shop, {options.strategy}")
        invocations = Invocations(theatre, shop.arn, screen)
        earlier = ({"Step": step, **invocations.real} for step in before(options.step))
        return all(map(invocations.send, [*earlier, filled(options.event, invocations.real)]))


def main(given: Sequence[str] | None = None) -> int:
    """Play, and give the command's exit code."""
    return told("make invoke", lambda: _perform(arguments(given)))


def _perform(options: argparse.Namespace) -> int:
    leftovers.clear()
    return 0 if play(options, Authority.create(leftovers.claim(), "Local authority"), Screen()) else 1


if __name__ == "__main__":
    sys.exit(main())
