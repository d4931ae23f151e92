"""The stage on a server that the tests of this folder share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dialect.documentdb.stage import Stage
from tests.support import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.mongodb import MongoServer
    from tests.support.tls import Authority


@pytest.fixture(scope="session")
def mongodb(authority: Authority) -> Iterator[MongoServer]:
    """Start a replica set of one node."""
    with addresses.mongo(authority) as server:
        yield server


@pytest.fixture(scope="session")
def stage(mongodb: MongoServer) -> Stage:
    """Set the stage."""
    return Stage(mongodb)
