"""`make playground`: what it prints is typed into a shell, from the first line to the last."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.support.cli import aws
from tests.support.emulators.secretsmanager.rotation import STEPS
from tests.support.guides.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PLAYED = [
    "postgresql alternating-users",
    pytest.param("mysql retained-password", marks=pytest.mark.exhaustive),
    pytest.param("documentdb single-user-by-admin", marks=pytest.mark.exhaustive),
    pytest.param("redshift single-user", marks=pytest.mark.exhaustive),
]
PATIENCE = 90.0


@pytest.fixture(params=PLAYED)
def playground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Run the command, and return where its screen is kept. It ends by Ctrl-C, without a traceback."""
    engine, strategy = request.param.split()
    command = [sys.executable, "-m", "tests.lab.playground", "--engine", engine, "--strategy", strategy]
    screen = tmp_path / "screen"
    with screen.open("wb") as to:
        process = subprocess.Popen(command, cwd=ROOT, stdout=to, stderr=subprocess.STDOUT)  # noqa: S603 the project's own
        try:
            seen(screen, "Ctrl-C ends all of it")
            yield screen
        finally:
            process.send_signal(signal.SIGINT)
            ended = process.wait(60)
    assert (ended, screen.read_text().splitlines()[-1]) == (130, "make playground: stopped; nothing of it is left")


def test_what_it_prints_can_be_typed_as_it_stands(playground: Path) -> None:
    """Each command succeeds, rotations are played beside it, and what was broken fails with a remedy and is mended."""
    lines = [line.strip() for line in playground.read_text().splitlines()]
    first = next(line for line in lines if line.startswith("export "))
    said: dict[str, str] = {}
    for command in (line for line in lines if re.match("(aws|make|echo) ", line)):
        steps = playground.read_text().count("Secret ✓")
        # The first of all by the CLI as it is started by a person.
        said[command] = typed(f"{first}; PATH='{aws.path()}'; {command}" if said else f"{first}; {command}")
        if "rotate-secret" in command:
            waited(partial(is_played, playground, steps, 1 if "--no-rotate-immediately" in command else len(STEPS)))
    application = json.loads(next(text for command, text in said.items() if "get-secret-value" in command))
    assert application["username"].startswith("shop")
    assert "secret-rotation-" in said["make status"]
    shown = playground.read_text()
    assert {"shop: a dry run", "shop: a rotation", "shop: revokePrevious"} <= {it[2:] for it in shown.splitlines()}
    if "restore-secret" in " ".join(said):
        assert "aws secretsmanager restore-secret" in said["make status"], "the remedy is told"
        seen(playground, "finishSecret ✓", 2)
        seen(playground, "shop: the rotation that failed, again")


def typed(line: str) -> str:
    """Type a line as a person does; `make status` by what it runs, without installing anything anew."""
    line = line.replace("make status", f"{sys.executable} -m tests.lab.status")
    bare = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(  # noqa: S603 printed by the project
        ["/bin/sh", "-c", line], cwd=ROOT, env=bare | {"COLUMNS": "400"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or "tests.lab.status" in line, done.stderr
    return done.stdout


def is_played(screen: Path, before: int, steps: int) -> bool:
    """Return whether a rotation of so many steps ended, or failed, after those before it."""
    added = screen.read_text().split("Secret ✓", before)[-1]
    return "✗" in added or added.count("✓") >= steps


def seen(screen: Path, text: str, times: int = 1) -> None:
    """Wait until the screen shows a text."""
    waited(lambda: screen.read_text().count(text) >= times)


def waited(until: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.1)
