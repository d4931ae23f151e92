"""Programs from Debian's packages on a machine that must not be changed: fetched and unpacked, not installed.

A private apt with folders of its own believes that nothing is installed, so that it fetches everything a
program needs, the C library included. The program is then run by that library's own loader, whichever Linux
the machine is. Needs apt-get and dpkg-deb; no root.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LOG = logging.getLogger(__name__)
"""Of what is fetched, which takes long once."""
CACHE = Path(__file__).parents[2] / ".cache" / "debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "DEBIAN_MIRROR"
LOADER = "ld-linux-x86-64.so.2"


class DebianUnavailableError(RuntimeError):
    """The packages cannot be had here; the message says why."""


@dataclass(frozen=True)
class Packages:
    """What to fetch: packages of one suite, and dependencies that a test server can do without."""

    suite: str
    names: tuple[str, ...]
    without: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The name of the folder in the cache: another list is another folder."""
        text = " ".join((self.suite, *self.names, "-", *self.without))
        return f"{self.names[0]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def fetch(self, cache: Path = CACHE) -> Path:
        """Return the root of the unpacked packages, from the cache where it has them."""
        root = cache / self.key
        if not root.is_dir():
            _require_tools()
            cache.mkdir(parents=True, exist_ok=True)
            with only_one(cache / f"{self.key}.lock"):
                if not root.is_dir():
                    self._build(root)
        return root

    def _build(self, root: Path) -> None:
        LOG.info("fetching %s from Debian's packages, this once", self.names[0])
        with tempfile.TemporaryDirectory(prefix="apt-", dir=root.parent) as name:
            folder = Path(name)
            unpacked = folder / "root"
            for package in self._download(folder):
                _unpack(package, unpacked)
            unpacked.chmod(0o755)
            unpacked.rename(root)

    def _download(self, folder: Path) -> list[Path]:
        apt = [_tool("apt-get"), "-qq", *_private_apt(folder, self.suite, self.without)]
        _run([*apt, "update"])
        _run([*apt, "-y", "--no-install-recommends", "--download-only", "install", *self.names])
        return sorted((folder / "cache/archives").glob("*.deb"))


def wrap(root: Path, program: Path) -> None:
    """Make `program` start by the unpacked loader and libraries, under its own name and process id."""
    real = program.with_name(f"{program.name}.real")
    if real.exists():
        return
    # rename last: a program that another process is about to start is there at every moment
    script = program.with_name(f"{program.name}.new")
    script.write_text(
        "#!/bin/sh\n"
        'here="$(dirname "$0")"\n'
        f'root="$here/{os.path.relpath(root, program.parent)}"\n'
        'libraries="$root/lib/x86_64-linux-gnu:$root/usr/lib/x86_64-linux-gnu"\n'
        f'exec "$root/{_loader(root)}" --library-path "$libraries" --argv0 "$0" "$here/{real.name}" "$@"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    os.link(program, real)
    script.rename(program)


def _loader(root: Path) -> str:
    """Name the loader below `root`: in /lib64 until Debian 12, in /usr/lib64 since."""
    return next(f"{folder}/{LOADER}" for folder in ("lib64", "usr/lib64") if (root / folder / LOADER).exists())


def _require_tools() -> None:
    missing = [tool for tool in ("apt-get", "dpkg-deb") if not shutil.which(tool)]
    if not KEYRING.exists():
        missing.append(str(KEYRING))
    if missing:
        message = f"Debian's packages cannot be fetched here: {', '.join(missing)} not found"
        raise DebianUnavailableError(message)


def _tool(name: str) -> str:
    return shutil.which(name) or name


def _private_apt(folder: Path, suite: str, without: Sequence[str]) -> Iterator[str]:
    """Make the folders of an apt of our own, and yield the options that make apt-get use them."""
    for name in ("state/lists/partial", "cache/archives/partial", "none"):
        (folder / name).mkdir(parents=True)
    mirror = os.environ.get(MIRROR, "http://deb.debian.org/debian")
    (folder / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n", encoding="utf-8")
    (folder / "status").write_text("".join(map(_pretend_installed, without)), encoding="utf-8")
    options = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": folder / "none",
        "Dir::Etc::preferencesparts": folder / "none",
        "Dir::Etc::preferences": folder / "none",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "true",
    }
    for name, value in options.items():
        yield f"-o{name}={value}"


def _pretend_installed(package: str) -> str:
    return (
        f"Package: {package}\nStatus: install ok installed\nVersion: 99:999\nArchitecture: amd64\n"
        "Multi-Arch: foreign\nProvides: debconf-2.0\nMaintainer: nobody <nobody@localhost>\n"
        "Description: left out\n\n"
    )


def _unpack(package: Path, root: Path) -> None:
    """Unpack the files, not their owners: without root there is only one."""
    root.mkdir(exist_ok=True)
    with subprocess.Popen([_tool("dpkg-deb"), "--fsys-tarfile", package], stdout=subprocess.PIPE) as archive:
        _run([_tool("tar"), "-x", "--no-same-owner", "--exclude=./usr/share/doc", "-C", root], archive.stdout)
    if archive.returncode:
        message = f"{package.name} cannot be unpacked"
        raise DebianUnavailableError(message)


def _run(command: Sequence[str | Path], source: IO[bytes] | int | None = subprocess.DEVNULL) -> None:
    done = subprocess.run(
        command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        message = f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}"
        raise DebianUnavailableError(message)


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Let one process fetch while others wait for what it fetched."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
