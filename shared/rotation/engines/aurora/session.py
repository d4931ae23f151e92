"""A session with a cluster."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Self, TypeVar, cast

from rotation.engines.aurora.writers import LAST, PAUSE
from rotation.errors import AccessMismatch, AuthenticationFailed, ReadOnlyServer, StatementFailed
from rotation.model import Credential

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from types import TracebackType

    from rotation.engines.aurora.writers import Writers
    from rotation.model import Address, Deadline, Mark, Ownership, Pair, Password
    from rotation.ports import RetainingSession, Session

Answer = TypeVar("Answer")

TAKEOVER: Final = 60.0
"""Seconds to look for the writer; Aurora's failovers take under 60 (Aurora user guide, "High availability")."""

LAG: Final = (0.3, 1.0, 3.0)
"""Seconds to let a reader catch up, each before another try; readers of Aurora lag by far less than the first."""

MOST_MOVES: Final = 3
"""Moves for one call; a server may also refuse it for an option of its own."""


class FollowingSession:
    """A session that is at the writer whenever that matters."""

    def __init__(
        self,
        writers: Writers,
        session: Session,
        address: Address,
        credential: Credential,
        deadline: Deadline,
    ) -> None:
        """Take over a session."""
        self._writers, self._session = writers, session
        self._address, self._deadline = address, deadline
        self._credential = self._before = credential
        self._place = address
        self._at_writer = False
        self._told: list[Callable[[Session], object]] = []
        """What the server has to know of the session: its locks, and the pair that it is about."""

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the session, and with it its lock."""
        self._session.__exit__(kind, error, trace)

    def takes_changes(self) -> bool:
        """Return whether the session stands at the writer."""
        return self._session.takes_changes()

    def lock(self, name: str, holders: Collection[str] = ()) -> bool:
        """Take the writer's lock; after a move it is taken anew."""
        waited = self._at_the_writer(lambda session: session.lock(name, holders))
        traits, where = self._writers.traits, str(self._address)
        self._told.append(lambda session: _lock_again(session, name, holders, where, traits.name))
        return waited

    def rehearse_password(self, username: str, password: Password) -> None:
        """Prove at the writer."""
        self._at_the_writer(lambda session: session.rehearse_password(username, password))

    def set_password(self, username: str, password: Password) -> None:
        """Set it at the writer."""
        self._at_the_writer(lambda session: session.set_password(username, password))
        self._remember(username, password)

    def guard_target(self, username: str, *, allow_privileged: bool) -> None:
        """Look at the writer."""
        self._at_the_writer(lambda session: session.guard_target(username, allow_privileged=allow_privileged))

    def require_usable(self, username: str) -> None:
        """Look at the writer."""
        self._at_the_writer(lambda session: session.require_usable(username))

    def mark_of(self, username: str) -> Mark | None:
        """Read at the writer."""
        return self._at_the_writer(lambda session: session.mark_of(username))

    def mark_is_proof(self, username: str) -> bool:
        """Ask the writer."""
        return self._at_the_writer(lambda session: session.mark_is_proof(username))

    def ownership(self, pair: Pair) -> Ownership:
        """Ask the writer; after a move, ask again before anything else."""
        found = self._at_the_writer(lambda session: session.ownership(pair))
        self._told.append(lambda session: session.ownership(pair))
        return found

    def take_over(self, pair: Pair, former: str, *, rehearse: bool = False) -> Sequence[str]:
        """Mark at the writer."""
        return self._at_the_writer(lambda session: session.take_over(pair, former, rehearse=rehearse))

    def prepared_version(self, pair: Pair) -> str | None:
        """Read at the writer."""
        return self._at_the_writer(lambda session: session.prepared_version(pair))

    def level(self, pair: Pair, password: Password, *, rehearse: bool = False) -> Sequence[str]:
        """Change at the writer, whole; after a move, whole once more."""
        return self._at_the_writer(lambda session: session.level(pair, password, rehearse=rehearse))

    def check_access(self, pair: Pair) -> Sequence[str]:
        """See where the secret says; a reader is given time to learn of it."""
        for pause in LAG:
            try:
                return self._session.check_access(pair)
            except AccessMismatch:
                if self._session.takes_changes():
                    raise
            time.sleep(min(pause, self._deadline.remaining()))
        return self._session.check_access(pair)

    def cautions(self, username: str, pair: Pair | None = None) -> Sequence[str]:
        """Ask the writer."""
        return self._at_the_writer(lambda session: session.cautions(username, pair))

    def disable_password(self, username: str) -> None:
        """End it at the writer."""
        self._at_the_writer(lambda session: session.disable_password(username))

    def retention_obstacle(self, username: str) -> str | None:
        """Ask the writer."""
        return self._at_the_writer(lambda session: _retaining(session).retention_obstacle(username))

    def retain_password(
        self, username: str, current: Password, pending: Password, mark: Mark, current_version: str
    ) -> bool:
        """Set it at the writer."""
        done = self._at_the_writer(
            lambda session: _retaining(session).retain_password(username, current, pending, mark, current_version)
        )
        if done:
            self._remember(username, pending)
        return done

    def replace_first(self, username: str, pending: Password, mark: Mark) -> None:
        """Set it at the writer."""
        self._at_the_writer(lambda session: _retaining(session).replace_first(username, pending, mark))
        self._remember(username, pending)

    def discard_retained(self, username: str) -> None:
        """End it at the writer."""
        self._at_the_writer(lambda session: _retaining(session).discard_retained(username))

    def end_sessions(self, username: str) -> int:
        """End those at the writer; a reader's sessions are its own."""
        return self._at_the_writer(lambda session: session.end_sessions(username))

    def _remember(self, username: str, password: Password) -> None:
        """Log in with the new password, should the writer move after its own user changed it."""
        if username == self._credential.username:
            self._before, self._credential = self._credential, Credential(username, password)
        if self._writers.apart or self._place is not self._address:
            time.sleep(min(LAG[0], self._deadline.remaining()))  # a proof at the reader comes next

    def _at_the_writer(self, act: Callable[[Session], Answer]) -> Answer:
        """Do it at the writer; where that has moved meanwhile, again at the new one."""
        if not self._at_writer and not self._session.takes_changes():
            self._move(None)
        self._at_writer = True
        for _ in range(MOST_MOVES):
            try:
                return act(self._session)
            except ReadOnlyServer as refusal:
                self._move(refusal)
        return act(self._session)

    def _move(self, refusal: ReadOnlyServer | None) -> None:
        """Leave the reader, and log in at the writer as soon as there is one."""
        writers, search = self._writers, self._deadline.within(TAKEOVER)
        self._session.__exit__(None, None, None)
        writers.tell_of_move(self._address)
        self._place = writers.elsewhere(self._address, self._deadline) or self._address
        while not self._log_in().takes_changes():
            if search.remaining() < LAST + PAUSE:
                raise writers.no_writer(self._address, refusal)
            self._session.__exit__(None, None, None)
            time.sleep(PAUSE)
            writers.doubt()
            self._place = writers.elsewhere(self._address, self._deadline) or self._address
        for tell in self._told:
            tell(self._session)

    def _log_in(self) -> Session:
        """Log in anew; a writer that took over may not have heard of the user's own last change."""
        try:
            self._session = self._writers.awake(self._place, self._credential, self._deadline)
        except AuthenticationFailed:
            if self._before is self._credential:
                raise
            self._session = self._writers.awake(self._place, self._before, self._deadline)
        return self._session


def _lock_again(session: Session, name: str, holders: Collection[str], where: str, engine: str) -> None:
    """Take a lock anew; whoever had it meanwhile may have changed what was decided upon."""
    if session.lock(name, holders):
        raise StatementFailed(
            "Another rotation came in between while the cluster's writer moved",
            engine=engine,
            where=where,
            remedy="The step can be tried again.",
            retryable=True,
        )


def _retaining(session: Session) -> RetainingSession:
    """Take the session of a server that may keep two passwords, as the strategy has made sure."""
    return cast("RetainingSession", session)
