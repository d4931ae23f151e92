"""
A warm function in a process of its own, which tells what each invocation took and where.

It imports nothing but the standard library before the function, so that what the process holds is the function's.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PEAK: Final = re.compile(r"VmHWM:\s+(\d+) kB")
DRIVERS: Final = {
    "pymysql": ("pymysql.connections", "Connection", ("connect", "query", "commit", "close")),
    "redshift_connector": ("redshift_connector.core", "Connection", ("__init__", "execute", "commit", "close")),
    "pymongo": ("pymongo.synchronous.mongo_client", "MongoClient", ("__init__", "close")),
}
"""By what a function that has loaded a driver talks with its database: a module, a class, its methods."""


class Clock:
    """Adds up the time spent in some calls, and counts them; calls within such a call are part of it."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.seconds, self.calls, self._depth = 0.0, 0, 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call with its time taken."""

        def timed(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 passed on
            self._depth += 1
            begun = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.perf_counter() - begun
                    self.calls += 1

        return timed

    def take(self) -> tuple[float, int]:
        """Return what was added up since the last time."""
        taken = self.seconds, self.calls
        self.seconds, self.calls = 0.0, 0
        return taken


service, database = Clock(), Clock()


class Context:
    """What functions use of Lambda's context."""

    function_name, memory_limit_in_mb, aws_request_id = "rotation", 256, "request"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotation"

    def get_remaining_time_in_millis(self) -> int:
        """Return all of the time."""
        return 60_000


def wrap(owner: Any, *names: str, clock: Clock = database) -> None:  # noqa: ANN401 any class
    """Take the time of a class's methods, where it has them itself."""
    for name in names:
        setattr(owner, name, clock.around(getattr(owner, name)))


def watch_postgresql() -> None:
    """Take the time of psycopg2, whose classes are in C: connections and cursors of subclasses."""
    driver: Any = importlib.import_module("psycopg2")
    extensions: Any = importlib.import_module("psycopg2.extensions")

    class Cursor(extensions.cursor):  # type: ignore[misc]
        """One whose statements are timed."""

        execute = database.around(extensions.cursor.execute)

    class Connection(extensions.connection):  # type: ignore[misc]
        """One whose cursors are timed."""

        commit = database.around(extensions.connection.commit)
        close = database.around(extensions.connection.close)

        def cursor(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 passed on
            """Return a timed one."""
            return super().cursor(*arguments, **{"cursor_factory": Cursor, **named})

    connect = driver.connect

    def timed(dsn: str | None = None, *_: None, **named: Any) -> Any:  # noqa: ANN401 passed on
        return connect(dsn, Connection, None, **named)

    driver.connect = database.around(timed)


def watch() -> None:
    """Take the time of all that the function has loaded to talk with the service and its database."""
    wrap(importlib.import_module("botocore.client").BaseClient, "_make_api_call", clock=service)
    for name, (module, owner, methods) in DRIVERS.items():
        if name in sys.modules:
            wrap(getattr(importlib.import_module(module), owner), *methods)
    if "pymongo" in sys.modules:
        wrap(importlib.import_module("pymongo.synchronous.database").Database, "command")
    if "psycopg2" in sys.modules:
        watch_postgresql()


def loaded(program: str) -> Any:  # noqa: ANN401 a function's handler
    """Import the file of a function as the runtime does, and return its handler."""
    spec = importlib.util.spec_from_file_location("lambda_function", program)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.lambda_handler


def invoked(handler: Callable[[Any, Any], object], event: Mapping[str, Any]) -> dict[str, Any]:
    """Invoke once, and tell what it took, in milliseconds."""
    error = ""
    service.take()
    database.take()
    begun, used = time.perf_counter(), time.process_time()
    try:
        handler(event, Context())
    except Exception as raised:  # noqa: BLE001 as the runtime does
        error = f"{type(raised).__name__}: {raised}"
    wall, processor = time.perf_counter() - begun, time.process_time() - used
    (aws, _), (engine, statements) = service.take(), database.take()
    times = {"wall": wall, "processor": processor, "aws": aws, "database": engine}
    return {**{name: value * 1000 for name, value in times.items()}, "statements": statements, "error": error}


def peak() -> float:
    """Return the most memory that this process ever held, in MB."""
    found = PEAK.search(Path("/proc/self/status").read_text("ascii"))
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    """Load what the first argument names, after the module of the second, and answer lines until the input ends."""
    speech, sys.stdout = sys.stdout, io.StringIO()
    begun = time.perf_counter()
    if sys.argv[2:]:
        importlib.import_module(sys.argv[2]).prepare()
    handler = loaded(sys.argv[1])
    imported = (time.perf_counter() - begun) * 1000
    watch()
    for line in sys.stdin:
        order = json.loads(line)
        answer = invoked(handler, order) if order else {"peak": peak(), "imported": imported}
        print(json.dumps(answer), file=speech, flush=True)


if __name__ == "__main__":
    main()
