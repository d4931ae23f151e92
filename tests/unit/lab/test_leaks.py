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


def run(folder: Path, **bodies: str) -> subprocess.CompletedProcess[str]:
    """Run a test of each name in a run of its own."""
    for name, body in bodies.items():
        (folder / f"test_{name}.py").write_text(BEGINNING + body + "\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.lab.leaks", "-p", "no:cacheprovider", str(folder)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}"}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603


def named(leak: str) -> str:
    """Return the name of its test: words alone."""
    return "".join(letter if letter.isalpha() else "_" for letter in leak)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run a test for each leak, in one run."""
    return run(tmp_path_factory.mktemp("leaky"), **{named(leak): body for leak, body in LEAKS.items()})


@pytest.mark.parametrize("leak", LEAKS)
def test_a_password_that_was_written_is_found(leaky: subprocess.CompletedProcess[str], leak: str) -> None:
    """The run names the test that made the password."""
    assert f"a password made in test_{named(leak)}.py::test_it (call), " in leaky.stdout, leaky.stdout + leaky.stderr


def test_passwords_that_were_written_fail_the_run(leaky: subprocess.CompletedProcess[str]) -> None:
    """The tests themselves pass; the run does not."""
    assert f"{len(LEAKS)} passed" in leaky.stdout, leaky.stdout + leaky.stderr
    assert leaky.returncode == 1


def test_a_run_without_leaks_passes(tmp_path: Path) -> None:
    """What is not written is not found."""
    done = run(tmp_path, one="    print(len(text), password)")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passwords searched for in all that was written: 0 found" in done.stdout


def test_a_worker_tells_its_controller() -> None:
    """What xdist's workers found is the run's."""
    plugin = Plugin.__new__(Plugin)
    plugin.leaks = []
    plugin.pytest_testnodedown(SimpleNamespace(workeroutput={"leaks": ["one"]}))
    plugin.pytest_testnodedown(SimpleNamespace())
    assert plugin.leaks == ["one"]
