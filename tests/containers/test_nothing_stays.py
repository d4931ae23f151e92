"""Containers end with the tests that started them, whatever ends these (needs Docker: run by `make containers`)."""

# ruff: noqa: S603, S607 (the programs and their arguments are ours)
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import docker
import pytest

from tests.support.servers import choice, containers, leftovers, process
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.servers.tls import Authority

ROOT: Final = Path(__file__).parents[2]
SECONDS: Final = 20.0
SERVERS: Final = """
import pathlib, tempfile, time
from tests.support.servers import mongodb, postgresql, process, tls
authority = tls.Authority.create(pathlib.Path(tempfile.mkdtemp(dir=process.workspace())), "x")
kept = [postgresql.PostgresServer(authority).__enter__(), mongodb.MongoServer(authority).__enter__()]
print("up", process.workspace(), flush=True)
time.sleep(60)
"""
A_TEST: Final = """
import time
from tests.support.servers import process

def test_it(postgres):
    with open({said!r}, "w") as file:
        file.write(f"up {{process.workspace()}}\\n")
    time.sleep(60)
"""


@pytest.fixture
def client() -> Iterator[docker.DockerClient]:
    """Talk to the engine, and hold it to what it had before: no network and no volume more."""
    with_it = docker.from_env()
    before = _lasting(with_it)
    yield with_it
    assert _lasting(with_it) == before
    with_it.close()


def _lasting(client: docker.DockerClient) -> set[str]:
    return {one.name for one in (*client.networks.list(), *client.volumes.list())}


def of(client: docker.DockerClient, workspace: str) -> list[Any]:
    """Return the containers of a workspace, stopped ones too."""
    wanted = {"label": f"{leftovers.OWNED}={workspace}"}
    found: list[Any] = client.containers.list(all=True, filters=wanted, ignore_removed=True)
    return found


def await_nothing(client: docker.DockerClient, workspace: str) -> None:
    """Wait until neither a container nor the folder is there."""
    until = time.monotonic() + SECONDS
    while of(client, workspace) or Path(workspace).exists():
        assert time.monotonic() < until, of(client, workspace) or workspace
        time.sleep(0.05)


def started(command: Sequence[str | Path]) -> subprocess.Popen[str]:
    environment = {**os.environ, choice.DATABASES: "containers", "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT}"}
    return subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, *command],  # a shell lets what it runs aside ignore Ctrl-C
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
        env=environment,
        text=True,
    )


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_containers_do_not_outlive_their_interpreter(client: docker.DockerClient, end: signal.Signals) -> None:
    """Even after SIGKILL the watcher of the workspace removes them."""
    with started(["-c", SERVERS]) as child:
        assert child.stdout
        _, workspace = child.stdout.readline().split()
        assert len(of(client, workspace)) == 2
        child.send_signal(end)
    await_nothing(client, workspace)


def test_nothing_stays_after_ctrl_c(client: docker.DockerClient, tmp_path: Path) -> None:
    """A run of pytest that is interrupted in a test stops its servers, and says what it always says."""
    said, test = tmp_path / "said", tmp_path / "test_it.py"
    test.write_text(A_TEST.format(said=str(said)), encoding="utf-8")
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n", encoding="utf-8")
    command: list[str | Path] = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        ROOT / "pyproject.toml",
        "--rootdir",
        ROOT,
        test,
    ]
    with started(command) as child:
        until = time.monotonic() + 2 * SECONDS
        while not (said.exists() and said.read_text("utf-8").endswith("\n")) and time.monotonic() < until:
            time.sleep(0.05)
        _, workspace = said.read_text("utf-8").split()
        assert len(of(client, workspace)) == 1
        child.send_signal(signal.SIGINT)
        assert child.stdout
        assert "KeyboardInterrupt" in child.stdout.read()
    await_nothing(client, workspace)


def test_what_a_dead_run_left_goes_with_the_next(client: docker.DockerClient) -> None:
    """Where the watcher was killed as well, the next run finds containers of nobody; those of the living stay."""
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    host = os.uname().nodename
    image = choice.current().image("postgres")
    assert image
    dead, alive = (
        client.containers.create(image.name, ["sleep", "60"], labels={leftovers.OWNER: f"{host} {pid}"})
        for pid in (gone.pid, os.getpid())
    )
    try:
        containers.DockerEngine()
        kept = {one.id for one in client.containers.list(all=True, filters={"label": leftovers.OWNER})}
        assert alive.id in kept
        assert dead.id not in kept
    finally:
        alive.remove()


@pytest.mark.parametrize("how", ["by its own", "with the next run"])
def test_a_network_goes_with_whoever_is_on_it(client: docker.DockerClient, how: str) -> None:
    """That of a debugging session, also where SAM's containers, which have no label of ours, are still on it."""
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    theirs = {leftovers.OWNED: "/nowhere", leftovers.OWNER: f"{os.uname().nodename} {gone.pid}"}
    image = choice.current().image("postgres")
    assert image
    network = client.networks.create("rotation-left", labels=leftovers.labels() if how == "by its own" else theirs)
    on_it = client.containers.create(image.name, ["sleep", "60"], network=network.name)
    on_it.start()
    if how == "by its own":
        leftovers.remove(str(process.workspace()))
    else:
        containers.DockerEngine()
    assert on_it.id not in {one.id for one in client.containers.list(all=True, ignore_removed=True)}


def test_leaving_a_server_removes_its_container(client: docker.DockerClient, authority: Authority) -> None:
    """When the block ends there is neither a file nor a container."""
    with PostgresServer(authority) as server:
        folder = server.folder
        assert "image postgres" in server.installation.origin
        assert of(client, str(folder.parent))
    assert not folder.exists()
    assert not [one for one in of(client, str(folder.parent)) if one.status == "exited"]
