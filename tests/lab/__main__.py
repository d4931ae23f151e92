"""``make demo``: rotate the secret of a real database on this machine, and say what happened."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.words import ENGINES, STORES, STRATEGY, Words, positive, regions, seconds, stage_of, switch, told

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

VARIABLES = ("ENGINE", "STRATEGY", "ROTATIONS", "FAILOVER", "REGIONS", "STORE", "OPTIONS")

IN_REGIONS = ("postgresql", "mysql", "documentdb")
"""The engines that the demo plays in two Regions."""

AS_PARAMETERS = ("postgresql", "mysql", "mariadb", "documentdb")
"""The engines that the demo plays with a parameter."""


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
    parser.add_argument("--rotations", type=positive, default=3, help="ROTATIONS=… (default: %(default)s)")
    parser.add_argument(
        "--cache", type=seconds, default=0.0, metavar="SECONDS", help="how long the client keeps what it read"
    )
    parser.add_argument("--log", action="store_true", help="show the function's log, a line for each message")
    parser.add_argument("--json", action="store_true", help="show the function's log as it is written")
    parser.add_argument("--dry-run", action="store_true", help="first do what RotateImmediately=false does")
    parser.add_argument("--revoke", action="store_true", help="in the end, revoke AWSPREVIOUS (events/revoke.json)")
    parser.add_argument("--databases", help="DATABASES=…: auto, containers or local")
    parser.add_argument("--failover", type=switch, default=0, help="FAILOVER=1: kill the writer in a rotation (Aurora)")
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
    options.module = importlib.import_module(f"tests.lab.{options.engine.replace('-', '_')}")
    options.strategy = parser.one_of("STRATEGY", options.strategy, options.module.STRATEGIES)
    return options


def _require_fit(
    parser: Words, options: argparse.Namespace, play: str, engines: Sequence[str], left_out: Sequence[str]
) -> None:
    """Refuse what has no part in that play."""
    if options.engine not in engines:
        parser.error(f"{play} needs ENGINE={', ENGINE='.join(engines[:-1])} or ENGINE={engines[-1]}.")
    for name in left_out:
        if name == "regions" and options.regions > 1:
            parser.error(f"REGIONS=2 has no part in {play}. Leave one of them out.")
        elif name != "regions" and getattr(options, name):
            parser.error(f"OPTIONS=--{name.replace('_', '-')} has no part in {play}. Leave one of them out.")


def main(given: Sequence[str] | None = None) -> int:
    """Play, and say whether everything that the suite claims was so."""
    return told("make demo", lambda: _play(arguments(given)))


def _play(options: argparse.Namespace) -> int:
    if options.databases:
        os.environ["DATABASES"] = options.databases
    stage = "tests.lab.two_regions" if options.regions > 1 else "tests.lab.play"
    if options.store != STORES[0]:
        stage = "tests.lab.parameters"
    play: int = importlib.import_module(stage).perform(options)
    return play


if __name__ == "__main__":
    sys.exit(main())
