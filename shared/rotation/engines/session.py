"""What the sessions of all engines have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rotation.model import Address, Pair


class Closable(Protocol):
    """A connection that a session can end."""

    def close(self) -> None:
        """End it; twice is no error."""
        ...


def login_at(address: Address, username: str) -> str:
    """Name a login as messages do: where it goes, and as whom."""
    return f"{address}, as {username}"


ConnectionT = TypeVar("ConnectionT", bound=Closable)


class ConnectedSession(Generic[ConnectionT]):
    """A session that owns its connection."""

    def __init__(self, connection: ConnectionT) -> None:
        """Take the connection; the session closes it."""
        self._connection = connection

    def cautions(self, username: str, pair: Pair | None = None) -> Sequence[str]:  # noqa: ARG002 the port's
        """Say nothing; an engine that has something to tell of its servers says it."""
        return ()

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the session, and with it whatever lock it holds."""
        self._connection.close()
