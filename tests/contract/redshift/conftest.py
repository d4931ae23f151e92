"""The stage on the stand-in that these tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.stages.redshift import Stage
from tests.support.emulators.redshift.server import RedshiftServer
from tests.support.emulators.redshift.watch import watched

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority


@pytest.fixture(scope="session")
def redshift(authority: Authority) -> Iterator[RedshiftServer]:
    """Run one stand-in; each test makes users of its own."""
    with RedshiftServer(authority) as server:
        yield server


@pytest.fixture(scope="session")
def stage(redshift: RedshiftServer) -> Stage:
    """Set the stage."""
    return Stage(redshift)


@pytest.fixture(autouse=True)
def sent() -> Iterator[list[str]]:
    """Keep what the engine sends, and fail where the guide's syntax has no such statement."""
    yield from watched()
