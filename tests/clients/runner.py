"""
One library of an application, asked again and again while rotations run beside it.

Runs in the environment of the applications' libraries, not in the tests' own: ``python runner.py EXAMPLE STATEMENT``.
It writes "ready" after its first answer; when its input ends it writes what it saw, as JSON.
"""

from __future__ import annotations

import collections
import importlib
import json
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PAUSE: Final = 0.01

LOG_IN_ANEW: Final[Mapping[str, Callable[[Any], object]]] = {
    "with_psycopg": lambda example: example.pool.drain(),
    "with_sqlalchemy": lambda example: example.engine.dispose(),
    "with_django": lambda example: example.connection.close(),
}
"""What makes the next statement log in, where the library would keep its connection."""


def wait_for_the_end(ended: threading.Event) -> None:
    """Note when the input ends."""
    sys.stdin.read()
    ended.set()


def main() -> None:
    """Ask until the input ends."""
    name, statement = sys.argv[1:]
    example = importlib.import_module(name)
    ended = threading.Event()
    seen: dict[str, Any] = {"answers": 0, "errors": collections.Counter(), "longest": 0.0}
    while not ended.is_set():
        began = time.monotonic()
        try:
            example.query(statement)
        except Exception as error:  # noqa: BLE001 whatever the library raises is what its user would see
            seen["errors"][type(error).__name__] += 1
        else:
            seen["answers"] += 1
        seen["longest"] = max(seen["longest"], time.monotonic() - began)
        if seen["answers"] == 1 and not seen.get("ready"):
            seen["ready"] = True
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            threading.Thread(target=wait_for_the_end, args=[ended], daemon=True).start()
        LOG_IN_ANEW.get(name, lambda _: None)(example)
        time.sleep(PAUSE)
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main()
