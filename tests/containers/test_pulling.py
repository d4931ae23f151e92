"""An image that is not here is pulled, and serves like one that was made (needs Docker: run by `make containers`)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import docker
import pytest
from docker.errors import ImageNotFound

from tests.support import servers
from tests.support.servers import choice, containers, registry
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.servers.tls import Authority


@pytest.fixture
def offered(tmp_path: Path) -> Iterator[str]:
    """Offer PostgreSQL's image under a name that the engine does not know; it is forgotten afterwards."""
    client = docker.from_env(timeout=60)
    name = f"postgres:{choice.current().version('postgres')}"
    with registry.serving(client, name, tmp_path) as offered:
        yield offered
    with contextlib.suppress(ImageNotFound):
        client.images.remove(offered)
    client.close()


def test_an_image_that_is_not_here_is_pulled(offered: str, authority: Authority) -> None:
    """The provider pulls it, notes its version, and starts a server in it that tests can use."""
    engine = containers.DockerEngine()
    assert not engine.holds(offered)
    kind, _, version = offered.rpartition(":")
    chosen = choice.Choice("containers", engine=lambda: engine)
    image = chosen.image(kind, version)
    assert image == containers.Image(offered)
    assert engine.holds(offered)
    noted = engine.variables(offered)["PG_VERSION"]
    with PostgresServer(authority, installation=servers.in_image(image, noted)) as server:
        assert server.version.startswith(noted.partition("-")[0])


def test_an_image_that_no_registry_has_is_not_taken(offered: str) -> None:
    """The message says what cannot be pulled, and the command that helps."""
    chosen = choice.Choice("containers", engine=containers.DockerEngine)
    kind, _, _ = offered.rpartition(":")
    with pytest.raises(
        choice.ServerUnavailableError, match=r"postgres:99 is not here and cannot be pulled: `make images"
    ):
        chosen.image(kind, "99")
