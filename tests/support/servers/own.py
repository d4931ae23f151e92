"""What servers have in common: a log that can be read, and where the tests start them a folder that goes with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from tests.support.servers import process

if TYPE_CHECKING:
    from pathlib import Path


class Server(ABC):
    """A database server, wherever it runs."""

    host: str
    port: int

    def __repr__(self) -> str:
        """Show the address, never the password."""
        return f"{type(self).__name__}({self.host}:{self.port})"

    @property
    @abstractmethod
    def log(self) -> Path:
        """The file in which it tells its logins."""

    def mark(self) -> int:
        """Return the place that the log has reached, for ``since``."""
        return self.log.stat().st_size

    def log_text(self, since: int = 0) -> str:
        """Return what the server wrote since a mark."""
        with self.log.open("rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace")


class OwnServer(Server):
    """A server that runs, in a folder of its own, while it is entered as a context."""

    flavour: ClassVar[str]
    _process: process.Running | None = None
    _folder: Path | None = None

    def __enter__(self) -> Self:
        """Make the folder and start the server."""
        self._folder = process.new_folder(self.flavour)
        try:
            self._fill()
            process.hand_over(self._folder)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        if self._folder:
            process.remove(self._folder)

    @abstractmethod
    def _fill(self) -> None:
        """Put into the folder what the server starts with."""

    @abstractmethod
    def start(self) -> None:
        """Start the server and wait until it takes connections."""

    def stop(self) -> None:
        """Stop the server, ending every session; nothing happens when it is stopped already."""
        if self._process:
            self._process.stop()
            self._process = None

    @property
    def folder(self) -> Path:
        """The folder of this server, which goes with it."""
        if self._folder is None:
            message = f"{self} is not entered yet"
            raise RuntimeError(message)
        return self._folder

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """The file of the server's own words."""
        return self.folder / "server.log"
