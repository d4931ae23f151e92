"""
What each part of `make test` takes, beside what it may take: told at its end, so that who adds 400 tests sees it.

``python -m tests.bench.bill PART COMMAND…`` runs a command and writes down what it took; without words it prints all.
A part is one of a suite's (tests/crash of ``crash-wire``). A budget is in seconds of a processor, which are nearly the
same on a busy machine as on an idle one; the clock's are told beside them. Nothing fails because of them.
"""

# ruff: noqa: S603 (the commands are the Makefile's)
from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER: Final = Path(".cache/bill")
"""Where the parts write down what they took; `make test` begins it anew."""

BUDGETS: Final = {
    "install": 75,
    "lint": 5,
    "types": 20,
    "validate": 30,
    "unit": 230,
    "contract": 170,
    "dialect": 50,
    "crash": 350,
    "e2e": 290,
    "others": 60,
}
"""Seconds of a processor, for all parts of each name; together they leave two processors idle for some of the time."""

CLOCK: Final = 720
"""Seconds for the whole, on two processors that have nothing else to do, in a fresh clone."""


class Entry(NamedTuple):
    """What a part took: when it began and ended, and how long a processor was busy with it."""

    part: str
    begun: float
    ended: float
    busy: float

    @property
    def suite(self) -> str:
        """What it is a part of."""
        return self.part.partition("-")[0]


def run(part: str, command: list[str]) -> int:
    """Run a command, write down what it took, and return its status."""
    begun, before = time.time(), _busy()
    status = subprocess.run(command, check=False).returncode
    entry = Entry(part, begun, time.time(), _busy() - before)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{part}.json").write_text(json.dumps(entry), encoding="utf-8")
    return status


def _busy() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Draw the table: a line for each name that has a budget or took time, and one for the whole."""
    entries = list(entries)
    form = "    {:<10} {:>14} {:>14} {:>10}"
    yield form.format("", "processor s", "budget", "clock s")
    for suite in dict.fromkeys([*BUDGETS, *(entry.suite for entry in entries)]):
        own = [entry for entry in entries if entry.suite == suite]
        if own:
            busy, clock = sum(entry.busy for entry in own), sum(entry.ended - entry.begun for entry in own)
            over = "  over its budget" if busy > BUDGETS.get(suite, 0) else ""
            yield form.format(suite, f"{busy:.0f}", BUDGETS.get(suite, "none"), f"{clock:.0f}") + over
    if entries:
        whole = max(entry.ended for entry in entries) - min(entry.begun for entry in entries)
        busy = sum(entry.busy for entry in entries)
        over = "  over its budget on an idle machine" if whole > CLOCK else ""
        yield form.format("all", f"{busy:.0f}", sum(BUDGETS.values()), f"{whole:.0f}") + f" of {CLOCK}{over}"


def read(folder: Path = FOLDER) -> list[Entry]:
    """Read what the parts wrote down."""
    return [Entry(*json.loads(file.read_text(encoding="utf-8"))) for file in sorted(folder.glob("*.json"))]


if __name__ == "__main__":
    if sys.argv[2:]:
        sys.exit(run(sys.argv[1], sys.argv[2:]))
    sys.stdout.writelines(f"{line}\n" for line in lines(read()))
