"""What the sessions of all engines have in common."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from rotation.model import Address, Ownership, Pair, Password


class Closable(Protocol):
    """A connection that a session can end."""

    def close(self) -> None:
        """End it; twice is no error."""
        ...


def login_at(address: Address, username: str) -> str:
    """Name a login as messages do: where it goes, and as whom."""
    return f"{address}, as {username}"


_clear_text: ContextVar[bool] = ContextVar("a new password may be sent in clear text", default=False)


@contextmanager
def clear_text(*, allowed: bool) -> Iterator[None]:
    """Say for all that happens inside whether a new password may be sent in clear text where no hash will do."""
    before = _clear_text.set(allowed)
    try:
        yield
    finally:
        _clear_text.reset(before)


def may_send_clear_text() -> bool:
    """Return whether the function's settings allow it."""
    return _clear_text.get()


ConnectionT = TypeVar("ConnectionT", bound=Closable)


class ConnectedSession(Generic[ConnectionT]):
    """A session that owns its connection."""

    def __init__(self, connection: ConnectionT) -> None:
        """Take the connection; the session closes it."""
        self._connection = connection

    def cautions(self, username: str, pair: Pair | None = None) -> Sequence[str]:  # noqa: ARG002 the port's
        """Say nothing; an engine that has something to tell of its servers says it."""
        return ()

    def takes_changes(self) -> bool:
        """Return that it does: an engine whose logins may end at a replica asks the server."""
        return True

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the session, and with it whatever lock it holds."""
        self._connection.close()


ConnectionT_contra = TypeVar("ConnectionT_contra", bound=Closable, contravariant=True)


class Pairs(Protocol[ConnectionT_contra]):
    """An engine's module ``pair``: what a session does for two users that alternate, over its connection."""

    def ownership(self, connection: ConnectionT_contra, pair: Pair) -> Ownership:
        """Return whose the idle user of the pair is."""
        ...

    def take_over(self, connection: ConnectionT_contra, pair: Pair, former: str, *, rehearse: bool) -> Sequence[str]:
        """Mark as the pair's what carries the former secret's mark of it."""
        ...

    def prepared_version(self, connection: ConnectionT_contra, pair: Pair) -> str | None:
        """Read for which version the pair was prepared last."""
        ...

    def level(self, connection: ConnectionT_contra, pair: Pair, password: Password, *, rehearse: bool) -> Sequence[str]:
        """Give the idle user the access of the active one and, last, the password."""
        ...


class PairedSession(ConnectedSession[ConnectionT]):
    """A session whose engine keeps all that it does for a pair in one module."""

    _pairs: Pairs[ConnectionT]

    def ownership(self, pair: Pair) -> Ownership:
        """Return whose the idle user of the pair is, by its mark."""
        return self._pairs.ownership(self._connection, pair)

    def take_over(self, pair: Pair, former: str, *, rehearse: bool = False) -> Sequence[str]:
        """Mark as the pair's what carries the former secret's mark of it."""
        return self._pairs.take_over(self._connection, pair, former, rehearse=rehearse)

    def prepared_version(self, pair: Pair) -> str | None:
        """Read for which version the pair was prepared last, by a mark."""
        return self._pairs.prepared_version(self._connection, pair)

    def level(self, pair: Pair, password: Password, *, rehearse: bool = False) -> Sequence[str]:
        """Give the idle user the access of the active one and, last, the password."""
        return self._pairs.level(self._connection, pair, password, rehearse=rehearse)
