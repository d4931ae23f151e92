"""One delivery of a step: the token that it names, and all that the step may use."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from rotation.credentials import secret_format
from rotation.errors import VersionNotFound
from rotation.model import Stage
from rotation.ports import Caution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rotation.model import Address, Deadline, Secret, StoredVersion, Versions
    from rotation.ports import Engine, Mirrors, Observer, SecretStore, Topology
    from rotation.settings import Settings


class AlreadyCurrent(Exception):
    """The token's version has become AWSCURRENT since the step looked at it: a twin got there first."""


@dataclass
class Delivery:
    """What a step works with. Nothing in it outlives the invocation."""

    token: str
    engine: Engine
    store: SecretStore
    topology: Topology
    settings: Settings
    observer: Observer
    deadline: Deadline
    names_of: Callable[[str, Deadline], Iterable[str]] = lambda host, _: (host,)
    """What else a host is called."""
    for_changes: Callable[[Address, Deadline], Address] = lambda address, _: address
    """Where to log in for a change of what the address leads to."""
    mirrors: Mirrors | None = None
    """Where parameters that follow a secret are written, if the function may write any."""
    refusals: int = 0
    """Logins that the server refused in this invocation."""
    refused: set[str] = field(default_factory=set)
    """The versions whose passwords were among them."""
    passed_over: dict[str, frozenset[str]] = field(default_factory=dict)
    """Versions that might log in and were not tried, and the keys in which AWSCURRENT decides otherwise."""
    replicated: set[str] = field(default_factory=set)
    """The Regions whose replicas were asked for again in this invocation."""
    staged: StoredVersion | None = field(default=None, repr=False)
    """The pending version, once the machine has observed it."""
    versions: Versions | None = None
    """The labels, where the machine has observed those."""

    @cached_property
    def pending(self) -> Secret:
        """The token's value. Raises InvalidSecret."""
        if self.staged is None:
            raise VersionNotFound("The pending version was not read", where=f"version {self.token}")
        return self.parse(self.staged)

    @cached_property
    def stored_current(self) -> StoredVersion:
        """AWSCURRENT as it is stored, read when it is first asked for. Raises StoreError or AlreadyCurrent."""
        version = self.store.read(Stage.CURRENT)
        if version.id == self.token:
            raise AlreadyCurrent
        return version

    @cached_property
    def current(self) -> Secret:
        """AWSCURRENT's value. Raises InvalidSecret, StoreError or AlreadyCurrent."""
        return self.parse(self.stored_current)

    def tell(self, lines: Iterable[str], of: str = "") -> None:
        """Tell what a session said, and warn of what a person should look at."""
        for line in lines:
            (self.observer.warn if isinstance(line, Caution) else self.observer.note)(of + line)

    def parse(self, version: StoredVersion) -> Secret:
        """Read a version of the secret as this engine's."""
        return secret_format.parse(version, self.engine.traits)
