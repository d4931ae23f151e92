"""Aurora PostgreSQL on the stage: two real PostgreSQL servers behind the names of one cluster."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tests.lab import aurora, postgresql
from tests.lab.aurora import ClusterScene
from tests.lab.postgresql import PostgresScene
from tests.support.emulators.aurora.postgresql import PostgresCluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.theatre import Scene
    from tests.support.servers.tls import Authority

FUNCTION: Final = aurora.FUNCTION
STRATEGIES: Final = postgresql.STRATEGIES


class AuroraPostgresScene(ClusterScene, PostgresScene):
    """A cluster with applications on it."""

    engine = "aurora-postgresql"


@contextmanager
def provide(authority: Authority, kind: type[PostgresCluster] = PostgresCluster) -> Iterator[Scene]:
    """Start a cluster, and stop it afterwards."""
    with aurora.standing(kind(authority), AuroraPostgresScene) as scene:
        yield scene


def log_in(secret: Mapping[str, Any], bundle: str) -> None:
    """Log in as a client does, and ask for something."""
    aurora.patiently(postgresql.log_in, secret, bundle)
