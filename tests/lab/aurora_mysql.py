"""Aurora MySQL on the stage: two real MySQL servers behind the names of one cluster."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tests.lab import aurora, mysql
from tests.lab.aurora import ClusterScene
from tests.lab.mysql import MySQLScene
from tests.support.emulators.aurora.mysql import MySQLCluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.theatre import Scene
    from tests.support.servers import mysql_log
    from tests.support.servers.tls import Authority

FUNCTION: Final = aurora.FUNCTION
STRATEGIES: Final = mysql.STRATEGIES


class AuroraMySQLScene(ClusterScene, MySQLScene):
    """A cluster with applications on it."""

    engine = "aurora-mysql"

    def refusals(self, logins: mysql_log.Logins) -> int:
        """Count what the server says it refused: a login that the kill of a writer cuts short is no refusal."""
        return len(logins.denied)


@contextmanager
def provide(authority: Authority, kind: type[MySQLCluster] = MySQLCluster) -> Iterator[Scene]:
    """Start a cluster, and stop it afterwards."""
    with aurora.standing(kind(authority), AuroraMySQLScene) as scene:
        yield scene


def log_in(secret: Mapping[str, Any], bundle: str) -> None:
    """Log in as a client does, and ask for something."""
    aurora.patiently(mysql.log_in, secret, bundle)
