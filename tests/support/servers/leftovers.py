"""What tests start in a Docker engine, and how it goes whatever ends them.

Clean-up is our own, since testcontainers' Ryuk is an image that closed networks cannot pull. Every container carries
the label OWNED with the path of the workspace (tests.support.servers.process) that it belongs to. Whatever ends this
interpreter, the workspace's watcher removes what carries it; what even the watcher left behind goes when the next run
begins. The network of a debugging session (tests.lab.debug_session) carries the same labels, and goes with whoever
is on it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

import docker
from docker.errors import APIError, DockerException
from requests.exceptions import ConnectionError as NoAnswer

from tests.support.servers import process

if TYPE_CHECKING:
    from collections.abc import Mapping

OWNED: Final = "rotation-suite.workspace"
OWNER: Final = "rotation-suite.owner"


def labels() -> dict[str, str]:
    """Return what tells containers and networks of this process from others'."""
    return {OWNED: str(process.workspace()), OWNER: _owner(os.getpid())}


def remove(workspace: str) -> None:
    """Remove every container and network of a workspace, whether it runs or not."""
    with contextlib.suppress(DockerException, NoAnswer):
        client, wanted = docker.from_env(), {"label": f"{OWNED}={workspace}"}
        for container in client.containers.list(all=True, filters=wanted, ignore_removed=True):
            _remove(container)
        for network in client.networks.list(filters=wanted):
            _remove_network(client, network)


def remove_orphans(client: docker.DockerClient) -> None:
    """Remove what runs of this machine left behind whose interpreter is gone and whose watcher was killed as well."""
    for container in client.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True):
        if _is_orphan(container.labels):
            _remove(container)
    for network in client.networks.list(filters={"label": OWNER}):
        if _is_orphan(network.attrs["Labels"]):
            _remove_network(client, network)


def _is_orphan(labels: Mapping[str, str]) -> bool:
    host, _, pid = labels[OWNER].partition(" ")
    return host == socket.gethostname() and not _lives(int(pid))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _remove(container: Any) -> None:  # noqa: ANN401 docker comes without types
    with contextlib.suppress(APIError):  # somebody else does it
        container.remove(force=True, v=True)


def _remove_network(client: docker.DockerClient, network: Any) -> None:  # noqa: ANN401
    """Remove a network with all containers on it: those of SAM have no label of ours."""
    for container in client.containers.list(all=True, filters={"network": network.id}, ignore_removed=True):
        _remove(container)
    with contextlib.suppress(APIError):
        network.remove()


def _owner(pid: int) -> str:
    return f"{socket.gethostname()} {pid}"


if __name__ == "__main__":
    remove(sys.argv[1])
