"""A cluster of two PostgreSQL servers, by streaming replication."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from tests.support import process
from tests.support.aurora.cluster import AuroraCluster
from tests.support.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from tests.support.tls import Authority

SECONDS = 20.0

REPLICATING = {
    "wal_level": "replica",
    "max_wal_senders": "10",
    "wal_receiver_status_interval": "1",
    "wal_retrieve_retry_interval": "100",
}


STREAMING = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"


class Member(PostgresServer):
    """A server that begins where all of them do, and copies another one from there."""

    def __init__(
        self, authority: Authority, certificate: tuple[Path, Path], source: PostgresServer | None = None
    ) -> None:
        """Describe it; without a source it takes changes."""
        super().__init__(authority, certificate=certificate, settings={**REPLICATING, **_copying(source)})
        self._source = source

    def start(self, **settings: str) -> None:
        """Start, as a standby where there is a source."""
        if self._source is not None:
            signal = self.data / "standby.signal"
            signal.touch()
            process.hand_over(signal)
        super().start(**settings)

    def follow(self, source: PostgresServer) -> None:
        """Start as a standby of that one."""
        self._source = source
        self.start(**_copying(source))


def _copying(source: PostgresServer | None) -> dict[str, str]:
    if source is None:
        return {}
    place = f"host=127.0.0.1 port={source.port} user={source.user} password={source.password} sslmode=require"
    return {"primary_conninfo": place}


class PostgresCluster(AuroraCluster[PostgresServer]):
    """The PostgreSQL edition."""

    engine = "aurora-postgresql"

    def catch_up(self) -> None:
        """Write all of the log, and wait until the reader has applied it."""
        flush = "SELECT pg_logical_emit_message(true, 'rotation', 'flush')"
        ((end,),) = _rows(self.primary, "SET synchronous_commit = on", flush, "SELECT pg_current_wal_insert_lsn()")
        _await(lambda: _rows(self.standby, f"SELECT pg_last_wal_replay_lsn() >= '{end}'") == [(True,)])

    def rejoin(self) -> None:
        """Let the server that was killed come back, as a reader of its successor."""
        self.standby.follow(self.primary)  # type: ignore[attr-defined]  # all of a cluster are Members
        _await(lambda: bool(_rows(self.primary, STREAMING)))
        self.lead()

    def freeze(self) -> None:
        """Let the reader hear of nothing any more, as no reader of Aurora's, but perhaps one in another Region."""
        self.standby.execute("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        _await(lambda: not _rows(self.primary, STREAMING))

    def delay(self, milliseconds: int) -> None:
        """Let the reader apply what it hears so much later."""
        setting = f"ALTER SYSTEM SET recovery_min_apply_delay = {milliseconds}"
        self.standby.execute(setting, "SELECT pg_reload_conf()")

    def _start(self, stack: ExitStack) -> Sequence[PostgresServer]:
        first = stack.enter_context(Member(self.authority, self.certificate))
        second = stack.enter_context(Member(self.authority, self.certificate, first))
        _await(lambda: bool(_rows(first, STREAMING)))
        return first, second

    def _promote(self) -> None:
        self.standby.execute("SELECT pg_promote(wait => true)")


def _await(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < until, "replication does not get there"
        time.sleep(0.02)


def _rows(server: PostgresServer, *statements: str) -> list[tuple[object, ...]]:
    with closing(server.admin()) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())
