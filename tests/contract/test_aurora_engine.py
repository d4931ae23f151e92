"""The Aurora engine keeps the promises of an engine in both editions, on a real PostgreSQL and a real MySQL."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotation.engines.aurora.engine import Aurora
from tests.contract.engine_contract import ClosingContract, EngineContract, NetworkContract
from tests.contract.mysql_lab import MySQLLab, lab_on
from tests.contract.test_mysql_engine import TestMySQL as MySQLCases
from tests.contract.test_postgresql_engine import PostgresLab, PostgresWire
from tests.lab.stages.postgresql import Stage as PostgresStage
from tests.support.network import proxy as wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Address
    from tests.contract.engine_contract import EngineLab
    from tests.lab.stages.mysql import Stage as MySQLStage
    from tests.support.servers.postgresql_address import Postgres


class _PostgresStage(PostgresStage):
    """The stage of PostgreSQL, seen by the Aurora function."""

    def address(self, database: str = "postgres") -> Address:
        return replace(super().address(database), dialect="aurora-postgresql")


class TestAuroraPostgreSQL(EngineContract, ClosingContract, NetworkContract):
    """Run PostgreSQL's specification."""

    @pytest.fixture
    def lab(self, postgres: Postgres) -> Iterator[PostgresLab]:
        """Set the lab up."""
        stage = _PostgresStage(postgres)
        with wire.Proxy(postgres.host, postgres.port) as proxy, socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            way = PostgresWire(proxy, replace(stage.address(), port=proxy.port))
            lab = PostgresLab(stage, bound.getsockname()[1], way)
            lab.engine = Aurora(postgres.bundle)  # type: ignore[assignment]  # another engine over the same server
            yield lab

    def test_a_server_that_takes_changes_says_so(self, lab: EngineLab) -> None:
        """What a replica says is seen on clusters, where one fails over."""
        with self.login(lab, lab.admin) as session:
            assert session.takes_changes()


class TestAuroraMySQL(MySQLCases):
    """Run MySQL's specification."""

    @pytest.fixture
    def lab(self, mysql: MySQLStage) -> Iterator[MySQLLab]:
        """Set the lab up."""
        with lab_on(mysql) as lab:
            lab.engine = Aurora(mysql.server.bundle)  # type: ignore[assignment]  # another engine, the same server
            for name in ("address", "closed"):
                setattr(lab, name, replace(getattr(lab, name), dialect="aurora-mysql"))
            lab.wire.address = replace(lab.wire.address, dialect="aurora-mysql")
            yield lab

    def test_a_server_that_takes_changes_says_so(self, lab: EngineLab) -> None:
        """What a replica says is seen on clusters, where one fails over."""
        with self.login(lab, lab.admin) as session:
            assert session.takes_changes()
