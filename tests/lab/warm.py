"""
A warm function: app.py in a process of its own, called again and again as the runtime would, and its vital signs.

One line of JSON on its standard input is an invocation, or asks for something else (``Vitals``, a leak made on
purpose); one line on its standard output is the answer. What the function prints comes with the answer.
"""

from __future__ import annotations

import gc
import io
import json
import os
import runpy
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.lab.theatre import Theatre

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Vitals:
    """What a process holds: threads, open files, Python's blocks of memory, and KiB of memory in all."""

    threads: int
    files: int
    blocks: int
    resident: int

    def grown_beyond(self, before: Vitals, bounds: Vitals) -> dict[str, int]:
        """Return what has grown by more than its bound, and by how much."""
        growth = {name: value - asdict(before)[name] for name, value in asdict(self).items()}
        return {name: more for name, more in growth.items() if more > asdict(bounds)[name]}


class InvocationFailed(Exception):
    """The function raised; ``kind`` is the name of the error's class."""

    def __init__(self, kind: str, message: str, *, retryable: bool) -> None:
        """Tell it as the runtime does."""
        super().__init__(f"{kind}: {message}")
        self.kind, self.retryable = kind, retryable


class WarmFunction:
    """The process, while it is entered as a context; one thread at a time may talk to it."""

    def __init__(self, theatre: Theatre) -> None:
        """Take the function of a stage."""
        self._theatre = theatre

    def __enter__(self) -> Self:
        """Start it; it loads app.py with the first thing asked of it."""
        path = f"{ROOT / 'shared'}{os.pathsep}{ROOT}"
        self._process = subprocess.Popen(  # noqa: S603 (the names are ours)
            [sys.executable, "-c", "from tests.lab.warm import main; main()", self._theatre.module.FUNCTION],
            env={"PATH": os.defpath, "PYTHONPATH": path, **self._theatre.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End its input, and so the process."""
        self._process.communicate(timeout=10)

    def invoke(self, event: Mapping[str, Any]) -> None:
        """Take a step; raises InvocationFailed where the function raised."""
        answer = self._ask({"event": event, "seconds": self._theatre.seconds})
        self._theatre.function_log.write(answer["log"])
        if answer["error"]:
            raise InvocationFailed(*answer["error"], retryable=answer["retryable"])

    def vitals(self) -> Vitals:
        """Look at what it holds once all garbage is collected."""
        return Vitals(**self._ask({"vitals": True}))

    def leak(self, kind: str) -> None:
        """Let it leak one thing in each invocation from now on (a name of LEAKS, "" is nothing), and free the last."""
        self._ask({"leak": kind})

    def _ask(self, order: Mapping[str, Any]) -> Any:  # noqa: ANN401 JSON
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())


class _Context:
    """What the function uses of Lambda's context."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


_kept: Final[list[object]] = []


def _start_thread() -> None:
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def _connect() -> None:
    """Log in once more with the last login's parameters, and never close it."""
    import psycopg2  # noqa: PLC0415 the function's own driver, in its own process

    _kept.append(psycopg2.connect(**_parameters))


LEAKS: Final[Mapping[str, Callable[[], object]]] = {
    "": lambda: None,
    "thread": _start_thread,
    "file": lambda: _kept.append(os.open(os.devnull, os.O_RDONLY)),
    "objects": lambda: _kept.extend({} for _ in range(200)),
    "memory": lambda: _kept.append(b"\1" * 1_000_000),
    "connection": _connect,
}
"""What a function could leak in an invocation, by name."""

_parameters: Final[dict[str, Any]] = {}


def _remember_logins() -> None:
    import psycopg2  # noqa: PLC0415 the same

    connect = psycopg2.connect

    def connecting(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 passed on
        _parameters.update(named)
        return connect(*arguments, **named)

    psycopg2.connect = connecting


@dataclass
class _Function:
    """The function, in its own process."""

    handler: Callable[[Any, Any], None]
    printed: io.StringIO
    leaking: str = ""

    def answer(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a line asks for."""
        if "leak" in order:
            self.leaking = order["leak"]
            _kept.clear()
            return {}
        return _vitals() if "vitals" in order else self._invoked(order["event"], order["seconds"])

    def _invoked(self, event: object, seconds: float) -> dict[str, Any]:
        error: Any = None
        try:
            self.handler(event, _Context(seconds))
        except Exception as raised:  # noqa: BLE001 as the runtime does
            error = raised
        LEAKS[self.leaking]()
        log = self.printed.getvalue()
        self.printed.seek(0)
        self.printed.truncate()
        told = [type(error).__name__, str(error)] if error else None
        return {"log": log, "error": told, "retryable": getattr(error, "retryable", False)}


def _vitals() -> dict[str, Any]:
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 with a Path for each there would be more of them
    return asdict(Vitals(len(os.listdir("/proc/self/task")), files, sys.getallocatedblocks(), resident))  # noqa: PTH208


def main() -> None:
    """Answer lines until the input ends."""
    speech, sys.stdout = sys.stdout, io.StringIO()
    app = runpy.run_path(str(ROOT / "functions" / sys.argv[1] / "app.py"))
    function = _Function(app["lambda_handler"], sys.stdout)
    _remember_logins()
    for line in sys.stdin:
        speech.write(json.dumps(function.answer(json.loads(line))) + "\n")
        speech.flush()
