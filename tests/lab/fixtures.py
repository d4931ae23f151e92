"""The stage as pytest fixtures."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from rotation import machine
from rotation.strategies import cutover
from tests.lab import documentdb, postgresql, redshift
from tests.lab.theatre import Theatre, emulated
from tests.support.emulators.secretsmanager.worlds import BY_THE_MANUAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read again at once what the service may show late: no emulated one does, unless a test says so."""
    monkeypatch.setattr(machine, "REREAD_PAUSES", (0, 0, 0))
    monkeypatch.setattr(cutover, "LOOKS", (0, 0, 0))


@pytest.fixture
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no pause last but those of PyMongo: its threads run as long as a server does, and would never rest."""
    sleep = time.sleep

    def rest(seconds: float) -> None:
        if sys._getframe(1).f_globals["__name__"].startswith("pymongo."):  # noqa: SLF001 its threads have no other name
            sleep(seconds)

    monkeypatch.setattr(time, "sleep", rest)


@pytest.fixture(scope="session")
def postgresql_theatre(authority: Authority) -> Iterator[Theatre]:
    """Return PostgreSQL, the emulated Secrets Manager, and the function between them."""
    with postgresql.provide(authority) as scene, emulated() as emulator:
        yield Theatre(postgresql, scene, emulator)


@pytest.fixture(scope="session")
def postgresql_theatre_of_the_manual(authority: Authority) -> Iterator[Theatre]:
    """Return the same, where AWSPENDING goes with the move of AWSCURRENT, and a dry run's version has no value."""
    with postgresql.provide(authority) as scene, emulated(BY_THE_MANUAL) as emulator:
        yield Theatre(postgresql, scene, emulator)


@pytest.fixture(scope="session")
def documentdb_theatre(authority: Authority) -> Iterator[Theatre]:
    """Return MongoDB, the emulated Secrets Manager, and the function between them."""
    with documentdb.provide(authority) as scene, emulated() as emulator:
        yield Theatre(documentdb, scene, emulator)


@pytest.fixture(scope="session")
def redshift_theatre(authority: Authority) -> Iterator[Theatre]:
    """Return the stand-in for Redshift, the emulated Secrets Manager, and the function between them."""
    with redshift.provide(authority) as scene, emulated() as emulator:
        yield Theatre(redshift, scene, emulator)
