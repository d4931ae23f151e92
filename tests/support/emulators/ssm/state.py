"""The parameters of one account and Region, and what a reader sees of them at an instant."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.support.emulators.ssm.journal import Journal
from tests.support.emulators.ssm.model import DEFAULT_KEY, STANDARD, Parameter
from tests.support.emulators.ssm.names import key_of, selected
from tests.support.emulators.ssm.worlds import STRICT, World
from tests.support.emulators.wire.clock import Clock, system_clock
from tests.support.emulators.wire.errors import ServiceError, answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tests.support.emulators.ssm.model import Version


@dataclass
class State:
    """Everything that the service keeps."""

    world: World = STRICT
    clock: Clock = system_clock
    parameters: dict[str, Parameter] = field(default_factory=dict)
    gone: dict[str, tuple[Parameter, int]] = field(default_factory=dict)
    """What was deleted, and the place of its deletion among all writes: a reader may see it for a while."""
    keys: set[str] = field(default_factory=lambda: {DEFAULT_KEY})
    """KMS keys that are there and enabled."""
    default_tier: str = STANDARD
    limit: int = 10_000
    """API reference, ParameterLimitExceeded; user guide, Quotas: standard parameters of a Region."""
    lag: timedelta = timedelta(0)
    """How long a write stays unseen by reads; PutParameter and the other writes always see it."""
    stale: int = 0
    """How many of the next reads see nothing of the last write."""
    stale_after: int = 0
    """What ``stale`` becomes with each write of a client's."""
    secrets: Callable[[str], dict[str, Any] | None] = lambda _name: None
    """What Secrets Manager answers to GetSecretValue, beside this service."""
    journal: Journal = field(default_factory=Journal)
    writes: list[datetime] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def horizon(self) -> int:
        """
        Return the last write that a read sees now, and count the read.

        Reads are eventually consistent: not-found right after a creation was seen by AWS's own CDK (aws-cdk-cli 830);
        CloudFormation polls until the version that Put answered shows (resource-providers-ssm 159).
        """
        last = len(self.writes)
        if self.stale:
            self.stale -= 1
            return last - 1
        due = self.clock() - self.lag
        return sum(at <= due for at in self.writes) if self.lag else last

    def seen(self, name: str, horizon: int) -> tuple[Parameter, list[Version]] | None:
        """Return a parameter and those of its versions that a reader sees who is not further than that."""
        key = key_of(name)
        for parameter, deleted in self._lives(key):
            versions = [version for version in parameter.versions if version.written <= horizon]
            if versions and horizon < deleted:
                return parameter, versions
        return None

    def _lives(self, key: str) -> list[tuple[Parameter, int]]:
        endless = len(self.writes) + 1
        lives = [(self.parameters[key], endless)] if key in self.parameters else []
        return lives + ([self.gone[key]] if key in self.gone else [])

    def select(self, asked: str, horizon: int) -> tuple[Parameter, Version, str]:
        """Return what a name, with a version or label or without, leads a reader to. Raises ServiceError."""
        name, selector = selected(asked)
        found = self.seen(name, horizon)
        if found is None:
            raise missing()
        parameter, versions = found
        if not selector:
            return parameter, versions[-1], ""
        number = int(selector) if selector.isdecimal() else parameter.labels.get(selector)
        version = next((it for it in versions if it.number == number), None)
        if version is None:
            message = f"Systems Manager could not find version {selector} of {name}."
            raise answer(message, code="ParameterVersionNotFound")
        return parameter, version, selector

    def own(self, name: str) -> Parameter:
        """Return a parameter as a write sees it. Raises ServiceError."""
        parameter = self.parameters.get(key_of(name))
        if parameter is None:
            raise missing()
        return parameter

    def require_key(self, key: str | None) -> None:
        """Refuse a KMS key that is missing or disabled (user guide, KMS: the answer is InvalidKeyId)."""
        if key is not None and key not in self.keys:
            message = "The query key ID isn't valid."
            raise answer(message, code="InvalidKeyId")


def missing() -> ServiceError:
    """Return the answer for an unknown name; recorded: it has no text (LocalStack, parameter_defaults, 2024-07-03)."""
    return answer("", code="ParameterNotFound")
