"""The stage on a server that the tests of this folder share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.stages.documentdb import Stage
from tests.support.servers import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.mongodb import MongoServer
    from tests.support.servers.tls import Authority


@pytest.fixture(scope="session")
def mongodb(authority: Authority) -> Iterator[MongoServer]:
    """Start a replica set of one node."""
    with addresses.mongo(authority) as server:
        yield server


@pytest.fixture(scope="session")
def stage(mongodb: MongoServer) -> Stage:
    """Set the stage."""
    return Stage(mongodb)
