"""A cluster of two PostgreSQL servers, by streaming replication."""

from __future__ import annotations

import shutil
import time
from contextlib import closing
from typing import TYPE_CHECKING

from tests.support.emulators.aurora.cluster import AuroraCluster
from tests.support.servers import process
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.servers.tls import Authority

SECONDS = 20.0
SEGMENT = 24
"""Characters of the name of a piece of the log."""
FORKED = 5.0
"""Seconds after which a server that came back does not follow: it never will."""

REPLICATING = {
    "wal_level": "replica",
    "max_wal_senders": "10",
    "wal_receiver_status_interval": "1",
    "wal_retrieve_retry_interval": "100",
}


STREAMING = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"


class Member(PostgresServer):
    """A server that begins as a copy of another one, and goes on copying it."""

    def __init__(self, authority: Authority, certificate: tuple[Path, Path], source: Member | None = None) -> None:
        """Describe it; without a source it takes changes."""
        super().__init__(authority, certificate=certificate, settings={**REPLICATING, **_copying(source)})
        self._source: PostgresServer | None = source

    def _make_data(self) -> None:
        """Take a base backup of the source (PostgreSQL's manual, "Making a Base Backup Using the Low Level API")."""
        if self._source is None:
            return super()._make_data()
        self.password = self._source.password
        with closing(self._source.admin()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_backup_start('reader', true)")
            shutil.copytree(self._source.data, self.data, ignore=_left_out)
            cursor.execute("SELECT labelfile FROM pg_backup_stop(false)")
            (label,) = cursor.fetchone() or ("",)
        (self.data / "backup_label").write_text(label, encoding="ascii")
        return None

    def start(self, **settings: str) -> None:
        """Start, as a standby where there is a source."""
        if self._source is not None:
            signal = self.data / "standby.signal"
            signal.touch()
            process.hand_over(signal)
        super().start(**settings)

    def kill(self) -> None:
        """End the server and all of its sessions by SIGKILL."""
        if self._process:
            self._process.kill()
            self._process = None

    def follow(self, source: PostgresServer) -> None:
        """Start as a standby of that one."""
        self._source = source
        self.start(**_copying(source))


def _left_out(folder: str, names: list[str]) -> list[str]:
    """Return what a base backup does without: the log, which is streamed, and what is of the running server."""
    whole = folder.endswith("pg_wal")
    return [name for name in names if name.startswith("postmaster.") or (whole and len(name) == SEGMENT)]


def _copying(source: PostgresServer | None) -> dict[str, str]:
    if source is None:
        return {}
    place = f"host=127.0.0.1 port={source.port} user={source.user} password={source.password} sslmode=require"
    return {"primary_conninfo": place}


class PostgresCluster(AuroraCluster[Member]):
    """The PostgreSQL edition."""

    engine = "aurora-postgresql"

    def catch_up(self) -> None:
        """
        Write all of the log, and wait until the reader has applied it.

        The end of what is inserted is no measure: where a page is full it lies behind the header of the next one, which
        is not there yet.
        """
        flush = "SELECT pg_logical_emit_message(true, 'rotation', 'flush')"
        ((end,),) = _rows(self.primary, "SET synchronous_commit = on", flush, "SELECT pg_current_wal_flush_lsn()")
        _await(lambda: _rows(self.standby, f"SELECT pg_last_wal_replay_lsn() >= '{end}'") == [(True,)])

    def freeze(self) -> None:
        self.standby.execute("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        _await(lambda: not _rows(self.primary, STREAMING))

    def delay(self, milliseconds: int) -> None:
        """Let the reader apply what it hears so much later."""
        setting = f"ALTER SYSTEM SET recovery_min_apply_delay = {milliseconds}"
        self.standby.execute(setting, "SELECT pg_reload_conf()")

    def _started(self, source: Member | None = None) -> Member:
        member = Member(self.authority, self.certificate, source).__enter__()
        if source is not None:
            _await(lambda: bool(_rows(source, STREAMING)))
        return member

    def _bring_back(self) -> None:
        """Follow; a server that had written more than its successor heard of (of no transaction) is made anew."""
        self.standby.follow(self.primary)
        try:
            _await(lambda: bool(_rows(self.primary, STREAMING)), FORKED)
        except AssertionError:
            self.standby.kill()
            self.standby.__exit__()
            self.servers[1 - self.writer] = self._started(self.primary)

    def _promote(self) -> None:
        self.standby.execute("SELECT pg_promote(wait => true)")


def _await(holds: Callable[[], bool], seconds: float = SECONDS) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "replication does not get there"
        time.sleep(0.02)


def _rows(server: PostgresServer, *statements: str) -> list[tuple[object, ...]]:
    with closing(server.admin()) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())
