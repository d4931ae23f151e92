"""
Cold starts of the built functions against those of AWS's samples, turn by turn: the ratio of each pair.

``python -m tests.bench.cold_start SAMPLES [--drivers FOLDER]``: a clone of AWS's samples, and a folder with what they
import that Lambda's runtime and our functions do not hold (PyGreSQL's pg and pgdb, for Lambda's Python). A start is a
fresh process with its imports and one Secrets Manager client. Both sides are compiled; nothing is written.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.lab import runtime
from tests.support import interpreter

SAMPLES: Final = {
    "mysql": "SecretsManagerRDSMySQLRotationSingleUser",
    "documentdb": "SecretsManagerMongoDBRotationSingleUser",
    "postgresql": "SecretsManagerRDSPostgreSQLRotationSingleUser",
}
OURS: Final = "import app; app.lambda_handler._secrets_manager"
THEIRS: Final = "import lambda_function, boto3; boto3.client('secretsmanager')"


def compiled(sample: Path, folder: Path) -> Path:
    """Copy a sample and give it bytecode, as ours ships with."""
    copy = folder / sample.name
    shutil.copytree(sample, copy)
    subprocess.run([interpreter.of_lambda().program, "-m", "compileall", "-qq", copy], check=True)
    return copy


def start(program: str, path: tuple[Path, ...]) -> float:
    """Give the milliseconds of one start, the interpreter's own included."""
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(map(str, path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    begun = time.perf_counter()
    subprocess.run([interpreter.of_lambda().program, "-S", "-c", program], env=variables, check=True)
    return (time.perf_counter() - begun) * 1000


def pairs(function: str, sample: Path, drivers: tuple[Path, ...], number: int) -> list[tuple[float, float]]:
    """Start ours and theirs by turns; the first pair only fills the disk's cache."""
    task, layer = runtime.ready() / runtime.logical_id(function), runtime.ready() / "SharedLayer/python"
    ours, theirs = (task, layer, runtime.managed()), (sample, *drivers, task, runtime.managed())
    return [(start(OURS, ours), start(THEIRS, theirs)) for _ in range(number + 1)][1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cold_start", description=__doc__)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--drivers", type=Path, action="append", default=[])
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--function", choices=SAMPLES, action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for function in options.function or SAMPLES:
            sample = compiled(options.samples / SAMPLES[function], Path(folder))
            found = pairs(function, sample, tuple(options.drivers), options.pairs)
            ours, theirs = (statistics.median(times) for times in zip(*found, strict=True))
            ratio = statistics.median(one / other for one, other in found)
            print(f"{function}: {ours:.0f} ms, the sample {theirs:.0f} ms, ratio of pairs {ratio:.3f}")  # noqa: T201


if __name__ == "__main__":
    main()
