"""
Lambda's runtime on this machine: AWS's runtime interface emulator, awslambdaric, and a function as `sam build` left it.

The function and its layer stand read-only in /var/task and /opt, in a mount namespace of their own; where the machine
gives none (or keeps what is needed in /var or /opt) they are copies without the right to write.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import functools
import http.client
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from tests.lab.builds import LAYER, ROOT, architecture, logical_id, managed, of_the_whole
from tests.support import interpreter
from tests.support.emulators.secretsmanager.invocation import InvokeUrl
from tests.support.servers import process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATH: Final = "/2015-03-31/functions/function/invocations"
START_SECONDS: Final = 20.0

# Both are filled before they are made read-only; what else stands there is not seen by the function.
MOUNTED: Final = """
set -e
mount -t tmpfs task /var && mkdir /var/task && cp -R "$1/." /var/task && mount -o remount,ro /var
mount -t tmpfs opt /opt && cp -R "$2/." /opt && mount -o remount,ro /opt
shift 2
cd /var/task
exec "$@"
"""


@functools.cache
def namespace() -> tuple[str, ...] | None:
    """Return the command that makes a mount namespace, or None where there is none to be had."""
    needed = (ROOT, process.workspace(), interpreter.of_lambda().program.resolve())
    if any(path.is_relative_to(folder) for path in needed for folder in ("/var", "/opt")) or not Path("/opt").is_dir():
        return None
    empty = process.new_folder("empty")
    for options in (("--mount",), ("--mount", "--user", "--map-root-user")):
        command = (shutil.which("unshare") or "unshare", *options)
        trial = (*command, "/bin/sh", "-c", MOUNTED, "sh", empty, empty, "true")
        try:
            subprocess.run(trial, check=True, capture_output=True, timeout=10)
        except (OSError, subprocess.SubprocessError):
            continue
        return command
    return None


def report() -> str:
    """Return what functions run on here, for the header of a test run."""
    places = "copies" if namespace() is None else "/var/task and /opt"
    return f"Lambda: {interpreter.of_lambda()}, {architecture()}, read-only {places}"


@functools.cache
def python() -> Path:
    """Write a program that is Python as Lambda's runtime brings it: the version, and what it holds beside it."""
    program = process.new_folder("lambda") / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{managed()}" exec "{interpreter.of_lambda().program}" -S "$@"\n')
    program.chmod(0o755)
    return program


class LambdaRuntime:
    """One function under the emulator, from its first invocation on; a context that ends it."""

    def __init__(
        self,
        function: str,
        environment: Mapping[str, str],
        *,
        timeout: int = 60,
        built: Callable[[str], Path] = of_the_whole,
        handler: str = "app.lambda_handler",
    ) -> None:
        """Describe it; ``timeout`` is the function's, in seconds, ``built`` gives what a resource was built into."""
        self._function, self._timeout, self._handler = function, timeout, handler
        self._built = built
        self._environment = dict(environment)
        self._ports = (process.free_port(), process.free_port())
        self._folder = process.new_folder("lambda")
        self.log = self._folder / "log"
        self.invoke = InvokeUrl(f"http://127.0.0.1:{self._ports[0]}{PATH}")

    def __enter__(self) -> Self:
        """Start the emulator and wait until it listens; the function starts with its first event."""
        self._process = process.ServerProcess(self._command(), self._variables(), self.log, run_as={})
        until = time.monotonic() + START_SECONDS
        while not _listens(self._ports[0]):
            if time.monotonic() > until or not self._process.alive:
                self._process.stop()
                message = f"The runtime emulator does not start:\n{self.text()}"
                raise RuntimeError(message)
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the emulator, and the function with it."""
        self._process.stop()

    def text(self, since: int = 0) -> str:
        """Return what function and emulator wrote, from a length of the log on."""
        return self.log.read_bytes()[since:].decode(errors="replace")

    def kill(self) -> None:
        """End the function's process as a machine that dies would."""
        for child in _children(self._process.pid):
            os.kill(child, signal.SIGKILL)

    def freeze(self) -> None:
        """Let the function's process stand still, for Lambda to end it when its time is over."""
        for child in _children(self._process.pid):
            os.kill(child, signal.SIGSTOP)

    def process_ids(self) -> list[int]:
        """Return the ids of the function's processes."""
        return _children(self._process.pid)

    def folders(self) -> tuple[Path, Path]:
        """Return the function's and the layer's folder, as the function's process sees them; it must run."""
        if namespace() is None:
            return self._folder / logical_id(self._function), self._folder / LAYER
        seen = Path(f"/proc/{self.process_ids()[0]}/root")
        return seen / "var/task", seen / "opt"

    def _command(self) -> list[str | Path]:
        task, layer = self._built(logical_id(self._function)), self._built(LAYER)
        emulator: list[str | Path] = [
            _emulator(),
            *("--runtime-interface-emulator-address", f"127.0.0.1:{self._ports[0]}"),
            *("--runtime-api-address", f"127.0.0.1:{self._ports[1]}"),
            *("--log-level", "info"),
            # -S: what is installed for the Python that plays the runtime is no part of it.
            *(interpreter.of_lambda().program, "-S", "-m", "awslambdaric", self._handler),
        ]
        inside = namespace()
        if inside is None:
            return emulator
        return [*inside, "/bin/sh", "-c", MOUNTED, str(self._folder), task, layer, *emulator]

    def _variables(self) -> dict[str, str]:
        """Return what Lambda sets, and what the stack does; nothing of this machine's own."""
        task, layer = Path("/var/task"), Path("/opt")
        if namespace() is None:
            task, layer = (self._copied(self._built(name)) for name in (logical_id(self._function), LAYER))
        python = f"python{interpreter.of_lambda().version}"
        path = (task, layer / f"python/lib/{python}/site-packages", layer / "python", managed())
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": ":".join(map(str, path)),
            "PYTHONDONTWRITEBYTECODE": "1",  # as root one can write to a copy
            "LAMBDA_TASK_ROOT": str(task),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{python}",
            "AWS_LAMBDA_FUNCTION_NAME": self._function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self._timeout),
            **self._environment,
        }

    def _copied(self, source: Path) -> Path:
        copy = self._folder / source.name
        shutil.copytree(source, copy)
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        return copy


def _emulator() -> Path:
    """Find the emulator, which comes with AWS SAM."""
    name = f"aws-lambda-rie-{architecture()}"
    return next((ROOT / ".tools/sam/lib").glob(f"python*/site-packages/samcli/local/rapid/{name}"))


def _children(parent: int) -> list[int]:
    """Return the processes whose parent this is (/proc/PID/stat: the fourth field)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended
            continue
        if int(fields[1]) == parent:
            found.append(int(stat.parent.name))
    return found


def _listens(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.connect()
    except OSError:
        return False
    connection.close()
    return True


def start_seconds(log: str) -> list[float]:
    """Read from the emulator's log how long each start of the function took (its REPORT line is of no use)."""
    return [float(found) / 1000 for found in re.findall(r"INIT REPORT\(durationMs: ([0-9.]+)\)", log)]
