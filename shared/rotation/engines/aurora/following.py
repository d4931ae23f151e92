"""
Servers in clusters: one takes changes, the others copy it, and which one that is may change at any time.

What the strategies ask for stays as it is: they log in where the secret says, and speak with the session. Underneath,

- a server that does not answer (paused, or just taking over) is waited for; one that refuses is believed;
- what changes anything, or is asked to decide a change, is asked at the writer. A login for it goes there at once,
  where the secret's name is one that readers have. A session may stand at a reader all the same, or at a server that
  has become one: another login with the same credential then goes to the writer. The control plane, or the cluster's
  own name, says where that is;
- a proof stays where the secret says; a reader that does not know yet what the writer knows is given time.

Each call of a session is one that may be repeated as a whole (ports.Session), so it is, on the new writer.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from rotation.engines.aurora.session import LAG, FollowingSession
from rotation.engines.aurora.writers import Writers
from rotation.errors import AuthenticationFailed, TlsFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rotation.model import Address, Credential, Deadline
    from rotation.ports import Clusters, Engine, Observer, Session


class Following:
    """An engine whose logins find the cluster's writer when they need it. One for each invocation."""

    def __init__(
        self,
        engine: Engine,
        clusters: Clusters,
        observer: Observer,
        names_of: Callable[[str, Deadline], Iterable[str]] = lambda host, _: (host,),
    ) -> None:
        """Take the engine that speaks with single servers."""
        self.traits = engine.traits
        self._writers = Writers(engine, clusters, observer, names_of)

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> FollowingSession:
        """Log in where the address says; a reader that lags behind is given time."""
        if not address.host:
            address = self._writers.in_cluster(address, deadline)
        session = self._proven(address, credential, deadline)
        return FollowingSession(self._writers, session, address, credential, deadline)

    def for_changes(self, address: Address, deadline: Deadline) -> Address:
        """Return where to log in for a change: at once at the writer, if the address may well be a reader's."""
        return self._writers.for_changes(address, deadline)

    def _proven(self, address: Address, credential: Credential, deadline: Deadline) -> Session:
        try:
            return self._writers.awake(address, credential, deadline)
        except TlsFailed:  # another name of the host (a CNAME) is not in its certificate; the endpoint's own is
            writer = self._writers.elsewhere(address, deadline)
            if writer is None:
                raise
            return self._writers.awake(writer, credential, deadline)
        except AuthenticationFailed as refusal:
            writer = self._writers.elsewhere(address, deadline)
            if writer is None or not self._writers.is_apart(address, writer, deadline):
                raise  # it was the writer that refused
            return self._caught_up(address, writer, credential, deadline, refusal)

    def _caught_up(
        self,
        address: Address,
        writer: Address,
        credential: Credential,
        deadline: Deadline,
        refusal: AuthenticationFailed,
    ) -> Session:
        """Where the writer accepts what a reader refused, let the reader catch up."""
        refusal.logins += 1
        with suppress(AuthenticationFailed), self._writers.awake(writer, credential, deadline):
            refusal.logins -= 1
            for pause in LAG[1:]:
                time.sleep(min(pause, deadline.remaining()))
                with suppress(AuthenticationFailed):
                    return self._writers.awake(address, credential, deadline)
                refusal.logins += 1
        raise refusal
