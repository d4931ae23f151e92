"""Aurora on the stage: what both editions share."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from tests.lab.client import Rejected
from tests.support.emulators.aurora.api import describing
from tests.support.emulators.aurora.names import WRITER, resolving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.emulators.aurora.cluster import AuroraCluster

FUNCTION: Final = "aurora"
PATIENCE: Final = 60.0


class Log(Protocol):
    """The log of one server."""

    def mark(self) -> int: ...
    def log_text(self, since: int = 0) -> str: ...
    def logins(self, since: int = 0) -> Any: ...  # noqa: ANN401 each server's own kind


class ClusterScene:
    """What a scene is on a cluster, in front of what it is on one server."""

    _server: Any
    cluster: AuroraCluster[Any]
    host: str
    port: int
    failovers: int
    seconds = 180.0  # as the template has it

    def stand_on(self, cluster: AuroraCluster[Any], api: str, asked: list[str]) -> None:
        """Take the cluster, and the address of the API that describes it."""
        self.cluster, self.api, self.asked = cluster, api, asked
        self.host, self.port = WRITER, cluster.port
        self._marks: list[list[int]] = []

    def environment(self) -> dict[str, str]:
        """Tell the function where the RDS API is."""
        return {"AWS_ENDPOINT_URL_RDS": self.api}

    def fail_over(self, *, losing: bool = False) -> None:
        """Kill the writer, and let the reader take over; with ``losing``, without what it lacks."""
        self.cluster.fail_over(losing=losing)
        self.failovers += 1
        self.stand()

    def stand(self) -> None:
        """Speak with the server that takes changes now."""
        self._server = self.cluster.primary

    def mark(self) -> int:
        """Remember the ends of both logs."""
        self._marks.append([server.mark() for server in self.cluster.servers])
        return len(self._marks)

    def logins(self, since: int) -> tuple[int, int]:
        """Count on both servers, without what replication does."""
        found = [server.logins(mark) for server, mark in zip(self.cluster.servers, self._marks[since - 1], strict=True)]
        return sum(len(one.accepted) for one in found), sum(map(self.refusals, found))

    def refusals(self, logins: Any) -> int:  # noqa: ANN401 each server's own kind
        """Count what a server refused, which may have been killed meanwhile."""
        return len(logins.refused)

    def log_text(self, since: int = 0) -> str:
        """Return both logs."""
        marks = self._marks[since - 1] if since else [0, 0]
        return "".join(server.log_text(mark) for server, mark in zip(self.cluster.servers, marks, strict=True))


@contextmanager
def standing(cluster: AuroraCluster[Any], scene: Callable[[Any], ClusterScene]) -> Iterator[Any]:
    """Set a scene on a cluster, with the names and the API that belong to it."""
    with ExitStack() as stack:
        stack.enter_context(cluster)
        stack.enter_context(resolving())
        api, asked = stack.enter_context(describing(cluster.described))
        made = scene(cluster.primary)
        made.stand_on(cluster, api, asked)
        yield made


def patiently(log_in: Callable[[Mapping[str, Any], str], None], secret: Mapping[str, Any], bundle: str) -> None:
    """Log in as an application does that survives failovers: where nobody answers, again; a refusal counts."""
    until = time.monotonic() + PATIENCE
    with resolving():
        while True:
            try:
                return log_in(secret, bundle)
            except Rejected:
                raise
            except Exception:  # whatever else a server says that is going away
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
