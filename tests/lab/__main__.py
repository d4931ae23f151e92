"""``make demo``: rotate the secret of a real database on this machine, and say what happened."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.lab.words import ENGINES, STORES, STRATEGY, Words, positive, regions, seconds, stage_of, switch, told

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

VARIABLES = ("ENGINE", "STRATEGY", "ROTATIONS", "FAIL", "FAILOVER", "REGIONS", "STORE", "OPTIONS")

IN_REGIONS = ("postgresql", "mysql", "documentdb")
"""The engines that the demo plays in two Regions."""

AS_PARAMETERS = ("postgresql", "mysql", "mariadb", "documentdb")
"""The engines that the demo plays with a parameter."""

OWN_RIGHTS: Final = ("single-user", "retained-password")
"""The strategies under which users change their own passwords: no admin has a right that could be missing."""


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = Words(
        "make demo",
        "Rotates the secret of a real database through the real Lambda handler, with an emulated "
        "Secrets Manager, while a client keeps logging in with AWSCURRENT.",
        VARIABLES,
    )
    parser.add_argument("--engine", type=stage_of, default=ENGINES[0], help="ENGINE=… (default: %(default)s)")
    parser.add_argument("--strategy", default=STRATEGY, help="STRATEGY=… (default: %(default)s)")
    parser.add_argument("--rotations", type=positive, help="ROTATIONS=… (default: 3; with FAIL=1 one, which succeeds)")
    parser.add_argument(
        "--cache", type=seconds, default=0.0, metavar="SECONDS", help="how long the client keeps what it read"
    )
    parser.add_argument("--log", action="store_true", help="show the function's log, a line for each message")
    parser.add_argument("--json", action="store_true", help="show the function's log as it is written")
    parser.add_argument("--dry-run", action="store_true", help="first do what RotateImmediately=false does")
    parser.add_argument("--revoke", action="store_true", help="in the end, revoke AWSPREVIOUS (events/revoke.json)")
    parser.add_argument("--databases", help="DATABASES=…: auto, containers or local")
    fails, kills = switch("FAIL", "take a right away"), switch("FAILOVER", "kill the writer")
    parser.add_argument("--fail", type=fails, default=0, help="FAIL=1: a rotation fails, and somebody is told")
    parser.add_argument("--failover", type=kills, default=0, help="FAILOVER=1: kill the writer in a rotation (Aurora)")
    parser.add_argument(
        "--regions", type=regions, default=1, help="REGIONS=2: a replica in another Region, its clients too"
    )
    parser.add_argument("--store", default=STORES[0], help="STORE=…: secrets-manager or parameter-store")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write the screen as an SVG")
    options: argparse.Namespace = parser.parse_args(given)
    if options.failover and not options.engine.startswith("aurora"):
        parser.error("FAILOVER=1 needs ENGINE=aurora-postgresql or ENGINE=aurora-mysql: no other server is replaced.")
    options.store = parser.one_of("STORE", options.store, STORES)
    if options.store != STORES[0]:
        _require_fit(parser, options, f"STORE={options.store}", AS_PARAMETERS, ("regions", "cache", "revoke"))
    if options.regions > 1:
        _require_fit(parser, options, "REGIONS=2", IN_REGIONS, ("cache", "dry_run", "revoke"))
    if options.fail:
        _require_fit(parser, options, "FAIL=1", ENGINES, ("store", "regions", "failover", "cache", "dry_run", "revoke"))
    options.rotations = options.rotations or (1 if options.fail else 3)
    options.module = importlib.import_module(f"tests.lab.{options.engine.replace('-', '_')}")
    options.strategy = parser.one_of("STRATEGY", options.strategy, options.module.STRATEGIES)
    if options.fail and options.strategy in OWN_RIGHTS:
        fit = (f"STRATEGY={it}" for it in options.module.STRATEGIES if it not in OWN_RIGHTS)
        parser.error(f"FAIL=1 takes a right from an admin, so it needs {' or '.join(fit)}.")
    return options


def _require_fit(
    parser: Words, options: argparse.Namespace, play: str, engines: Sequence[str], left_out: Sequence[str]
) -> None:
    """Refuse what has no part in that play."""
    if options.engine not in engines:
        parser.error(f"{play} needs ENGINE={', ENGINE='.join(engines[:-1])} or ENGINE={engines[-1]}.")
    for name in left_out:
        given, variable = getattr(options, name), name.upper()
        if given != parser.get_default(name):
            shown = f"{variable}={given}" if variable in VARIABLES else f"OPTIONS=--{name.replace('_', '-')}"
            parser.error(f"{shown} has no part in {play}. Leave one of them out.")


def main(given: Sequence[str] | None = None) -> int:
    """Play, and say whether everything that the suite claims was so."""
    return told("make demo", lambda: _play(arguments(given)))


def _play(options: argparse.Namespace) -> int:
    if options.databases:
        os.environ["DATABASES"] = options.databases
    stage = "tests.lab.two_regions" if options.regions > 1 else "tests.lab.play"
    if options.store != STORES[0]:
        stage = "tests.lab.parameters"
    if options.fail:
        stage = "tests.lab.failing"
    play: int = importlib.import_module(stage).perform(options)
    return play


if __name__ == "__main__":
    sys.exit(main())
