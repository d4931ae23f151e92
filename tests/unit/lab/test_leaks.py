"""The search at the end of a run finds a password wherever it was written, and does not show it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.lab.leaks import Plugin

ROOT = Path(__file__).resolve().parents[3]
BEGINNING = """
import pytest
from rotation.errors import StatementFailed
from rotation.model import Password
from rotation.credentials.password_policy import policy_for
from rotation.model import Limits
from tests.lab.theatre import FunctionLog
from tests.support.network import proxy as wire
from tests.support.servers import process

def test_it(capsys):
    password = policy_for(Limits(8, 128, 63)).generate()
    text = password.reveal()
"""
LEAKS = {
    "output": "    print(text)",
    "what a test reads of it": "    print(text); capsys.readouterr()",
    "the log as JSON": "    import json; print(json.dumps({'a': text}))",
    "the functions' log": "    FunctionLog().write(text)",
    "a server's log": "    f = process.new_folder('s'); (f / 'x.log').write_text(text); process.remove(f)",
    "the wire": "    [tap(text.encode()) for tap in wire.taps]",
    "an error": "    exec(compile('StatementFailed(text, engine=\"x\")', '/shared/driver.py', 'exec'))",
}


def run(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run one test in a run of its own."""
    (folder / "test_one.py").write_text(BEGINNING + body + "\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.lab.leaks", "-p", "no:cacheprovider", str(folder)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}"}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.parametrize("body", LEAKS.values(), ids=LEAKS)
def test_a_password_that_was_written_fails_the_run(tmp_path: Path, body: str) -> None:
    """The test itself passes; the run does not, and names the test that made the password."""
    done = run(tmp_path, body)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1
    assert "a password made in test_one.py::test_it (call), " in done.stdout


def test_a_run_without_leaks_passes(tmp_path: Path) -> None:
    """What is not written is not found."""
    done = run(tmp_path, "    print(len(text), password)")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passwords searched for in all that was written: 0 found" in done.stdout


def test_a_worker_tells_its_controller() -> None:
    """What xdist's workers found is the run's."""
    plugin = Plugin.__new__(Plugin)
    plugin.leaks = []
    plugin.pytest_testnodedown(SimpleNamespace(workeroutput={"leaks": ["one"]}))
    plugin.pytest_testnodedown(SimpleNamespace())
    assert plugin.leaks == ["one"]
