"""What runs as a process of its own, before anybody has named the library's folder: the demo, and its clients."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("module", ["tests.lab.__main__", "tests.lab.client", "tests.lab.postgresql", "tests.lab.warm"])
def test_it_is_imported_without_the_library(module: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", f"import {module}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 ours
    assert done.returncode == 0, done.stderr
