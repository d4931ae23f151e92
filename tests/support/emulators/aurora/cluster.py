"""A cluster of two: who is the writer, where the names lead, and what happens on failover."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from tests.support.emulators.aurora.names import (
    ADDRESSES,
    CUSTOM,
    GLOBAL,
    INSTANCES,
    LEADS_TO,
    READER,
    WRITER,
    Forwarder,
)
from tests.support.servers.process import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.servers.tls import Authority

NAMES = ("localhost", "127.0.0.1", *ADDRESSES)


class Server(Protocol):
    """One of the two."""

    port: int

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def kill(self) -> None:
        """End it by SIGKILL."""


Kind = TypeVar("Kind", bound=Server)


class AuroraCluster(ABC, Generic[Kind]):
    """Two servers behind the names of a cluster."""

    engine: str

    def __init__(self, authority: Authority) -> None:
        """Take the authority that signs for all the names."""
        self.authority = authority
        self.certificate = authority.issue(WRITER, NAMES)
        self.port = free_port()
        self.servers: list[Kind] = []
        self.writer = 0
        self.failovers = 0
        self.names: Mapping[str, Forwarder] = {}

    def __enter__(self) -> Self:
        """Start both, and let the names lead to them."""
        with ExitStack() as stack:
            self.names = {
                name: stack.enter_context(Forwarder(address, self.port)) for name, address in ADDRESSES.items()
            }
            stack.callback(self._end)
            for _ in range(2):
                self.servers.append(self._started(*self.servers))
            self.lead()
            self._ends = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self._ends.close()

    @property
    def primary(self) -> Kind:
        """The server that takes changes."""
        return self.servers[self.writer]

    @property
    def standby(self) -> Kind:
        """The other one."""
        return self.servers[1 - self.writer]

    def lead(self, *, writer: int | None = None) -> None:
        """Let the names lead where they should, or the writer's to another one, as stale DNS does."""
        self._lead_writer(self.writer if writer is None else writer)
        for name in (READER, CUSTOM):
            self.names[name].lead_to(self.standby.port)
        for name, server in zip(INSTANCES, self.servers, strict=True):
            self.names[name].lead_to(server.port)

    def fail_over(self, *, losing: bool = False) -> None:
        """Kill the writer, let the other one take over, and move the names; with ``losing``, without what it lacks."""
        if not losing:
            self.catch_up()
        self.primary.kill()
        for name in (WRITER, GLOBAL):
            self.names[name].cut()
        self._promote()
        self.writer = 1 - self.writer
        self.failovers += 1
        self._lead_writer(self.writer)
        for name in (READER, CUSTOM):
            self.names[name].lead_to(self.primary.port)

    def _lead_writer(self, number: int) -> None:
        LEADS_TO[WRITER] = INSTANCES[number]
        for name in (WRITER, GLOBAL):
            self.names[name].lead_to(self.servers[number].port)

    def described(self) -> dict[str, Any]:
        """Return the cluster as DescribeDBClusters does."""
        return {
            "DBClusterIdentifier": "orders",
            "DBClusterArn": "arn:aws:rds:eu-west-1:123456789012:cluster:orders",
            "Engine": self.engine,
            "Endpoint": WRITER,
            "ReaderEndpoint": READER,
            "CustomEndpoints": [CUSTOM],
            "Port": self.port,
            "DBClusterMembers": [
                {"DBInstanceIdentifier": f"orders-{number + 1}", "IsClusterWriter": number == self.writer}
                for number in range(2)
            ],
        }

    def rejoin(self) -> None:
        """Let the server that was killed come back, as a reader of its successor."""
        self._bring_back()
        self.lead()

    def _end(self) -> None:
        for server in self.servers:
            server.kill()
            server.__exit__(None, None, None)

    @abstractmethod
    def catch_up(self) -> None:
        """Let the reader have everything that was committed, as Aurora's have."""

    @abstractmethod
    def freeze(self) -> None:
        """Let the reader hear of nothing any more, as no reader of Aurora's, but perhaps one in another Region."""

    def switch_over(self) -> None:
        """Swap the roles of two servers that both live on."""
        raise NotImplementedError

    @abstractmethod
    def _started(self, source: Kind | None = None) -> Kind:
        """Start a server; where there is a source, as its reader, that has all that it has."""

    @abstractmethod
    def _bring_back(self) -> None:
        """Let the server that was killed come back, as a reader."""

    @abstractmethod
    def _promote(self) -> None:
        """Make the reader a server that takes changes."""
