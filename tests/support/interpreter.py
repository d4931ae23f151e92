"""
The Python that the built functions run on here: of Lambda's version, where one can be had.

``python -m tests.support.interpreter 3.13`` prints the path of one, or nothing. Needs the standard library
only, since the build asks it too: bytecode is of use to Lambda if the runtime's own minor version wrote it.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import functools
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support import debian

if TYPE_CHECKING:
    from collections.abc import Iterator

LAMBDA: Final = "3.13"
"""The runtime that template.yaml names."""

# What Python depends on for its installation only.
PACKAGES: Final = {
    "3.13": debian.Packages("trixie", ("python3.13-minimal", "libpython3.13-stdlib"), ("perl-base", "debconf")),
}
_VERSION: Final = "import sys; print('%d.%d' % sys.version_info[:2])"


@dataclass(frozen=True)
class Interpreter:
    """A Python, and where it comes from."""

    program: Path
    version: str
    origin: str

    def __str__(self) -> str:
        """Return which."""
        return f"Python {self.version} ({self.origin})"


@functools.cache
def of_lambda() -> Interpreter:
    """Return a Python of Lambda's version, else the one that runs: the functions are then built for that one."""
    return of_version(LAMBDA) or _own()


def of_version(version: str) -> Interpreter | None:
    """Return the first Python of a minor version: the one that runs, one on PATH, Debian's."""
    for found in (_own(), *_on_path(version)):
        if found.version == version:
            return found
    try:
        return _from_debian(version)
    except debian.DebianUnavailableError:
        return None


def _own() -> Interpreter:
    """Return the Python that runs; in a virtual environment the one behind it."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Interpreter(Path(getattr(sys, "_base_executable", sys.executable)), version, "the one of the tests")


def _on_path(version: str) -> Iterator[Interpreter]:
    program = shutil.which(f"python{version}")
    if program:
        done = subprocess.run([program, "-c", _VERSION], capture_output=True, text=True, check=False)
        yield Interpreter(Path(program), done.stdout.strip(), "on PATH")


def _from_debian(version: str) -> Interpreter | None:
    if version not in PACKAGES or platform.machine() != "x86_64":
        return None
    root = PACKAGES[version].fetch()
    program = root / f"usr/bin/python{version}"
    debian.wrap(root, program)
    return Interpreter(program, version, f"Debian {PACKAGES[version].suite}")


if __name__ == "__main__":
    found = of_version(sys.argv[1])
    print(found.program if found else "")  # noqa: T201 its way of answering
