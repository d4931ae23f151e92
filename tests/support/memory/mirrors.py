"""Parameters that follow a secret, in memory, with a chance to fail before and after each call."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from rotation.errors import NotOurs, VersionNotFound
from rotation.model import Credential, Password, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.memory.stage import MemoryStage

WHOLE: Final = "/mirrors/orders/database"
LINE: Final = "/mirrors/orders/url"
ALONE: Final = "/mirrors/orders/password"
"""Mirrors in each layout."""


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


def form(name: str, value: str) -> str:
    """Return how a value of the secret stands in that mirror."""
    document = json.loads(value)
    return {LINE: f"{document['username']}:{document['password']}", ALONE: str(document["password"])}.get(name, value)


class Followed:
    """The secret of a stage, the mirrors that it names, and their readers."""

    def __init__(self, stage: MemoryStage, *names: str) -> None:
        """Let AWSCURRENT name mirrors, which hold it; the function may write them."""
        self._stage, self.mirrors = stage, MemoryMirrors()
        stage.mirrors, stage.settings = self.mirrors, replace(stage.settings, mirror_path="/mirrors")
        holder = stage.store.holder(Stage.CURRENT) or ""
        document = json.loads(stage.store.values[holder])
        document["rotation"] = {**document.get("rotation", {}), "mirror": ", ".join(names)}
        stage.store.values[holder] = json.dumps(document)
        for name in names:
            self.mirrors.owners[name.strip()] = stage.store.arn
        self.put()

    @classmethod
    def of(cls, stage: MemoryStage, *, two_users: bool) -> Followed:
        """Let it name one of each layout that it may have."""
        return cls(stage, WHOLE, LINE, *([] if two_users else [ALONE]))

    @classmethod
    def again(cls, stage: MemoryStage, mirrors: MemoryMirrors) -> Followed:
        """Go on with a copy of a stage that has mirrors."""
        made = cls.__new__(cls)
        made._stage, made.mirrors = stage, mirrors  # noqa: SLF001 its own kind
        return made

    def put(self, stage: Stage = Stage.CURRENT) -> None:
        """Put a version into all mirrors, as a person does."""
        self.mirrors.values |= {name: form(name, self._stage.store.value_at(stage)) for name in self.mirrors.owners}

    def in_step(self) -> bool:
        """Return whether each mirror holds AWSCURRENT."""
        current = self._stage.store.value_at(Stage.CURRENT)
        return self.mirrors.values == {name: form(name, current) for name in self.mirrors.owners}

    def credentials(self) -> list[Credential]:
        """Return what readers of the mirrors have."""
        return [_credential(name, value) for name, value in self.mirrors.values.items()]

    def readers_log_in(self) -> bool:
        """Return whether the server accepts what readers of each mirror have."""
        return all(map(self._stage.server.logs_in, self.credentials()))


def _credential(name: str, value: str) -> Credential:
    if name == WHOLE:
        document = json.loads(value)
        return Credential(document["username"], Password(document["password"]))
    username, _, password = value.partition(":") if name == LINE else ("app", ":", value)
    return Credential(username, Password(password))
