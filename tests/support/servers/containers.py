"""Database servers in containers, by testcontainers: what a plain process does, done in an image.

A server's folder is mounted at its own path and the container shares the network of the host, so that settings,
certificates, ports, log and socket are where a plain process has them, and no test knows the difference.

What is left behind goes by ``leftovers``. No test makes a network or a named volume; an image's anonymous
volumes go with their container.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shlex
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from docker.errors import APIError, DockerException, NotFound
from requests.exceptions import ConnectionError as NoAnswer
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient, get_docker_host

from tests.support.servers import leftovers, process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).parents[3]
USUAL_SOCKET: Final = "unix:///var/run/docker.sock"
ANSWER_SECONDS: Final = 10
"""How long an engine may take for an answer; a pull takes what it takes."""

# The output of a program goes where a plain process writes its own; exec: the server gets the signals.
INTO_LOG: Final = ("/bin/sh", "-c", 'log="$0"; exec "$@" >>"$log" 2>&1')

testcontainers_config.ryuk_disabled = True


class EngineUnavailableError(RuntimeError):
    """No container can be started here; the message says why and what would help."""


class Engine(Protocol):
    """As much of a Docker engine as the choice between containers and plain processes needs."""

    @property
    def title(self) -> str:
        """What it calls itself, with its version."""

    def holds(self, image: str) -> bool:
        """Tell whether an image is there."""

    def pull(self, image: str) -> None:
        """Fetch an image; EngineUnavailableError where it cannot be had."""

    def variables(self, image: str) -> Mapping[str, str]:
        """Return the environment of an image, where its maker notes the server's version."""

    def prove(self, image: str) -> None:
        """Start a container of the image that sees our files; EngineUnavailableError where that does not work."""


class DockerEngine:
    """The engine that answers at DOCKER_HOST, at the context of the docker command, or at the usual socket."""

    def __init__(self) -> None:
        """Ask whether it is there."""
        if not _listens(get_docker_host() or USUAL_SOCKET):
            raise EngineUnavailableError("no Docker engine answers")
        try:
            self._client = DockerClient(timeout=ANSWER_SECONDS).client
            self.title = f"Docker {self._client.version()['Version']}"
            self._options = self._client.info().get("SecurityOptions") or []
        except (DockerException, NoAnswer, OSError, ValueError) as reason:
            raise EngineUnavailableError("no Docker engine answers") from reason
        leftovers.remove_orphans(self._client)

    def holds(self, image: str) -> bool:
        """Tell whether an image is there."""
        return bool(self._client.images.list(image))

    def pull(self, image: str) -> None:
        """Fetch an image."""
        try:
            DockerClient(timeout=None).client.images.pull(image)
        except (DockerException, NoAnswer) as reason:
            raise EngineUnavailableError(f"the image {image} is not here and cannot be pulled") from reason

    def variables(self, image: str) -> Mapping[str, str]:
        """Return the environment of an image."""
        pairs = self._client.images.get(image).attrs["Config"]["Env"] or []
        return dict(pair.split("=", 1) for pair in pairs)

    def prove(self, image: str) -> None:
        """Start a container under the servers' account that looks for a file of ours."""
        if any("rootless" in option for option in self._options):
            raise EngineUnavailableError("a rootless Docker engine cannot give servers the account of their files")
        try:
            run(image, ["test", "-r", passwd()], {})
        except (DockerException, NoAnswer, RuntimeError) as reason:
            raise EngineUnavailableError(f"{self.title} answers, but cannot start a container of {image}") from reason


@functools.cache
def engine() -> Engine:
    """Return the engine of this machine; EngineUnavailableError where none answers."""
    return DockerEngine()


@dataclass(frozen=True)
class Image:
    """Where a server's programs run: in containers of an image."""

    name: str

    @property
    def origin(self) -> str:
        """Where the programs come from."""
        return f"image {self.name}"

    def run(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Run a program to its end under the servers' account; its output is the message of the error."""
        run(self.name, command, environment)

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> ContainerProcess:
        """Start a server."""
        return ContainerProcess(self.name, command, environment, log)


class ContainerProcess:
    """One server in a container of its own, its output appended to a file."""

    known_as: Final = 1
    """The process id that the server writes into its files."""

    def __init__(self, image: str, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> None:
        """Start it."""
        log.touch()
        process.hand_over(log)
        self._container = _started(image, [str(log), *map(str, command)], environment, INTO_LOG)
        self._wrapped = self._container.get_wrapped_container()

    @property
    def alive(self) -> bool:
        """Whether the server still runs."""
        with contextlib.suppress(NotFound):
            self._wrapped.reload()
            return bool(self._wrapped.status == "running")
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the server is gone."""
        with contextlib.suppress(APIError):
            self._wrapped.kill(signal=number.name)

    def kill(self) -> None:
        """Kill all that runs in the container."""
        self.signal(signal.SIGKILL)
        self.stop()

    def stop(self, seconds: float = process.STOP_SECONDS) -> None:
        """Ask the server to stop, insist when it does not, and remove the container with its volumes."""
        self.signal(signal.SIGINT)
        try:
            self._wrapped.wait(timeout=seconds)
        except (NoAnswer, DockerException):
            pass  # removing it insists
        finally:
            with contextlib.suppress(NotFound):
                self._container.stop()


def run(image: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
    """Run a program in a container to its end; its output is the message of the error."""
    container = _started(image, list(map(str, command)), environment, ())
    try:
        code = container.wait()
        output = b"".join(container.get_logs()).decode(errors="replace")
    finally:
        container.stop()
    if code:
        raise RuntimeError(f"{command[0]} ended with {code}:\n{output}")


@functools.cache
def passwd() -> Path:
    """Return a list of accounts for the containers: initdb wants its own to have a name."""
    user, group = identity()
    file = process.workspace() / "passwd"
    file.write_text(f"root:x:0:0::/:/bin/sh\ntests:x:{user}:{group}::/:/bin/sh\n", encoding="ascii")
    _leave_clean_up_behind()
    return file


def identity() -> tuple[int, int]:
    """Return the user and the group under which servers run, as plain processes do."""
    account = process.account()
    return account.get("user", os.geteuid()), account.get("group", os.getegid())


def _started(
    image: str, command: list[str], environment: Mapping[str, str], entrypoint: Sequence[str]
) -> DockerContainer:
    accounts, folder = str(passwd()), str(process.workspace())
    user, group = identity()
    options: dict[str, Any] = {
        "entrypoint": list(entrypoint),
        "network": "host",
        "user": f"{user}:{group}",
        "working_dir": "/",
        "labels": leftovers.labels(),
        "security_opt": ["label=disable"],  # SELinux would hide the folder
    }
    variables = {name: value for name, value in environment.items() if name != "PATH"}  # the image's own
    container = DockerContainer(image, env=variables).with_command(command).with_kwargs(**options)
    container.with_volume_mapping(folder, folder, "rw").with_volume_mapping(accounts, "/etc/passwd", "ro")
    try:
        return container.start()
    except BaseException:  # it may be made and not started
        container.stop()
        raise


def _leave_clean_up_behind() -> None:
    """Let the watcher of the workspace remove what is left, and an ordinary end do so before the folder goes."""
    workspace = str(process.workspace())
    words = map(shlex.quote, (sys.executable, "-m", "tests.support.servers.leftovers", workspace))
    process.at_the_end(f"cd {shlex.quote(str(ROOT))} && {' '.join(words)}")
    atexit.register(_remove_own, workspace, os.getpid())


def _remove_own(workspace: str, owner: int) -> None:
    if os.getpid() == owner:  # not in a fork
        leftovers.remove(workspace)


def _listens(address: str) -> bool:
    """Tell whether somebody listens at a socket of this machine; the driver leaves its own open where nobody does."""
    path = address.removeprefix("unix://")
    if path == address:  # elsewhere, by TCP or SSH
        return True
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.settimeout(ANSWER_SECONDS)
        probe.connect(path)
        return True
    return False
