"""Server processes that end with the tests that started them, and leave nothing behind.

Everything that a process needs stands in one temporary folder, the workspace. A watcher (a few lines of
shell) waits on a pipe for the death of this interpreter, however it dies: even after SIGKILL the servers are
stopped and the workspace is removed. An ordinary end of the interpreter does the same through atexit.

A database server refuses to run as root, so root starts it as `nobody`.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NOBODY = 65534
STOP_SECONDS = 10.0

# A pid counts only while its command line still names the workspace: pids are used again.
WATCHER = """
cat >/dev/null
ours() { tr '\\0' ' ' <"/proc/$1/cmdline" 2>/dev/null | grep -qF "$2"; }
for file in "$1"/pids/*; do
    pid="${file##*/}"
    ours "$pid" "$1" && kill -INT "$pid"
done
[ ! -x "$1/at-the-end" ] || "$1/at-the-end"
for file in "$1"/pids/*; do
    pid="${file##*/}"
    for turn in 1 2 3 4 5 6 7 8 9 10; do ours "$pid" "$1" || break; sleep 0.2; done
    ours "$pid" "$1" && kill -KILL "$pid"
done
rm -rf "$1"
"""

_running: set[ServerProcess] = set()

farewells: list[Callable[[Path], object]] = []
"""Who is told of a server's folder before it goes."""


class Account(TypedDict, total=False):
    """The account a child runs under, as subprocess.Popen wants it; empty for one's own."""

    user: int
    group: int
    extra_groups: list[int]


def account() -> Account:
    """Return `nobody` for root, nothing for everybody else."""
    if os.geteuid() != 0:
        return {}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def hand_over(path: Path) -> None:
    """Give a file or a whole folder to the account that servers run under."""
    if os.geteuid() != 0:
        return
    for entry in (path, *path.rglob("*")):
        os.chown(entry, NOBODY, NOBODY, follow_symlinks=False)


@functools.cache
def workspace() -> Path:
    """Return the folder that goes when this interpreter goes, made at first use."""
    folder = Path(tempfile.mkdtemp(prefix="rotation-servers-"))
    folder.chmod(0o755)
    (folder / "pids").mkdir()
    watcher = subprocess.Popen(
        ["/bin/sh", "-c", WATCHER, "watcher", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    atexit.register(_clear, folder, watcher, os.getpid())
    return folder


def new_folder(prefix: str) -> Path:
    """Return a new folder of the workspace, readable by everyone."""
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=workspace()))
    folder.chmod(0o755)
    return folder


def remove(folder: Path) -> None:
    """Remove a server's folder, once everybody has taken what is wanted of it."""
    for farewell in farewells:
        farewell(folder)
    shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Return a port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_taken(port: int) -> bool:
    """Tell whether somebody listens on a port, whatever language the server's own complaint is in."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
    """Run a program to its end under the servers' account; its output is the message of the error."""
    done = subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        check=False,
        text=True,
        errors="replace",
        **account(),
    )
    if done.returncode:
        message = f"{command[0]} ended with {done.returncode}:\n{done.stdout}"
        raise RuntimeError(message)


def at_the_end(line: str) -> None:
    """Leave a line of shell to the watcher, for what a death of this interpreter leaves outside of the workspace."""
    script = workspace() / "at-the-end"
    script.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    script.chmod(0o755)


class Running(Protocol):
    """A server that was started, as a process or in a container."""

    @property
    def known_as(self) -> int:
        """The process id that the server writes into its files."""

    @property
    def alive(self) -> bool:
        """Whether it still runs."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""

    def stop(self) -> None:
        """Stop it, and wait until it is gone."""

    def kill(self) -> None:
        """End it and all that it started by SIGKILL, so that nobody can say a word any more."""


class Place(Protocol):
    """Where the programs of a server run."""

    @property
    def origin(self) -> str:
        """Where the programs come from."""

    def __hash__(self) -> int:
        """Tell places apart: what was prepared in one is of no use in another."""

    def run(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Run a program to its end under the servers' account; its output is the message of the error."""

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> Running:
        """Start a server, its output appended to a file."""


@dataclass(frozen=True)
class Machine:
    """This machine as a place: plain processes."""

    origin: str = "plain process"

    def run(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Run a program to its end."""
        run(command, environment)

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> ServerProcess:
        """Start a server."""
        return ServerProcess(command, environment, log)


class ServerProcess:
    """One server process, its output appended to a file."""

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        log: Path,
        run_as: Account | None = None,
    ) -> None:
        """Start it, in a session of its own: a Ctrl-C at the terminal is for the tests, who then stop it."""
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
                **(account() if run_as is None else run_as),
            )
        self._mark = workspace() / "pids" / str(self.pid)
        self._mark.touch()
        _running.add(self)

    @property
    def pid(self) -> int:
        """The process id of the server itself."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._child.poll() is None

    @property
    def known_as(self) -> int:
        """The process id that the server writes into its files."""
        return self.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the server is gone."""
        self._child.send_signal(number)

    def kill(self) -> None:
        """Kill the server and its children, which it must not see die one by one."""
        self.signal(signal.SIGSTOP)
        for child in _children(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        self.signal(signal.SIGKILL)
        self.stop()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask the server to stop, insist when it does not, and wait until it is gone."""
        self._child.send_signal(signal.SIGINT)
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        finally:
            if not self.alive:
                self._mark.unlink(missing_ok=True)
                _running.discard(self)


def _children(pid: int) -> list[int]:
    """Find the processes whose parent it is (proc(5): the second field after the name in brackets)."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(file.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]) == pid:
                found.append(int(file.parent.name))
    return found


def _clear(folder: Path, watcher: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:  # a fork of the interpreter, which owns nothing
        return
    for process in list(_running):
        process.stop()
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        watcher.communicate()
