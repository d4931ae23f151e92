"""The stage on each kind of server: since PostgreSQL 16 grants work otherwise, before late 2024 resets do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.stages.postgresql import Stage
from tests.support import servers
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority


@pytest.fixture(scope="session", params=["17", "15", "16.4"])
def server(request: pytest.FixtureRequest, authority: Authority) -> Iterator[PostgresServer]:
    """Start a server of each version; the last one is of before November 2024, and known by its minor."""
    with PostgresServer(authority, installation=servers.postgres(request.param)) as server:
        yield server


@pytest.fixture(scope="session")
def stage(server: PostgresServer) -> Stage:
    """Set the stage."""
    return Stage(server)
