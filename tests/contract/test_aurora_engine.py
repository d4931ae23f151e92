"""The Aurora engine keeps the promises of an engine in both editions, on a real PostgreSQL and a real MySQL."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotation.engines.aurora.engine import Aurora
from tests.contract.engine_contract import Acts, ClosingContract, EngineContract, NetworkContract
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


@pytest.fixture
def postgresql_lab(postgres: Postgres) -> Iterator[PostgresLab]:
    """Set the lab of the PostgreSQL edition up."""
    stage = _PostgresStage(postgres)
    with wire.Proxy(postgres.host, postgres.port) as proxy, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        way = PostgresWire(proxy, replace(stage.address(), port=proxy.port))
        lab = PostgresLab(stage, bound.getsockname()[1], way)
        lab.engine = Aurora(postgres.bundle)  # type: ignore[assignment]  # another engine over the same server
        yield lab


@pytest.fixture
def mysql_lab(mysql: MySQLStage) -> Iterator[MySQLLab]:
    """Set the lab of the MySQL edition up."""
    with lab_on(mysql) as lab:
        lab.engine = Aurora(mysql.server.bundle)  # type: ignore[assignment]  # another engine, the same server
        for name in ("address", "closed"):
            setattr(lab, name, replace(getattr(lab, name), dialect="aurora-mysql"))
        lab.wire.address = replace(lab.wire.address, dialect="aurora-mysql")
        yield lab


class EditionContract(Acts):
    """What stands for the whole: an edition's engine is MySQL's or PostgreSQL's, under the names of Aurora."""

    test_a_right_credential_gives_a_session = EngineContract.test_a_right_credential_gives_a_session
    test_a_user_changes_its_own_password = EngineContract.test_a_user_changes_its_own_password
    test_the_longest_names = EngineContract.test_the_longest_names
    test_a_lock_excludes = EngineContract.test_a_lock_excludes
    test_base_and_clone_are_promoted_in_turn = EngineContract.test_base_and_clone_are_promoted_in_turn

    def test_a_server_that_takes_changes_says_so(self, lab: EngineLab) -> None:
        """What a replica says is seen on clusters, where one fails over."""
        with self.login(lab, lab.admin) as session:
            assert session.takes_changes()


class TestPostgreSQLEdition(EditionContract):
    """Run what stands for the whole."""

    @pytest.fixture
    def lab(self, postgresql_lab: PostgresLab) -> PostgresLab:
        """Take PostgreSQL's."""
        return postgresql_lab


class TestMySQLEdition(EditionContract):
    """Run what stands for the whole."""

    @pytest.fixture
    def lab(self, mysql_lab: MySQLLab) -> MySQLLab:
        """Take MySQL's."""
        return mysql_lab


@pytest.mark.exhaustive
class TestAuroraPostgreSQL(EngineContract, ClosingContract, NetworkContract):
    """Run PostgreSQL's specification."""

    @pytest.fixture
    def lab(self, postgresql_lab: PostgresLab) -> PostgresLab:
        """Take PostgreSQL's."""
        return postgresql_lab


@pytest.mark.exhaustive
class TestAuroraMySQL(MySQLCases):
    """Run MySQL's specification."""

    @pytest.fixture
    def lab(self, mysql_lab: MySQLLab) -> MySQLLab:
        """Take MySQL's."""
        return mysql_lab
