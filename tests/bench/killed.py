"""
A function in a process of its own that is killed at its n-th effect: a call of Secrets Manager, a login, a statement.

``python -m tests.bench.killed KIND NAME ENGINE``: KIND is ``ours`` (a folder of functions/) or ``theirs`` (a sample of
AWS's, on PYTHONPATH). A line of JSON on the standard input is an invocation, one on the standard output what became
of it. Each invocation is a fork, so that the kill is one: nothing that the function would still do is done.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from botocore.client import BaseClient

from tests.lab.theatre import Context
from tests.support.crashes.cuts import Scissors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.errors import RotationError

ROOT: Final = Path(__file__).resolve().parents[2]
KILLED: Final = 9
BUNDLE: Final = "SSL_CERT_FILE"
"""The variable that names whom to trust, as OpenSSL reads it; the samples for MySQL and PostgreSQL name a file."""


class Killing(Scissors):
    """Counts effects, and ends the process before or after one of them."""

    def __init__(self, at: int, *, before: bool) -> None:
        """Know which."""
        super().__init__(at)
        self._before = before

    @contextlib.contextmanager
    def around(self, name: str, lost: RotationError | None = None) -> Iterator[None]:  # noqa: ARG002 nothing is lost
        """Let an effect happen, unless the end comes first; one that fails has an end, too."""
        self.count += 1
        due = self.count == self.at
        self.trace.append(name)
        if due and self._before:
            os._exit(KILLED)
        try:
            yield
        finally:
            if due:
                os._exit(KILLED)


def ours(name: str, engine: str) -> tuple[Callable[[Any, Any], Any], Callable[[Scissors], Any]]:
    """Return a function of this suite, and what cuts its effects."""
    effects = importlib.import_module("tests.support.crashes.effects")
    handler: Any = runpy.run_path(str(ROOT / "functions" / name / "app.py"))["lambda_handler"]
    assert handler._assembly.secrets_manager  # noqa: SLF001 made once, and not in each fork
    return handler, effects.CUTTING[engine]


def theirs(name: str, engine: str) -> tuple[Callable[[Any, Any], Any], Callable[[Scissors], Any]]:
    """
    Return a sample of AWS's, and what cuts its effects.

    It trusts the test's authority, where it names a file of Lambda's old image. On MySQL 9 it is spared the function
    PASSWORD(), which the server does not have: without that no sample for MySQL changes anything there.
    """
    sample: Any = importlib.import_module("lambda_function")
    sample.boto3.client("secretsmanager")  # what it reads is kept, and not read in each fork
    logging.disable()
    if engine == "mysql":
        sample.get_password_option = lambda _: "%s"
    driver: Any = importlib.import_module(name)
    trust: dict[str, Any] = {}
    if name == "pymysql":
        trust = {"ssl": {"ca": os.environ[BUNDLE]}}
    elif "postgres" in engine:
        trust = {"sslrootcert": os.environ[BUNDLE]}
    return sample.lambda_handler, lambda scissors: _cut_sample(scissors, driver, trust)


@contextlib.contextmanager
def _cut_sample(scissors: Scissors, driver: Any, trust: dict[str, Any]) -> Iterator[None]:  # noqa: ANN401 a module
    """Put the scissors around a sample's calls, logins, statements and commits."""
    owners: list[tuple[Any, str, dict[str, Any]]] = [(BaseClient, "_make_api_call", {})]
    if hasattr(driver, "connect"):
        cursor = importlib.import_module(f"{driver.__name__}.{'cursors' if driver.__name__ == 'pymysql' else 'cursor'}")
        owners += [(driver, "connect", trust), (cursor.Cursor, "execute", {}), (driver.Connection, "commit", {})]
    else:
        owners += [(driver.database.Database, name, {}) for name in ("authenticate", "command")]
    with contextlib.ExitStack() as stack:
        for owner, name, more in owners:
            stack.enter_context(mock.patch.object(owner, name, _cut(scissors, getattr(owner, name), name, more)))
        yield


def _cut(scissors: Scissors, act: Callable[..., Any], name: str, more: dict[str, Any]) -> Callable[..., Any]:
    def cut(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 passed on
        with scissors.around(name):
            return act(*arguments, **(named | more))

    return cut


def invoke(order: dict[str, Any], handler: Callable[[Any, Any], Any], cutting: Callable[[Scissors], Any]) -> str:
    """Take a step in a fork; give what it tells, which is nothing where it was killed."""
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        with os.fdopen(reading) as told:
            answer = told.read()
        os.waitpid(child, 0)
        return answer or json.dumps({"killed": True})
    scissors, error = Killing(order["at"], before=order["before"]), ""
    try:
        with cutting(scissors):
            handler(order["event"], Context())
    except Exception as raised:  # noqa: BLE001 as the runtime does
        error = type(raised).__name__  # a sample's text can hold a statement with a password
    os.write(writing, json.dumps({"error": error, "effects": len(scissors.trace)}).encode())
    os._exit(0)


def main() -> None:
    """Answer lines until the input ends."""
    kind, name, engine = sys.argv[1:]
    speech, sys.stdout = sys.stdout, sys.stderr
    handler, cutting = (ours if kind == "ours" else theirs)(name, engine)
    for line in sys.stdin:
        speech.write(invoke(json.loads(line), handler, cutting) + "\n")
        speech.flush()


if __name__ == "__main__":
    main()
