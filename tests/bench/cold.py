"""Cold starts and sizes of the built functions, for `make bench`."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import cold_start
from tests.lab import builds


def starts(functions: list[str], samples: Path | None, number: int) -> dict[str, Any]:
    """Start each function in fresh processes, by turns with the sample of its engine where there is one."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for function in functions:
            found[function] = {"bytes": {"function": size(builds.logical_id(function)), "layer": size("SharedLayer")}}
            if samples:
                sample = cold_start.compiled(samples / cold_start.SAMPLES[function], folder)
                drivers = cold_start.compiled(cold_start.same_driver(function, folder), folder / "compiled")
                pairs = cold_start.pairs(function, sample, (drivers,), number)
                found[function] |= {"ours": wall(pairs, 0), "peer": wall(pairs, 1), "ratio": ratio(pairs)}
            else:
                taken = [start.wall for start in cold_start.alone(function, number)]
                found[function] |= {"ours": statistics.median(taken)}
    return found


def wall(pairs: list[tuple[cold_start.Start, cold_start.Start]], whose: int) -> float:
    """Return the median of one side, in milliseconds."""
    return statistics.median(pair[whose].wall for pair in pairs)


def ratio(pairs: list[tuple[cold_start.Start, cold_start.Start]]) -> float:
    """Return the median of the ratios of pairs."""
    return statistics.median(ours.wall / theirs.wall for ours, theirs in pairs)


def size(built: str) -> int:
    """Return the bytes of what is deployed."""
    return sum(path.stat().st_size for path in (builds.ready() / built).rglob("*") if path.is_file())
