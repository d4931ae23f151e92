"""Containers or plain processes: what the suite was told, and what this machine has.

DATABASES is `containers`, `local` or `auto` (what is there, containers first). DATABASE_VERSIONS names other versions
than the usual ones, such as "postgres=16 mysql=8.4"; Debian and the wheels have few of them as plain processes.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Final

from tests.support.servers import containers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DATABASES: Final = "DATABASES"
VERSIONS: Final = "DATABASE_VERSIONS"
WISHES: Final = ("auto", "containers", "local")

MATRIX: Final = {
    "postgres": ("13", "14", "15", "16", "17", "18", "13.16", "14.11", "15.8", "16.4", "17.0"),
    "mysql": ("8.0", "8.4", "9"),
    "mariadb": ("10.11", "11"),
    "mongo": ("5", "6", "7", "8"),
}
"""The images by name, with the versions for which the suite is meant."""
USUAL: Final = {"postgres": "17", "mysql": "9", "mariadb": "10.11", "mongo": "6"}
OLDER_MINORS: Final = ("postgres:16.4", "postgres:16.5")
"""What tests of minors ask for by name."""
MADE_AT_FIRST: Final = ("postgres:17", "postgres:15", *OLDER_MINORS, "mysql:9", "mariadb:10.11", "mongo:6")
"""What `make images` makes (tests.support.servers.images)."""
OF_NPM: Final = ("13", "14", "16", "18", "13.16", "14.11", "15.8", "16.4", "16.5", "17.0")
"""PostgreSQL's majors, and the minors of before November 2024, since which a reset leaves a session its role."""
MADE: Final = tuple(dict.fromkeys([*MADE_AT_FIRST, *(f"postgres:{version}" for version in OF_NPM), "mariadb:11"]))
"""What `make images IMAGES=all` makes."""
NOTED_AS: Final = {
    "postgres": "PG_VERSION",
    "mysql": "MYSQL_VERSION",
    "mariadb": "MARIADB_VERSION",
    "mongo": "MONGO_VERSION",
}
"""The variable in which an image says what exactly it holds."""


class ServerUnavailableError(RuntimeError):
    """No server of that kind can be had; the message says what was tried and what would help."""


class Choice:
    """Decides for each kind of server, and remembers why."""

    def __init__(
        self,
        wish: str,
        versions: str = "",
        engine: Callable[[], containers.Engine] = containers.engine,
    ) -> None:
        """Take what DATABASES and DATABASE_VERSIONS say."""
        if wish not in WISHES:
            raise ServerUnavailableError(f"{DATABASES} is one of {', '.join(WISHES)}; it says {wish!r}")
        self.wish = wish
        self._versions = {**USUAL, **_by_kind(versions)}
        self._engine = engine
        self._lacking: dict[str, str] = {}
        """What stands against a container, by image; nothing where one was started."""

    def version(self, kind: str) -> str:
        """Return the version of a kind of server that ordinary tests use."""
        return self._versions[kind]

    def is_usual(self, kind: str) -> bool:
        """Tell whether nobody asked for a certain version."""
        return self._versions[kind] == USUAL[kind]

    def image(self, kind: str, version: str | None = None) -> containers.Image | None:
        """Return the image to take, None for a plain process; ServerUnavailableError where only an image would do."""
        if self.wish == "local":
            return None
        name = f"{kind}:{version or self.version(kind)}"
        lacking = self._what_lacks(name)
        if not lacking:
            return containers.Image(name)
        if self.wish == "containers":
            raise ServerUnavailableError(f"{DATABASES}=containers, and {lacking}; {DATABASES}=local needs none")
        return None

    def why_not(self, kind: str, version: str) -> str:
        """Return what stood against an image that was asked for, nothing where none was."""
        return self._lacking.get(f"{kind}:{version}", "")

    def noted_version(self, image: containers.Image) -> str:
        """Return the version that an image says it holds."""
        kind, _, tag = image.name.partition(":")
        return self._engine().variables(image.name).get(NOTED_AS[kind], tag).partition("-")[0].removeprefix("1:")

    def report(self, *kinds: str) -> list[str]:
        """
        Return the lines for the header of a run that needs these kinds, or all.

        Nothing is started for them but one look at the engine.
        """
        said = f"databases ({DATABASES}={self.wish}): "
        if self.wish == "local":
            return [said + "plain processes"]
        try:
            engine = self._engine()
        except containers.EngineUnavailableError as reason:
            return [said + (f"none, {reason}" if self.wish == "containers" else f"plain processes, {reason}")]
        return [f"{said}{engine.title}: {', '.join(self._said(engine, kind) for kind in kinds or USUAL)}"]

    def _said(self, engine: containers.Engine, kind: str) -> str:
        name = f"{kind}:{self.version(kind)}"
        if not engine.holds(name):
            made = f"; {_maker(name)} makes it" if name in MADE else ""
            return f"{name} (to be pulled; where that fails, {self._otherwise()}{made})"
        lacking = self._what_lacks(name)
        if lacking:
            return f"{name} ({lacking}: {self._otherwise()})"
        return f"{name} ({self.noted_version(containers.Image(name))})"

    def _otherwise(self) -> str:
        return "its tests fail" if self.wish == "containers" else "a plain process"

    def _what_lacks(self, name: str) -> str:
        """Try an image once."""
        if name not in self._lacking:
            self._lacking[name] = ""
            try:
                engine = self._engine()
                if not engine.holds(name):
                    _pull(engine, name)
                engine.prove(name)
            except containers.EngineUnavailableError as reason:
                self._lacking[name] = str(reason)
        return self._lacking[name]


def _pull(engine: containers.Engine, name: str) -> None:
    """Fetch an image, or say which command brings it."""
    try:
        engine.pull(name)
    except containers.EngineUnavailableError as reason:
        made = "makes it from packages" if name in MADE else f"makes {', '.join(MADE)} alone"
        raise containers.EngineUnavailableError(f"{reason}: {_maker(name)} {made}") from reason


def _maker(name: str) -> str:
    """Name the command that makes an image, or all that there can be."""
    return "`make images`" if name in MADE_AT_FIRST else f"`make images IMAGES={name if name in MADE else 'all'}`"


def current() -> Choice:
    """Return the choice that the environment asks for now."""
    return _choice(os.environ.get(DATABASES) or "auto", os.environ.get(VERSIONS, ""))


@functools.cache
def _choice(wish: str, versions: str) -> Choice:
    return Choice(wish, versions)


def _by_kind(versions: str) -> Mapping[str, str]:
    pairs = [one.partition("=") for one in versions.split()]
    for kind, _, version in pairs:
        if kind not in USUAL or not version:
            raise ServerUnavailableError(
                f'{VERSIONS} names versions as in "postgres=16 mysql=8.4", of {", ".join(USUAL)}; it says {versions!r}'
            )
    return {kind: version for kind, _, version in pairs}
