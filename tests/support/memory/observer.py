"""An observer that keeps what it was warned of."""

from __future__ import annotations


class Warnings:
    """Who is told, and remembers the warnings."""

    def __init__(self) -> None:
        """Begin with none."""
        self.warned: list[tuple[str, dict[str, object]]] = []

    def warn(self, message: str, **fields: object) -> None:
        """Keep a warning."""
        self.warned.append((message, fields))

    def note(self, message: str, **fields: object) -> None:
        """Pass over what is no warning."""

    def recovered(self, reason: str, **fields: object) -> None:
        """Pass over what was put right."""

    def measure(self, name: str, value: float, unit: str, *, region: str | None = None) -> None:
        """Pass over measures."""
