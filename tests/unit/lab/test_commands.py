"""What `make` starts of the lab runs in an interpreter that has nothing but the project's folder."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.guides.pages import ROOT
from tests.support.servers import choice


@pytest.mark.parametrize("module", ["tests.lab", "tests.lab.invoke", "tests.lab.audit"])
def test_a_command_of_the_lab_starts_without_the_library_on_its_path(module: str) -> None:
    """The lab puts the library on the path itself, as Lambda does; nothing that it imports before may need it."""
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(  # noqa: S603 the project's own
        [sys.executable, "-m", module, "--help"], cwd=ROOT, env=bare, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_place_where_no_server_can_run_is_told_in_a_line() -> None:
    """No traceback: the sentence says what the variable may be."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab"],
        cwd=ROOT,
        env=os.environ | {choice.DATABASES: "lokal"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "make demo: error: DATABASES is one of auto, containers, local; it says 'lokal'.\n"
