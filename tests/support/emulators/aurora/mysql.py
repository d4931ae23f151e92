"""A cluster of two MySQL servers, by replication with GTIDs."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any, ClassVar

from tests.support.emulators.aurora.cluster import AuroraCluster
from tests.support.servers.mysql import MySQLServer

if TYPE_CHECKING:
    from pathlib import Path

    import pymysql

    from tests.support.servers.tls import Authority

SECONDS = 20.0

_ids = itertools.count(1)


class Member(MySQLServer):
    """A server that logs its changes for others."""

    options: ClassVar[tuple[str, ...]] = ("--mysqlx=OFF", "--log-error-verbosity=2", "--skip-replica-start")

    def __init__(self, authority: Authority, certificate: tuple[Path, Path], password: str = "") -> None:
        """Describe it; all have one superuser. A server skips the changes of its own id, and so each has another."""
        replicating = {
            "gtid-mode": "ON",
            "enforce-gtid-consistency": "ON",
            "server-id": str(next(_ids)),
            "sync-binlog": "0",
            "innodb-flush-log-at-trx-commit": "2",  # what was committed outlives the process
        }
        super().__init__(authority, options=replicating, certificate=certificate)
        self._named = False
        self.password = password or self.password

    def start(self) -> None:
        """Start under an identity of its own."""
        (self.data / "auto.cnf").unlink(missing_ok=True)
        super().start()

    def set_superuser(self, connection: pymysql.Connection[Any]) -> None:
        """Keep the superuser out of what is replicated; one that came back has it."""
        if not self._named:
            connection.cursor().execute("SET SESSION sql_log_bin = 0")
            super().set_superuser(connection)
        self._named = True

    def copy(self, source: Member) -> None:
        """Become a reader of that server."""
        self.execute("SET GLOBAL super_read_only = ON")
        self.execute(
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {source.port}, "
            f"SOURCE_USER = 'root', SOURCE_PASSWORD = '{source.password}', SOURCE_SSL = 1, "
            "SOURCE_AUTO_POSITION = 1, SOURCE_CONNECT_RETRY = 1",
            quiet=True,
        )
        self.execute("START REPLICA")

    def caught_up(self, source: Member) -> bool:
        """Wait until everything that the other one did is here."""
        ((done,),) = source.execute("SELECT @@GLOBAL.gtid_executed")
        ((late,),) = self.execute(f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{done}', {SECONDS})")
        return not late

    def lead(self) -> None:
        """Become a server that takes changes."""
        self.execute("STOP REPLICA", "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")


class MySQLCluster(AuroraCluster[Member]):
    """The MySQL edition."""

    engine = "aurora-mysql"

    def _started(self, source: Member | None = None) -> Member:
        known = () if source is None else (source.password,)
        member = Member(self.authority, self.certificate, *known).__enter__()
        if source is not None:
            self._copy(member, source)
        return member

    def _bring_back(self) -> None:
        self.standby.start()
        self._copy(self.standby, self.primary)

    @staticmethod
    def _copy(reader: Member, source: Member) -> None:
        reader.copy(source)
        until = time.monotonic() + SECONDS
        while not reader.caught_up(source):
            assert time.monotonic() < until, "the reader does not catch up"

    def freeze(self) -> None:
        self.standby.execute("STOP REPLICA IO_THREAD")

    def _promote(self) -> None:
        self.standby.lead()

    def catch_up(self) -> None:
        assert self.standby.caught_up(self.primary)

    def switch_over(self) -> None:
        """Swap the roles; the old writer's sessions live on, at a server that has become a reader."""
        old, new = self.primary, self.standby
        old.execute("SET GLOBAL super_read_only = ON")
        assert new.caught_up(old)
        new.lead()
        old.copy(new)
        self.writer = 1 - self.writer
        self.failovers += 1
        self.lead()
