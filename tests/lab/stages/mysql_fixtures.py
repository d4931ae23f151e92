"""MySQL and MariaDB as pytest fixtures: one server of each for all tests that share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import mariadb as lab_mariadb
from tests.lab import mysql as lab_mysql
from tests.lab.stages.mysql import Stage
from tests.lab.theatre import Theatre, emulated
from tests.support.servers import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority


@pytest.fixture(scope="session")
def mysql(authority: Authority) -> Iterator[Stage]:
    """Set the stage on MySQL."""
    with addresses.mysql(authority) as server:
        yield Stage(server)


@pytest.fixture(scope="session")
def mariadb(authority: Authority) -> Iterator[Stage]:
    """Set the stage on MariaDB."""
    with addresses.mariadb(authority) as server:
        yield Stage(server)


@pytest.fixture(params=["mysql", "mariadb"])
def stage(request: pytest.FixtureRequest) -> Stage:
    """Set the stage on each of the two."""
    stage: Stage = request.getfixturevalue(request.param)
    return stage


@pytest.fixture(scope="session")
def mysql_theatre(authority: Authority) -> Iterator[Theatre]:
    """Return MySQL, the emulated Secrets Manager, and the function between them."""
    with lab_mysql.provide(authority) as scene, emulated() as emulator:
        yield Theatre(lab_mysql, scene, emulator)


@pytest.fixture(scope="session")
def mariadb_theatre(authority: Authority) -> Iterator[Theatre]:
    """Return MariaDB, the emulated Secrets Manager, and the function between them."""
    with lab_mariadb.provide(authority) as scene, emulated() as emulator:
        yield Theatre(lab_mariadb, scene, emulator)
