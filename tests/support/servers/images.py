"""``make images``: images of the official names, made of packages where no registry can be reached.

Each is a file system of Debian's packages or of the wheel that plain processes use, with busybox as its shell, piped
to `docker import`. It holds the server alone: the official images' entrypoints (POSTGRES_PASSWORD and the like) are
not in it, since the suite starts the programs themselves. An image that is there is left as it is.
"""

from __future__ import annotations

import io
import posixpath
import re
import subprocess
import sys
import tarfile
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING, Final

import docker
from docker.errors import DockerException

from tests.support import debian, servers
from tests.support.servers import choice, mariadb, mongodb, mysql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MADE: Final = "rotation-suite.made"
"""The label of what was made here."""
BASE: Final = debian.Packages(
    "bookworm", ("busybox-static", "libc-bin", "libcurl4", "liblzma5", "libgcc-s1", "tzdata"), ("debconf",)
)
LIBRARIES: Final = debian.Packages("bookworm", ("libstdc++6",))
MERGED: Final = ("bin", "sbin", "lib", "lib64")
"""Links of a Debian whose packages have everything below /usr."""
IMPORT_SECONDS: Final = 300


@dataclass(frozen=True)
class Recipe:
    """What an image is made of."""

    name: str
    trees: Callable[[], Mapping[Path, str]]
    """Folders and files of this machine, by where they go."""
    program: str
    """The server, which is asked for its version."""
    paths: Sequence[str] = field(default=())
    """Folders before the usual ones on PATH."""


def _postgres_wheel() -> Mapping[Path, str]:
    return {BASE.fetch(): "", servers.wheel_of_postgres(): "opt/postgresql"}


def _postgres_of_npm(version: str) -> Mapping[Path, str]:
    return {BASE.fetch(): "", LIBRARIES.fetch(): "", servers.tree_from_npm(version): "opt/postgresql"}


def _postgres_15() -> Mapping[Path, str]:
    return {BASE.fetch(): "", servers.FROM_DEBIAN["15"].fetch(): ""}


def _mysql() -> Mapping[Path, str]:
    return {mysql.PACKAGES.fetch(): ""}


def _mariadb(version: str) -> Mapping[Path, str]:
    return {mariadb.PACKAGES[version].fetch(): ""}


def _mongo() -> Mapping[Path, str]:
    return {BASE.fetch(): "", mongodb.program(): "usr/bin/mongod"}


RECIPES: Final = (
    Recipe("postgres:17", _postgres_wheel, "postgres", ["/opt/postgresql/bin"]),
    Recipe("postgres:15", _postgres_15, "postgres", ["/usr/lib/postgresql/15/bin"]),
    Recipe("mysql:9", _mysql, "mysqld"),
    Recipe("mariadb:10.11", partial(_mariadb, "10.11"), "mariadbd"),
    Recipe("mongo:6", _mongo, "mongod"),
    *(
        Recipe(f"postgres:{version}", partial(_postgres_of_npm, version), "postgres", ["/opt/postgresql/bin"])
        for version in servers.FROM_NPM
    ),
    Recipe("mariadb:11", partial(_mariadb, "11"), "mariadbd"),
)


def main(wanted: Sequence[str]) -> int:
    """Make the images that are missing: the usual ones, those that are named, or `all`."""
    try:
        client = docker.from_env(timeout=IMPORT_SECONDS)
        client.ping()
    except DockerException:
        sys.stderr.write("make images: no Docker engine answers; start one (Debian: apt-get install docker.io)\n")
        return 1
    for recipe in RECIPES:
        if not {recipe.name, "all"} & set(wanted or choice.MADE_AT_FIRST):
            continue
        made = "is here" if client.images.list(recipe.name) else make(client, recipe)
        sys.stdout.write(f"    {recipe.name}: {made}\n")
    return 0


def make(client: docker.DockerClient, recipe: Recipe) -> str:
    """Make one image, and return the server's version, which the image notes as the official one does."""
    repository, _, tag = recipe.name.partition(":")
    path = ":".join([*recipe.paths, "/usr/sbin", "/usr/bin", "/sbin", "/bin"])
    with tempfile.TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            fill(Contents(tar), recipe.trees())
        archive.seek(0)
        settings = [f"ENV PATH={path}", f"LABEL {MADE}=yes"]
        client.api.import_image_from_data(archive, repository=repository, tag=tag, changes=settings)
    container = client.containers.create(recipe.name, [recipe.program, "--version"], network="none")
    try:
        container.start()
        container.wait()
        said = container.logs().decode()
        version = re.search(r"\d+(\.\d+)+", said)
        if not version:
            client.images.remove(recipe.name, force=True)
            raise servers.ServerUnavailableError(f"{recipe.name} was made, and does not run: {said}")
        noted = [f"ENV {choice.NOTED_AS[repository]}={version[0]}", f'CMD ["{recipe.program}"]']
        container.commit(repository, tag, changes=noted)
    finally:
        container.remove(force=True, v=True)
    return version[0]


class Contents:
    """A file system that is being written: each name stands in it once, as it came first."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        """Write to an archive."""
        self._tar = tar
        self._names: set[str] = set()

    def tree(self, source: Path, target: str) -> None:
        """Put a file, or all that a folder holds, somewhere; it belongs to root."""
        paths = [source] if source.is_file() else sorted(source.rglob("*"))
        for path in paths:
            entry = self._tar.gettarinfo(path, posixpath.join(target, path.relative_to(source)).removesuffix("/."))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            with path.open("rb") if entry.isreg() else nullcontext() as content:
                self._add(entry, content)

    def entry(self, name: str, kind: bytes = tarfile.REGTYPE, *, text: str = "", mode: int = 0o755) -> None:
        """Put a file with a text, a link to a name, or a folder."""
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = kind, mode
        if kind == tarfile.SYMTYPE:
            entry.linkname = text
        else:
            entry.size = len(text)
        self._add(entry, io.BytesIO(text.encode("ascii")))

    def _add(self, entry: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        if entry.name not in self._names:
            self._names.add(entry.name)
            self._tar.addfile(entry, content)


def fill(contents: Contents, trees: Mapping[Path, str]) -> None:
    """Put the trees into one file system that belongs to root, with a shell and with what every server needs."""
    merged = not any((source / "lib").exists() for source, target in trees.items() if not target)
    for source, target in trees.items():
        contents.tree(source, target)
    for name in MERGED if merged else ():
        contents.entry(name, tarfile.SYMTYPE, text=f"usr/{name}")
    programs = "usr/bin" if merged else "bin"
    contents.tree(busybox(), f"{programs}/busybox")
    for applet in _applets():
        contents.entry(f"{programs}/{applet}", tarfile.SYMTYPE, text="busybox")
    for name in ("proc", "dev", "sys", "run", "etc"):
        contents.entry(name, tarfile.DIRTYPE)
    contents.entry("tmp", tarfile.DIRTYPE, mode=0o1777)
    contents.entry("etc/passwd", text="root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n", mode=0o644)


def busybox() -> Path:
    return BASE.fetch() / "bin/busybox"


def _applets() -> list[str]:
    listed = subprocess.run([busybox(), "--list"], capture_output=True, text=True, check=True)  # noqa: S603 ours
    return [one for one in listed.stdout.split() if one != "busybox"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
