"""A pooler is known before anything is set: what our sessions would leave behind, other clients would get."""

from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg2
import pytest

from rotation.errors import NotTheServer
from rotation.model import Deadline
from tests.lab import postgresql
from tests.lab.stages.postgresql import Stage
from tests.lab.theatre import Theatre, emulated
from tests.support.servers.pgbouncer import PgBouncer
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority

SHOWN = (
    "SELECT name, setting FROM pg_settings WHERE source NOT IN ('default', 'override', 'configuration file') ORDER BY 1"
)
ALLOWED = {"ignore_startup_parameters": "options"}
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"

numbers = itertools.count()


class Scene(postgresql.PostgresScene):
    """A server behind a pooler that finds both users of a pair."""

    def environment(self) -> dict[str, str]:
        """Say so to the function."""
        return {"PROXY_KNOWS_BOTH_USERS": "true"}


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
    assert stage.run(LOCKS) == [(0,)]


@pytest.fixture(scope="module")
def theatre(stage: Stage) -> Iterator[Theatre]:
    """Set Secrets Manager and the function before the same server."""
    with emulated() as emulator:
        yield Theatre(postgresql, Scene(stage.server), emulator)


@pytest.mark.parametrize("strategy", ["alternating-users", "single-user"])
def test_a_rotation_goes_round_a_pgbouncer(stage: Stage, theatre: Theatre, authority: Authority, strategy: str) -> None:
    """The secret names the server itself beside it: clients of the pool log in after each rotation, and see nothing."""
    application = theatre.application(f"round_{next(numbers)}", strategy)
    secret = application.secret()
    own = {"host": secret["host"], "port": secret["port"], **secret.get("rotation", {})}
    with PgBouncer(stage.server, authority, pool_mode="transaction", default_pool_size="1") as pooler:
        application.put(secret | {"port": pooler.port, "rotation": own})
        before = None
        for _ in range(3):
            now = application.secret()
            with closing(pooled(stage, pooler, now["username"], now["password"])) as connection:
                seen = asked(connection)
            before = before or seen
            assert seen == before
            assert theatre.player.dry_run(application.arn).succeeded
            result = application.rotate()
            assert result.succeeded, result.steps[-1].error
    assert stage.run(LOCKS) == [(0,)]


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
