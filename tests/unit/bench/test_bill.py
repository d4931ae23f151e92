"""What `make test` plays in which part, and the bill at its end."""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.bill import BUDGETS, CLOCK, Entry, lines, read, run

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def played() -> dict[str, list[Path]]:
    """Return the files that each part of `make test` plays, by what make would run."""
    parts = re.findall(r"bill (\S+) env .* pytest -q(.*?)\|\|", would_run("test", "DATABASES=containers"))
    return {part: [*_files(arguments)] for part, arguments in parts}


def would_run(*goals: str) -> str:
    """Return what make would run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "-n", *goals], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)  # noqa: S607 the machine's
    return done.stdout.replace("\\\n", " ")


def _files(arguments: str) -> list[Path]:
    paths = [ROOT / word for word in arguments.split() if word.startswith("tests/")]
    return [file for path in paths for file in (path.rglob("test_*.py") if path.is_dir() else [path])]


def test_every_test_is_in_one_part(played: dict[str, list[Path]]) -> None:
    files = [file for part in played.values() for file in part]
    assert len(files) == len(set(files))
    alone = {*(ROOT / "tests/page").rglob("test_*.py")}  # needs a browser: `make check-page`
    assert {*files} == {*(ROOT / "tests").rglob("test_*.py")} - alone


def test_what_make_test_leaves_out_is_played_by_make_crash() -> None:
    long = [line for line in would_run("crash").splitlines() if "pytest --no-header --exhaustive" in line]
    files = [file for line in long for file in _files(line)]
    assert len(files) == len(set(files))
    marked = re.compile(r"\bmark\.exhaustive\b|tests\.lab\.nightly")
    there = {file for file in (ROOT / "tests").rglob("test_*.py") if marked.search(file.read_text("utf-8"))}
    assert there - {Path(__file__)} <= {*files}


def test_every_part_has_a_budget(played: dict[str, list[Path]]) -> None:
    assert {part.partition("-")[0] for part in played} - {"containers"} <= BUDGETS.keys()


def test_the_budgets_fit_two_processors() -> None:
    """No processor is busy all of the time: parts wait, and at the end fewer are left than there are processors."""
    assert sum(BUDGETS.values()) <= 0.95 * 2 * CLOCK


def test_the_guide_says_how_long_it_may_take() -> None:
    guide = (ROOT / "docs/development.md").read_text("utf-8")
    assert f"It may take {CLOCK // 60} minutes on two idle processors" in guide


def test_a_command_is_billed_with_the_seconds_of_its_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    busy = "import time; [0 for _ in iter(lambda: time.process_time() < 0.3, False)]"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}]); sys.exit(3)"
    assert run("unit", [sys.executable, "-c", parent]) == 3
    (entry,) = read()
    assert entry.part == "unit"
    assert entry.busy > 0.3


def test_what_goes_beyond_its_budget_is_told() -> None:
    over, kept = Entry("unit", 0, 9, BUDGETS["unit"] + 1), Entry("crash-wire", 1, 3, BUDGETS["crash"] - 1)
    told = {line.split()[0]: line for line in lines([over, kept, Entry("new-part", 0, 1, 1)]) if line.split()}
    assert "over its budget" in told["unit"]
    assert "over" not in told["crash"]
    assert "over its budget" in told["new"]
    assert "9 of 720" in told["all"]
