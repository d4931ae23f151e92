"""One side of a comparison: a secret, and the warm function that rotates it as the service would have it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from tests.bench.sides.peer import BUNDLE, ENGINES
from tests.lab.theatre import ADMIN, Application
from tests.support.emulators.secretsmanager.rotation import RotationPlayer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.theatre import Theatre
    from tests.support.emulators.secretsmanager.rotation import RotationResult

ROOT: Final = Path(__file__).resolve().parents[3]
PARTS: Final = ("wall", "aws", "database", "processor", "statements")
"""What a process tells of each invocation; times are in milliseconds."""


class RotationFailed(Exception):
    """A side could not rotate: what it was measured to take would mean nothing."""


class FunctionProcess:
    """A process that holds one function, while it is entered as a context."""

    def __init__(self, program: Path, environment: Mapping[str, str], *prepared: str) -> None:
        """Know the function's file, its environment, and the module that prepares what it imports."""
        self._command = [sys.executable, "-m", "tests.bench.sides.process", str(program), *prepared]
        self._environment = {"PATH": os.defpath, "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT}", **environment}

    def __enter__(self) -> Self:
        """Start it."""
        self._process = subprocess.Popen(  # noqa: S603 (the names are ours)
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        return self

    def __exit__(self, *_: object) -> None:
        """End its input, and so the process."""
        self._process.communicate(timeout=10)

    def ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke it with an event; asked nothing, it tells its memory and its start."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        answer: dict[str, Any] = json.loads(stdout.readline() or '{"error": "the process ended"}')
        return answer


@dataclass
class Side:
    """A secret and its function."""

    application: Application
    function: FunctionProcess
    caller: str
    between: float = 0.0
    """Seconds until the service invokes the function again."""
    told: list[dict[str, Any]] = field(default_factory=list)

    def rotate(self) -> RotationResult:
        """Rotate once. Raises RotationFailed."""
        self.told.clear()
        player = RotationPlayer(self.application.theatre.emulator, self._invoke, caller=self.caller)
        result = player.rotate(self.application.arn)
        if not result.succeeded:
            message = f"{self.caller}: {result.failure}: {self.told[-1]['error']}"
            raise RotationFailed(message)
        return result

    def _invoke(self, event: Mapping[str, Any]) -> None:
        time.sleep(self.between)
        self.told.append(self.function.ask(event))
        if self.told[-1]["error"]:
            raise RotationFailed(self.told[-1]["error"])

    def measured(self) -> dict[str, float]:
        """Rotate once, and add up what the invocations took; each is billed by whole milliseconds (Lambda's prices)."""
        self.rotate()
        billed = sum(math.ceil(it["wall"]) for it in self.told)
        return {**{part: sum(it[part] for it in self.told) for part in PARTS}, "billed": billed}


@contextmanager
def ours(theatre: Theatre, strategy: str, user: str) -> Iterator[Side]:
    """Bring our function onto a stage."""
    program = ROOT / "functions" / theatre.module.FUNCTION / "app.py"
    with FunctionProcess(program, theatre.environment()) as function:
        yield Side(theatre.application(user, strategy), function, "function")


@contextmanager
def peer(theatre: Theatre, engine: str, strategy: str, user: str, program: Path) -> Iterator[Side]:
    """Bring a peer's function onto the same stage, with a secret in its words."""
    theatre.scene.prepare(user, password := os.urandom(12).hex(), ADMIN)
    words = {"ssl": True, "engine": ENGINES.get(theatre.scene.engine, theatre.scene.engine)}
    name = f"admin-of-{user}"
    admin = theatre.create_secret(name, ADMIN, password_of_admin(theatre), **words)
    arn = theatre.create_secret(user, user, password, **words, masterarn=admin)
    if engine == "documentdb":  # its dbname is where one logs in
        for secret in (admin, arn):
            one = Application(theatre, secret, strategy)
            one.put(one.secret() | {"dbname": "admin"})
    environment = {
        **theatre.environment(),
        "AWS_ACCESS_KEY_ID": "peer",
        "ENGINE": engine,
        "USERNAME_CHARACTER_LIMIT": "32",
        "SSL_CERT_FILE": theatre.environment()[BUNDLE],
    }
    with FunctionProcess(program, environment, "tests.bench.sides.peer") as function:
        yield Side(Application(theatre, arn, strategy), function, "peer")


def password_of_admin(theatre: Theatre) -> str:
    """Return the admin's password."""
    return str(Application(theatre, theatre.admin_arn, "").secret()["password"])
