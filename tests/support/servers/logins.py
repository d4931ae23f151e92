"""Logins as a server's log tells them; each kind of server has a log and a reader of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, Protocol, Self, TypeVar


class Attempt(Protocol):
    """One attempt to log in."""

    @property
    def user(self) -> str:
        """As whom."""

    @property
    def accepted(self) -> bool:
        """Whether the server let it in."""


A = TypeVar("A", bound=Attempt)


@dataclass(frozen=True)
class Logins(Generic[A]):
    """The logins of a stretch of the log, in the order in which they began."""

    all: tuple[A, ...] = ()

    def of(self, *users: str) -> Self:
        """Return those of some users only."""
        return replace(self, all=tuple(login for login in self.all if login.user in users))

    @property
    def accepted(self) -> list[A]:
        """The logins that the server let in."""
        return [login for login in self.all if login.accepted]

    @property
    def refused(self) -> list[A]:
        """The logins that were not let in, for whatever reason: of a server that lives."""
        return [login for login in self.all if not login.accepted]
