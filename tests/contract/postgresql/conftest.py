"""The stage on the server that ordinary tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.stages.postgresql import Stage

if TYPE_CHECKING:
    from tests.support.servers.postgresql_address import Postgres


@pytest.fixture(scope="session")
def stage(postgres: Postgres) -> Stage:
    """Set the stage."""
    return Stage(postgres)
