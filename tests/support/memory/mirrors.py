"""Parameters that follow a secret, in memory, with a chance to fail before and after each call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rotation.errors import NotOurs, VersionNotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.model import Credential


@dataclass
class MemoryMirrors:
    """A double of ports.Mirrors."""

    values: dict[str, str] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    effect: Callable[[str, str], None] = lambda _name, _phase: None

    def value(self, name: str) -> str:
        """Read one."""
        self._called("mirror value", "before")
        if name not in self.values:
            raise VersionNotFound("There is no such parameter", where=name)
        value = self.values[name]
        self._called("mirror value", "after")
        return value

    def constant_names(self, name: str) -> bool:
        """Return whether it holds the password alone."""
        return name.endswith("/password")

    def shown(self, name: str, held: str, value: str, credential: Credential) -> str:
        """Return the password, a line with user and password where one stands, else the whole."""
        if self.constant_names(name):
            return credential.password.reveal()
        line = f"{credential.username}:{credential.password.reveal()}"
        return value if held.startswith(("-", "{")) else line

    def write(self, name: str, arn: str, value: str) -> None:
        """Write one."""
        self._called("mirror write", "before")
        self._owned(name, arn)
        self.values[name] = value
        self._called("mirror write", "after")

    def check(self, name: str, arn: str) -> None:
        """See whose it is."""
        self._called("mirror check", "before")
        self._owned(name, arn)
        self._called("mirror check", "after")

    def _owned(self, name: str, arn: str) -> None:
        if self.owners.get(name) != arn:
            raise NotOurs("The parameter does not say that it mirrors this secret", where=name)

    def _called(self, name: str, phase: str) -> None:
        if phase == "before":
            self.calls.append(name)
        self.effect(name, phase)
