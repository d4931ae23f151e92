"""A pooler is known before anything is set: what our sessions would leave behind, other clients would get."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg2
import pytest

from rotation.errors import NotTheServer
from rotation.model import Deadline
from tests.lab.stages.postgresql import Stage
from tests.support.servers.pgbouncer import PgBouncer
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority

SHOWN = (
    "SELECT name, setting FROM pg_settings WHERE source NOT IN ('default', 'override', 'configuration file') ORDER BY 1"
)
ALLOWED = {"ignore_startup_parameters": "options"}


@pytest.fixture(scope="module")
def stage(authority: Authority) -> Iterator[Stage]:
    """Set the stage on one server."""
    with PostgresServer(authority) as server:
        yield Stage(server)


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("settings", [{}, ALLOWED], ids=["options refused", "options ignored"])
def test_a_pgbouncer_is_refused_and_its_pool_stays_as_it_was(
    stage: Stage, authority: Authority, mode: str, settings: dict[str, str]
) -> None:
    """Whether it refuses the settings of our login or throws them away; the next client finds what it had."""
    user = stage.user()
    with PgBouncer(stage.server, authority, pool_mode=mode, default_pool_size="1", **settings) as pooler:
        address = replace(stage.address(), port=pooler.port)
        with closing(pooled(stage, pooler, user.username, user.password.reveal())) as connection:
            before = asked(connection)
            pid = asked(connection, "SELECT pg_backend_pid()")
        with pytest.raises(NotTheServer, match=r'"rotation": ."host"'):
            stage.engine.connect(address, user, Deadline(10))
        with closing(pooled(stage, pooler, user.username, user.password.reveal())) as connection:
            assert asked(connection, "SELECT pg_backend_pid()") == pid
            assert asked(connection) == before
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    assert stage.run(locks) == [(0,)]


def pooled(stage: Stage, pooler: PgBouncer, user: str, password: str) -> psycopg2.extensions.connection:
    connection = psycopg2.connect(
        host="localhost",
        port=pooler.port,
        dbname="postgres",
        user=user,
        password=password,
        sslmode="verify-full",
        sslrootcert=str(stage.server.bundle),
    )
    connection.autocommit = True
    return connection


def asked(connection: psycopg2.extensions.connection, query: str = SHOWN) -> object:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()
