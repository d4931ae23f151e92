"""Which server of a cluster takes changes, and logins that wait for one that is taking over."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rotation.deadline import Deadline
from rotation.endpoints import endpoint
from rotation.errors import ReadOnlyServer, StoreError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rotation.model import Address, Credential, Traits
    from rotation.ports import Clusters, Engine, Observer, Session

LAST: Final = 2.0
"""Seconds that must be left to try again."""

PAUSE: Final = 1.0
"""Seconds between two looks."""

ATTEMPT: Final = 20.0
"""Seconds that one attempt to log in may take; a resuming server answers one that waits, or the next one."""

_LEADS_TO_THE_WRITER: Final = frozenset({"cluster", "global"})
"""
Kinds of endpoints; those of readers, of instances and custom ones may not (Aurora user guide, "Amazon Aurora endpoint
connections"). The name decides nothing but whether the control plane is asked before a login or after it.
"""


class Attempt(Deadline):
    """A deadline for logging in, that becomes the session's own afterwards."""

    __slots__ = ()

    def extend_to(self, other: Deadline) -> None:
        """End when the other one ends, from now on."""
        self._end = self._clock() + other.remaining()


class Writers:
    """What is known of the writers of the clusters that one invocation meets."""

    def __init__(
        self,
        engine: Engine,
        clusters: Clusters,
        observer: Observer,
        names_of: Callable[[str, Deadline], Iterable[str]] = lambda host, _: (host,),
    ) -> None:
        """Take the engine that speaks with single servers."""
        self.traits: Traits = engine.traits
        self._engine = engine
        self._clusters = clusters
        self._observer = observer
        self._names_of = names_of
        self._writers: dict[tuple[str, str], Address | None] = {}
        self._begun, self._doubted = time.monotonic(), False
        self.obstacle: StoreError | None = None
        """Why the control plane could not be asked."""
        self.apart = False
        """Whether changes were led to another server than the one where clients go."""

    def in_cluster(self, address: Address, deadline: Deadline) -> Address:
        """Return where the cluster's writer is, asked for once an invocation."""
        key = address.host, address.cluster
        found = self._writers.get(key) or self._clusters.writer_of(address, deadline)
        self._writers[key] = found
        return address if found is None else _at(address, found)

    def for_changes(self, address: Address, deadline: Deadline) -> Address:
        """
        Return where to log in for a change: at once at the writer, if the address may well be a reader's.

        Where the control plane does not know, a session finds the writer as it goes.
        """
        named = endpoint(address.host)
        if named is None or named.service != "rds" or named.kind in _LEADS_TO_THE_WRITER:
            return address
        writer = self.elsewhere(address, deadline)
        if writer is None:
            return address
        self.apart |= self.is_apart(address, writer, deadline)
        return writer

    def is_apart(self, address: Address, writer: Address, deadline: Deadline) -> bool:
        """Return whether two names are of two servers; the cluster's endpoint is a CNAME of the writer."""
        names = frozenset(self._names_of(address.host, deadline))
        return names.isdisjoint(self._names_of(writer.host, deadline))

    def awake(self, address: Address, credential: Credential, deadline: Deadline) -> Session:
        """Log in, and wait for a server that does not answer for as long as the deadline lets."""
        told = False
        while True:
            attempt = Attempt(min(ATTEMPT, deadline.remaining()))
            try:
                session = self._engine.connect(address, credential, attempt)
            except Unreachable as error:
                if not error.retryable or deadline.remaining() < LAST + PAUSE:
                    raise
                if not told:
                    self._observer.note(f"Waiting for {address}: it gives no answer (paused, or taking over)")
                told = True
                time.sleep(PAUSE)
            else:
                attempt.extend_to(deadline)
                return session

    def elsewhere(self, address: Address, deadline: Deadline) -> Address | None:
        """Return the writer's address where it is another one; None where it is not, or cannot be learnt."""
        key = address.host, address.cluster
        if key not in self._writers:
            self._writers[key] = None
            try:
                self._writers[key] = self._clusters.writer_of(address, deadline)
            except StoreError as error:
                self.obstacle = error
        found = self._writers[key]
        return _at(address, found) if found is not None and found.host != address.host else None

    def doubt(self) -> None:
        """Have the control plane asked once more, unless its word is of this very invocation."""
        if not self._doubted:
            self._clusters.forget(self._begun)
            self._writers.clear()
        self._doubted = True

    def tell_of_move(self, address: Address) -> None:
        """Say that a reader was met."""
        self._observer.note(f"{address} takes no changes: looking for the cluster's writer")

    def no_writer(self, address: Address, refusal: ReadOnlyServer | None) -> ReadOnlyServer:
        """Make the error of a search that ended without a writer."""
        why = f"{self.obstacle} Otherwise n" if self.obstacle else "N"
        return ReadOnlyServer(
            "The server takes no changes, and the cluster's writer was not found in time",
            engine=self.traits.name,
            code=refusal.code if refusal else "",
            where=str(address),
            remedy=f"{why}ame the cluster's own endpoint, which leads to the writer, as the host.",
            retryable=True,
        )


def _at(address: Address, writer: Address) -> Address:
    """Go where the writer is, for the address's own database and with its own TLS."""
    return replace(address, host=writer.host, port=address.port or writer.port, cluster="")
