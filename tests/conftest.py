"""What every test may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import header, postgresql
from tests.support.tls import Authority

pytest_plugins = ["tests.lab.fixtures", "tests.support.mysql_fixtures", "tests.support.posts", "tests.support.leaks"]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgresql_address import Postgres


def pytest_report_header() -> list[str]:
    """Name the servers that the tests run on."""
    return header.report()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Sign the certificates of the servers that the tests start."""
    return Authority.create(tmp_path_factory.mktemp("authority"), "Test authority")


@pytest.fixture(scope="session")
def postgres(authority: Authority) -> Iterator[Postgres]:
    """One server for all tests that share; each makes users and databases of its own."""
    with postgresql.provide(authority) as server:
        yield server
