"""What every test may ask for."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from tests.lab import runtime
from tests.support.servers import header, postgresql
from tests.support.servers.tls import Authority

pytest_plugins = [
    "tests.lab.fixtures",
    "tests.support.template.calls",
    "tests.support.emulators.descriptions",
    "tests.lab.stages.mysql_fixtures",
    "tests.lab.stages.behind_a_proxy",
    "tests.lab.leaks",
]

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.postgresql_address import Postgres

gc.disable()  # until all is loaded


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let everything be played, as `make crash` does."""
    parser.addoption("--exhaustive", action="store_true", help="play every schedule, however long it takes")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of what only that plays."""
    config.addinivalue_line("markers", "exhaustive: takes too long for `make test`; `make crash` plays it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes too long, unless everything is asked for."""
    if config.getoption("--exhaustive"):
        return
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def pytest_collection_finish() -> None:
    """
    Let the garbage collector leave alone what is loaded, which stays, and look through the rest less often.

    To look through all of it after each few hundred objects takes a sixth of a run.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000)


def pytest_report_header() -> list[str]:
    """Name the servers that the tests run on."""
    return header.report()


def pytest_report_collectionfinish(items: list[pytest.Item]) -> list[str]:
    """Name the Python that runs the built functions, where some are to run; it may have to be fetched."""
    return [runtime.report()] if any(item.path.parent.name == "e2e" for item in items) else []


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Sign the certificates of the servers that the tests start."""
    return Authority.create(tmp_path_factory.mktemp("authority"), "Test authority")


@pytest.fixture(scope="session")
def postgres(authority: Authority) -> Iterator[Postgres]:
    """One server for all tests that share; each makes users and databases of its own."""
    with postgresql.provide(authority) as server:
        yield server
