"""What is said while an event is worked upon, kept for the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.entrypoints.telemetry import scrub

if TYPE_CHECKING:
    from rotation.ports import Observer


class Telling:
    """An observer that passes on what it is told, and keeps what is said for the answer."""

    def __init__(self, observer: Observer) -> None:
        """Know whom it is passed on to, who is told of recoveries and measures alone."""
        self._said: list[str] = []
        self._observer = observer
        self.recovered = observer.recovered
        self.measure = observer.measure

    @property
    def said(self) -> list[str]:
        """Return it, without what could be a secret."""
        return [scrub(line) for line in self._said]

    def note(self, message: str, **fields: object) -> None:
        """Pass it on, and keep it."""
        self._said.append(message)
        self._observer.note(message, **fields)

    def warn(self, message: str, **fields: object) -> None:
        """Pass it on, and keep it."""
        self._said.append(message)
        self._observer.warn(message, **fields)
