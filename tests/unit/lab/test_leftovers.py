"""What a demo leaves that was killed with its watcher, and what is not its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.lab import leftovers
from tests.support.guides.pages import ROOT

DEMO = """
import subprocess, sys
from tests.lab import leftovers
from tests.support.servers import process
folder = leftovers.claim()
log = folder / "log"
server = process.ServerProcess(["/usr/bin/tail", "-f", log], {}, log)
print(process.workspace(), server.known_as, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no demo that starts beside the tests clear what is theirs."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def killed() -> tuple[Path, int]:
    """Return the workspace and the server of a demo that was killed, its watcher first."""
    demo = subprocess.Popen(  # noqa: S603 ours
        [sys.executable, "-c", DEMO], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert demo.stdout
    folder, server = demo.stdout.readline().split()
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        words = line.read_bytes().split(b"\0") if line.exists() else []
        if b"watcher" in words and os.fsencode(folder) in words:
            os.kill(int(line.parent.name), signal.SIGKILL)
    demo.kill()
    demo.communicate()
    give_up = time.monotonic() + 10
    while leftovers._is_watched(Path(folder)):  # noqa: SLF001 a killed process is there for a moment still
        assert time.monotonic() < give_up
        time.sleep(0.01)
    return Path(folder), int(server)


def test_the_next_demo_clears_what_a_killed_one_left(killed: tuple[Path, int]) -> None:
    """The server ends, and the folder goes."""
    folder, server = killed
    assert folder.exists()
    assert folder in leftovers.clear()
    assert not folder.exists()
    assert not Path(f"/proc/{server}/cmdline").exists() or not Path(f"/proc/{server}/cmdline").read_bytes()
    assert folder not in leftovers.clear()


@pytest.mark.parametrize("mark", [None, "not a process", leftovers._identity(os.getpid())])  # noqa: SLF001 whose it is
def test_what_is_not_certainly_its_own_stays(mark: str | None) -> None:
    """A test run's folder, one whose mark nobody can read, and that of a demo that runs."""
    with tempfile.TemporaryDirectory(prefix="rotation-servers-") as folder:
        if mark:
            (Path(folder) / leftovers.MARK).write_text(mark)
        assert Path(folder) not in leftovers.clear()
        assert Path(folder).exists()
