"""The rights that the guides name suffice: each SQL and mongosh block is run on the engine's server."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest

from rotation.model import Credential, Mark, Password
from tests.lab.stages import documentdb, redshift
from tests.lab.stages import mysql as mysql_stage
from tests.support.emulators.redshift.server import RedshiftServer
from tests.support.guides.pages import BLOCKS, blocks, statements
from tests.support.servers.mongodb import MongoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.postgresql_address import Postgres
    from tests.support.servers.tls import Authority

ADMIN_PASSWORD: Final = "Its-present-passw0rd"
"""What the statements in the guides give the admin."""

SHOWN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders/database-a1B2c3"


def test_the_statements_of_postgresql_run(postgres: Postgres) -> None:
    """PostgreSQL accepts the statements of the SQL blocks, in their order; nothing of them is kept."""
    with closing(postgres.connect(postgres.user, postgres.password)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE ROLE shop")
        for statement in statements("postgresql"):
            cursor.execute(statement)
        cursor.execute("SELECT count(*) FROM pg_auth_members WHERE member = 'shop_admin'::regrole")
        assert cursor.fetchone() == (2,)
        connection.rollback()


@pytest.fixture
def orders(stage: mysql_stage.Stage) -> Iterator[mysql_stage.Stage]:
    """Make the application that the guides speak of, with a role, on MySQL and on MariaDB."""
    stage.run("CREATE DATABASE orders", "CREATE ROLE clerk", "GRANT DELETE ON orders.* TO clerk")
    stage.user("shop")
    direction = "FOR" if stage.is_mariadb else "TO"
    stage.run(
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM shop",
        "GRANT SELECT, INSERT ON orders.* TO shop",
        "GRANT clerk TO shop",
        f"SET DEFAULT ROLE clerk {direction} shop",
    )
    yield stage
    stage.run("DROP USER IF EXISTS shop, shop_clone, shop_admin", "DROP ROLE clerk", "DROP DATABASE orders")


def test_the_rights_that_are_named_suffice_on_mysql_and_mariadb(orders: mysql_stage.Stage) -> None:
    """The servers accept the statements, and their admin levels both, ends sessions, and sets two passwords."""
    given = statements("mariadb" if orders.is_mariadb else "mysql")
    orders.run(*(statement.replace(SHOWN, mysql_stage.ARN) for statement in given))
    if not orders.is_mariadb:
        orders.run("REVOKE APPLICATION_PASSWORD_ADMIN ON *.* FROM shop")  # it is for a user without a clone
    admin = Credential("shop_admin", Password(ADMIN_PASSWORD))
    idle, changes = orders.level(admin, mysql_stage.pair_of("shop"))
    assert any("clerk" in change for change in changes)
    orders.level(admin, mysql_stage.pair_of("shop", promote="base", version="version-2"))
    with orders.login(idle), orders.login(admin) as session:
        assert session.end_sessions("shop_clone") == 1
        session.guard_target("shop", allow_privileged=False)
        current, pending = orders.password(), orders.password()
        session.set_password("shop", current)
        if not orders.is_mariadb:
            mark = Mark(mysql_stage.ARN, "shop", "version-3")
            assert session.retain_password("shop", current, pending, mark, "version-2")
            orders.run(statements("mysql")[0])
            with orders.login(Credential("shop", current)) as alone:
                assert alone.retention_obstacle("shop") is None


def test_the_rights_that_are_named_suffice_on_mongodb(authority: Authority) -> None:
    """MongoDB accepts the commands of the mongosh blocks; user and admin may then do what the guides say."""
    with MongoServer(authority) as server:
        stage = documentdb.Stage(server)
        user = stage.user("shop")
        for line in "".join(blocks("js", "documentdb")).replace(SHOWN, documentdb.ARN).splitlines():
            database, method, given = re.fullmatch(r'db\.getSiblingDB\("(\w+)"\)\.(\w+)\((.*)\)', line).groups()  # type: ignore[union-attr]
            first, *more = json.loads(f"[{given.replace('passwordPrompt()', json.dumps(ADMIN_PASSWORD))}]")
            fields = dict(
                next((it for it in (first, *more) if isinstance(it, dict)), {"roles": more[0] if more else []})
            )
            name = fields.pop("role", None) or fields.pop("user", None) or first
            server.run(method, name, database=database, **fields)
        admin = Credential("shop_admin", Password(ADMIN_PASSWORD))
        with stage.login(user) as session:
            session.rehearse_password("shop", user.password)
            session.set_password("shop", user.password)
        idle, _ = stage.level(admin, documentdb.pair_of("shop"))
        stage.level(admin, documentdb.pair_of("shop", promote="base", version="version-2"))
        with stage.login(idle), stage.login(admin) as session:
            assert session.end_sessions("shop_clone") == 1


@pytest.mark.parametrize("admin", ["shop_admin", "shop_levelling"])
def test_the_rights_that_are_named_suffice_on_the_stand_in_for_redshift(authority: Authority, admin: str) -> None:
    """The stand-in accepts the statements, and either admin levels a pair of which no grant is missing."""
    with RedshiftServer(authority) as server:
        stage = redshift.Stage(server)
        stage.user("shop")
        stage.run(*statements("redshift"))
        clone, _ = stage.level(redshift.pair_of("shop"), Credential(admin, Password(ADMIN_PASSWORD)))
        stage.accepts(clone)


def test_every_statement_belongs_to_an_engine() -> None:
    """No SQL or mongosh block escapes the tests above."""
    kinds = {block.kind for block in BLOCKS if block.language in {"sql", "js"}}
    assert kinds == {"postgresql", "mysql", "mariadb", "documentdb", "redshift"}
