"""``make bench``: what a rotation takes, for each engine and strategy, beside a peer's function in the same run."""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench import cold, fleet, table
from tests.bench.sides.peer import FILES
from tests.bench.stages import Case, Conditions
from tests.lab.theatre import Theatre, emulated
from tests.lab.words import ENGINES, stage_of
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Sequence

MEASURED: Final = tuple(engine for engine in ENGINES if not engine.startswith("aurora"))
PEERS: Final = {engine for engine, _ in FILES}
"""Engines of which the guides show figures: a peer has a function for each."""
SCALE: Final = 20
"""A minute of a client's cache is played in a twentieth of it."""
CACHES: Final = (("fresh", 0.0), ("1 s", 1.0), (f"60 s / {SCALE}", 60 / SCALE))
FLEET: Final = ("postgresql", "alternating-users")
"""Whose rotations a fleet is reckoned with."""
LIST: Final = re.compile(r"\[([^\[\]{}]*)\]")
"""A list that holds no other, in JSON."""
BEGUN: Final = time.monotonic()


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"{time.monotonic() - BEGUN:6.0f} s  {text}\n")
    sys.stderr.flush()


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--engine", type=stage_of, action="append", help="ENGINE=… (default: all)")
    parser.add_argument("--strategy", action="append", help="STRATEGY=… (default: those without an admin for one user)")
    parser.add_argument("--rotations", "--n", type=int, default=20, help="N=… of each latency (default: %(default)s)")
    parser.add_argument("--peer", type=Path, help="PEER=…: a checkout of AWS's published functions")
    parser.add_argument("--latency", type=float, action="append", help="milliseconds of a call (default: 0 and 15)")
    parser.add_argument("--between", type=float, default=300, help="milliseconds between invocations beside clients")
    parser.add_argument("--starts", type=int, default=5, help="cold starts of each function; 0 builds nothing")
    parser.add_argument("--json", type=Path, default=Path(".cache/bench/measured.json"), help="where the figures go")
    parser.add_argument("--guides", action="store_true", help="what the guides show, and no more than they need")
    return parser.parse_args(given)


def conditions_of(options: argparse.Namespace) -> Conditions:
    """Return what the run is made under."""
    latencies = tuple(it / 1000 for it in options.latency or (0, 15))
    return Conditions(options.rotations, latencies, options.between / 1000, CACHES[::2] if options.guides else CACHES)


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all that was asked for."""
    conditions = conditions_of(options)
    found: dict[str, Any] = {"run": run(options, conditions), "cases": [], "starts": {}}
    engines = options.engine or [it for it in MEASURED if it in PEERS or not options.guides]
    with tempfile.TemporaryDirectory() as folder:
        authority = Authority.create(Path(folder), "Bench authority")
        for engine in engines:
            say(f"{engine}: starting its server")
            found["cases"] += cases(engine, options, conditions, authority)
    if options.starts:
        say("cold starts, of built functions")
        functions = dict.fromkeys(importlib.import_module(f"tests.lab.{it}").FUNCTION for it in engines)
        found["starts"] = cold.starts(list(functions), options.peer, options.starts)
    if options.guides:
        say("what grows with what")
        found["growth"] = grown(found)
    return found


def grown(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the curves of the guides: what one server holds, and how many secrets there are."""
    from tests.bench import growth  # noqa: PLC0415 it needs the library, which only a started stage finds
    from tests.lab.stages.mysql import Stage  # noqa: PLC0415 the same
    from tests.support.servers.mysql import MySQLServer  # noqa: PLC0415 the same

    with tempfile.TemporaryDirectory() as folder, MySQLServer(Authority.create(Path(folder), "Growth")) as server:
        curves = growth.curves(Stage(server))
    rotation = fleet.measured(found, *FLEET)
    hours = [round(fleet.Fleet(size, rotation).seconds / 3600, 3) for size in fleet.SIZES]
    of = "secrets rotated at once"
    return [*curves, {"what": "hours, by the quotas", "of": of, "x": fleet.SIZES, "y": hours, "logarithmic": True}]


def cases(engine: str, options: argparse.Namespace, conditions: Conditions, authority: Authority) -> list[Any]:
    """Measure each strategy of an engine, on one server."""
    module = importlib.import_module(f"tests.lab.{engine}")
    known = [it for it in module.STRATEGIES if not it.endswith("-by-admin")]
    wanted = [it for it in module.STRATEGIES if it in options.strategy] if options.strategy else known
    found = []
    with module.provide(authority) as scene, emulated() as emulator:
        theatre = Theatre(module, scene, emulator)
        for strategy in wanted:
            say(f"{engine}, {strategy}")
            case = Case(theatre, engine, strategy, conditions, lambda text: say(f"    {text}"))
            found.append(case.measured(options.peer))
    return found


def run(options: argparse.Namespace, conditions: Conditions) -> dict[str, Any]:
    """Return when, where and how it is measured."""
    peer = options.peer and _git("-C", str(options.peer), "rev-parse", "--short", "HEAD")
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "version": _git("rev-parse", "--short", "HEAD"),
        "peer": peer,
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load_of_a_minute": os.getloadavg()[0],
        "rotations": conditions.rotations,
        "latencies": [it * 1000 for it in conditions.latencies],
        "between": conditions.between * 1000,
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()


def noted(found: dict[str, Any]) -> str:
    """Write figures down as JSON: rounded, and a list of them on one line."""
    rounded = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 3))
    return LIST.sub(lambda it: f"[{' '.join(it[1].split())}]", json.dumps(rounded, indent=1)) + "\n"


def main() -> None:
    """Measure, write the figures down, and print them as a table."""
    options = arguments()
    found = measured(options)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(noted(found), encoding="utf-8")
    sys.stdout.write(table.drawn(found))
    say(f"the figures are in {options.json}")


if __name__ == "__main__":
    main()
