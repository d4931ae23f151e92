"""
Cold starts of the built functions against those of AWS's samples, turn by turn: the ratio of each pair.

``python -m tests.bench.cold_start SAMPLES [--drivers FOLDER]``: a clone of AWS's samples, and a folder with what they
import that Lambda's runtime and our functions do not hold (PyGreSQL's pg and pgdb, for Lambda's Python). Without one,
a sample that wants PyGreSQL imports our function's driver in its place. A start is a fresh process with its imports
and one Secrets Manager client. Both sides are compiled; nothing is written.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from tests.lab import builds
from tests.support import interpreter

SAMPLES: Final = {
    "mysql": "SecretsManagerRDSMySQLRotationSingleUser",
    "documentdb": "SecretsManagerMongoDBRotationSingleUser",
    "postgresql": "SecretsManagerRDSPostgreSQLRotationSingleUser",
    "redshift": "SecretsManagerRedshiftRotationSingleUser",
}
PYGRESQL: Final = ("pg", "pgdb")
"""What the samples for PostgreSQL and Redshift import."""

DRIVERS: Final = {"postgresql": "psycopg2", "redshift": "redshift_connector"}
"""What our functions import there."""

OURS: Final = "import app; app.lambda_handler._assembly.secrets_manager"
THEIRS: Final = "import lambda_function, boto3; boto3.client('secretsmanager')"


def compiled(sample: Path, folder: Path) -> Path:
    """Copy a sample, or drivers, with bytecode, as ours ships with."""
    copy = folder / sample.name
    shutil.copytree(sample, copy)
    subprocess.run([interpreter.of_lambda().program, "-m", "compileall", "-qq", copy], check=True)
    return copy


def compiled_python() -> None:
    """Give Python's own modules their bytecode, which Lambda's runtime has: a fetched Python comes without."""
    program = interpreter.of_lambda().program
    place = "import compileall, sysconfig; compileall.compile_dir(sysconfig.get_path('stdlib'), quiet=2)"
    subprocess.run([program, "-c", place], check=True)


def same_driver(function: str, folder: Path) -> Path:
    """Write a folder in which the modules of PyGreSQL are our function's driver."""
    made = folder / f"driver-of-{function}"
    made.mkdir()
    for name in PYGRESQL if function in DRIVERS else ():
        (made / f"{name}.py").write_text(f"import {DRIVERS[function]}\n", encoding="utf-8")
    return made


class Start(NamedTuple):
    """How long one start took, the interpreter's own included, in milliseconds."""

    wall: float
    processor: float
    """Of no other process: on a busy machine the steadier figure."""


def used_by_children() -> float:
    """Return the seconds of processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def start(program: str, path: tuple[Path, ...]) -> Start:
    """Start a process and measure it."""
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "start",
        "AWS_SECRET_ACCESS_KEY": "start",
    }
    begun, used = time.perf_counter(), used_by_children()
    subprocess.run([interpreter.of_lambda().program, "-S", "-c", program], env=variables, check=True)
    return Start((time.perf_counter() - begun) * 1000, (used_by_children() - used) * 1000)


def paths(function: str) -> tuple[Path, ...]:
    """Return where our function finds what it imports: its folder, the layer, and what Lambda's runtime holds."""
    built = builds.ready()
    return built / builds.logical_id(function), built / "SharedLayer/python", builds.managed()


def alone(function: str, number: int) -> list[Start]:
    """Start ours alone; the first start only fills the disk's cache."""
    compiled_python()
    return [start(OURS, paths(function)) for _ in range(number + 1)][1:]


def pairs(function: str, sample: Path, drivers: tuple[Path, ...], number: int) -> list[tuple[Start, Start]]:
    """Start ours and theirs by turns; the first pair only fills the disk's cache."""
    compiled_python()
    ours = paths(function)
    theirs = (sample, *drivers, ours[0], ours[-1])
    return [(start(OURS, ours), start(THEIRS, theirs)) for _ in range(number + 1)][1:]


def told(found: list[tuple[Start, Start]], what: str) -> str:
    """Say the medians of both sides, and that of the ratios of the pairs."""
    times = [(float(getattr(ours, what)), float(getattr(theirs, what))) for ours, theirs in found]
    ours, theirs = (statistics.median(side) for side in zip(*times, strict=True))
    ratio = statistics.median(one / other for one, other in times)
    return f"{ours:.0f} ms, the sample {theirs:.0f} ms, ratio of pairs {ratio:.3f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cold_start", description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--drivers", type=Path, action="append", default=[])
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--function", choices=SAMPLES, action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = tuple(compiled(drivers, folder) for drivers in options.drivers)
        for function in options.function or SAMPLES:
            sample = compiled(options.samples / SAMPLES[function], folder)
            drivers = given or (compiled(same_driver(function, folder), folder / "compiled"),)
            found = pairs(function, sample, drivers, options.pairs)
            print(f"{function}: {told(found, 'wall')}; of processor time {told(found, 'processor')}")  # noqa: T201


if __name__ == "__main__":
    main()
