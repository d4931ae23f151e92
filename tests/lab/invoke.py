"""
``make invoke``: one event for a function as it is deployed, in Lambda's runtime, without Docker and without AWS.

What takes time to load is in tests/lab/invocations.py, so that a first line and a misspelt word are told at once.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab.report import Screen
from tests.lab.words import Words, stage_of, told
from tests.support.template.functions import ROTATING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
VARIABLES: Final = ("FUNCTION", "STEP", "EVENT", "STRATEGY", "ENGINE", "OPTIONS")
STEPS: Final = ("createSecret", "setSecret", "testSecret", "finishSecret")
EVENTS: Final = {step: ROOT / f"events/{step}.json" for step in STEPS} | {"revokePrevious": ROOT / "events/revoke.json"}
"""The files that show how to write each event."""


def words(given: Sequence[str] | None = None) -> tuple[Words, argparse.Namespace]:
    """Read the command line, except what depends on the engines; a file's own step counts where none is named."""
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
    parser.add_argument("--json", action="store_true", help="show the log as it is written, the platform's lines too")
    options: argparse.Namespace = parser.parse_args(given)
    if not options.function:
        parser.error(f"FUNCTION is needed: {', '.join(ROTATING)}.")
    options.function = parser.one_of("FUNCTION", options.function, ROTATING)
    options.step = options.step and parser.one_of("STEP", options.step, EVENTS)
    if not (options.step or options.event):
        parser.error(f"STEP or EVENT is needed: STEP={'|'.join(EVENTS)}, or EVENT=file.")
    try:
        options.event = json.loads((options.event or EVENTS[options.step]).read_text("utf-8"))
    except (OSError, ValueError) as error:
        why = "is no JSON" if isinstance(error, ValueError) else "cannot be read"
        parser.error(f"EVENT={options.event} {why}. Take a file like those in events/.")
    if not isinstance(options.event, dict):
        parser.error(f"EVENT={options.event} is no JSON object. Take a file like those in events/.")
    options.step = options.step or options.event.get("Step")
    return parser, options


def staged(parser: Words, options: argparse.Namespace) -> argparse.Namespace:
    """Choose the stage: the engine that a function serves, and a strategy that it has."""
    stages = dict(importlib.import_module("tests.lab.deployed").stages_of(options.function))
    options.engine = options.engine or next(iter(stages))
    if options.engine not in stages:
        parser.error(
            f"ENGINE={options.engine} is not what the function {options.function} serves: {', '.join(stages)}."
        )
    options.module = stages[options.engine]
    strategies = options.module.STRATEGIES
    options.strategy = parser.one_of("STRATEGY", options.strategy or strategies[0], strategies)
    return options


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return staged(*words(given))


def main(given: Sequence[str] | None = None) -> int:
    """Play, and give the command's exit code."""
    return told("make invoke", lambda: _perform(*words(given)))


def _perform(parser: Words, options: argparse.Namespace) -> int:
    screen = Screen()
    screen.say(f"the function {options.function}, as it is deployed: {options.step or 'an event of yours'}")
    options = staged(parser, options)
    perform: int = importlib.import_module("tests.lab.invocations").perform(options, screen)
    return perform


if __name__ == "__main__":
    sys.exit(main())
