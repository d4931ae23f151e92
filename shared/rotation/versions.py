"""The versions of a secret, and the labels that say what each is for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime


class Stage(StrEnum):
    """The staging labels that Secrets Manager attaches to versions."""

    CURRENT = "AWSCURRENT"
    PENDING = "AWSPENDING"
    PREVIOUS = "AWSPREVIOUS"


LATE_CUTOVER: Final = "rotation-late-cutover"  # on a pending version whose password can only be set in finishSecret
LAST_REFUSED: Final = "rotation-last-refused"  # on the old version that was refused last, where none was accepted
SEARCHING: Final = "rotation-searching"  # on the pending version for which that one was tried
OUR_LABELS: Final = frozenset({LATE_CUTOVER, LAST_REFUSED, SEARCHING})
"""Labels of our own. They say nothing of what a version is worth, and are never taken for somebody else's."""


def region_of(arn: str) -> str:
    """Return the Region of an ARN; empty where the text is none."""
    return (arn.split(":") + [""] * 4)[3]


def in_region(arn: str, region: str) -> str:
    """Return the ARN with another Region: a secret's and its replica's differ in nothing else."""
    parts = arn.split(":", 4)
    return ":".join([*parts[:3], region, parts[4]]) if region and len(parts) > 4 and parts[3] else arn  # noqa: PLR2004 as ARNs are written


class VersionState(Enum):
    """
    What is observed of the version that an event's token names.

    The service may leave AWSPENDING on the version that became AWSCURRENT. Where AWSPREVIOUS joins it there, that
    version was AWSCURRENT once, and somebody moved AWSCURRENT away from it.
    """

    EMPTY = "labelled AWSPENDING, without a value"
    PENDING = "labelled AWSPENDING"
    CURRENT = "labelled AWSCURRENT"
    ROLLED_BACK = "labelled AWSPENDING and AWSPREVIOUS"
    STRAY = "without either label"
    UNKNOWN = "without any label, or not a version of the secret"

    @classmethod
    def of(cls, stages: Collection[str]) -> VersionState:
        """Observe a labelled version by its labels alone; AWSCURRENT outweighs the others."""
        if Stage.CURRENT in stages:
            return cls.CURRENT
        if Stage.PENDING not in stages:
            return cls.STRAY
        return cls.ROLLED_BACK if Stage.PREVIOUS in stages else cls.PENDING


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version as the store gave it; its value is not shown."""

    arn: str
    id: str
    stages: frozenset[str]
    value: str = field(repr=False)
    created: datetime | None = None  # in its Region: a copy has the day when it came there, or that of the primary


@dataclass(frozen=True, slots=True)
class Replica:
    """What the primary Region says of the secret's copy in another Region; no version is named there."""

    region: str
    status: str
    message: str = ""
    kms_key: str = ""  # empty where it is the account's own of that Region


@dataclass(frozen=True, slots=True)
class Versions:
    """The labels of a secret's versions, by version id."""

    arn: str
    stages: Mapping[str, frozenset[str]]
    rotation_enabled: bool = True
    primary_region: str = ""
    """Where it is written to; empty where the secret has no replicas and is none."""
    replicas: tuple[Replica, ...] = ()
    function: str = ""
    """The rotation function that was attached; empty where none was."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    """When it is rotated, as RotateSecret takes it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    kms_key: str = ""  # empty where it is the account's own of the Region

    @property
    def rotates(self) -> bool:
        """Return whether a schedule rotates it, as far as is certain."""
        return self.rotation_enabled and self.function != ""

    @property
    def region(self) -> str:
        """Return the Region that was asked."""
        return region_of(self.arn)

    def holding(self, stage: Stage) -> str | None:
        """Return the id of the version that carries the label, if any does."""
        return next((version for version, stages in self.stages.items() if stage in stages), None)

    def state_of(self, token: str) -> VersionState:
        """Observe the token's version by its labels alone."""
        stages = self.stages.get(token)
        return VersionState.UNKNOWN if stages is None else VersionState.of(stages)
