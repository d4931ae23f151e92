"""The PostgreSQL engine keeps the promises of an engine, on a real server."""

from __future__ import annotations

import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.contract.engine_contract import ClosingContract, EngineContract, NetworkContract
from tests.lab.stages.postgresql import Stage, unique
from tests.support.network import proxy as wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Address, Credential, Password
    from tests.support.servers.postgresql_address import Postgres

LOG_SECONDS = 5.0


class PostgresLab:
    """A PostgreSQL server from behind, and an admin that is no superuser."""

    def __init__(self, stage: Stage, closed: int, way: PostgresWire) -> None:
        self._stage = stage
        self._since = stage.server.mark()
        self.engine = stage.engine
        self.address = stage.address()
        self.closed = replace(self.address, port=closed)
        self.admin = stage.admin()
        stage.run("GRANT pg_signal_backend TO {}", self.admin.username)
        self.privileged = stage.server.user
        self.wire = way
        self.ways_to_close = ["NOLOGIN", "VALID UNTIL '2020-01-01'", "VALID UNTIL '-infinity'"]

    def unique(self, stem: str = "app") -> str:
        return unique(stem)

    def password(self) -> Password:
        return self._stage.password()

    def create_user(self, name: str) -> Credential:
        user = self._stage.user(name)
        if self._stage.major >= 16:
            self._stage.run("GRANT {} TO {} WITH ADMIN OPTION", name, self.admin.username)
        return user

    def make_unequal(self, name: str) -> None:
        self._stage.run("ALTER ROLE {} RESET role", name)

    def close_user(self, name: str, how: str) -> None:
        self._stage.run(f"ALTER ROLE {{}} {how}", name)

    def refused_logins(self, name: str) -> int:
        """Wait until the log tells of a login, since it is written by each backend for itself."""
        deadline = time.monotonic() + LOG_SECONDS
        while not (logins := self._stage.server.logins(self._since).of(name)).all:
            assert time.monotonic() < deadline, "the log tells of no login"
            time.sleep(0.02)
        return len(logins.refused)


class PostgresWire:
    """A proxy in front of the server."""

    def __init__(self, proxy: wire.Proxy, address: Address) -> None:
        self._proxy = proxy
        self.address = address

    def silence(self) -> None:
        self._proxy.mode = wire.DEAF


@pytest.fixture(scope="session")
def stage(postgres: Postgres) -> Stage:
    """Set the stage on the server that the tests share."""
    return Stage(postgres)


@pytest.fixture
def lab(stage: Stage) -> Iterator[PostgresLab]:
    """Set the lab up."""
    with wire.Proxy(stage.server.host, stage.server.port) as proxy, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else gets it
        way = PostgresWire(proxy, replace(stage.address(), port=proxy.port))
        yield PostgresLab(stage, bound.getsockname()[1], way)


class TestPostgreSQL(EngineContract, ClosingContract, NetworkContract):
    """Run the specification."""
