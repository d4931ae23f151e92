"""The settings of the function for parameters, beside those that all functions have."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rotation.settings import Reader, wrong
from rotation.stores.parameter_store import ROOT, Publishing

if TYPE_CHECKING:
    from collections.abc import Mapping

DAYS: Final = 30

_ROOT: Final = re.compile(r"(?!/(aws|ssm))(/[A-Za-z0-9_.-]+){1,5}", re.IGNORECASE)
_LABEL: Final = re.compile(r"(?!aws|ssm)[A-Za-z_.-][A-Za-z0-9_.-]{0,99}", re.IGNORECASE)
"""API reference, LabelParameterVersion, Labels."""


@dataclass(frozen=True, slots=True)
class ParameterSettings:
    """What the function for parameters is told by its environment."""

    root: str = ROOT
    """Where the journals stand."""
    days: int = DAYS
    """How long a value stays, where the event does not say."""
    queue: str | None = None
    """The URL of the queue that takes a message for each parameter, where an event is about many."""
    publishing: Publishing = field(default_factory=Publishing)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ParameterSettings:
        """Read and check them; an empty variable counts as absent. Raises InvalidSettings."""
        read = Reader(environment)
        root = read.text("ROTATION_JOURNAL") or ROOT
        if not _ROOT.fullmatch(root):
            raise wrong("ROTATION_JOURNAL", "is no path of parameters", "Give one such as /rotation.")
        days = read.number("ROTATION_DAYS", DAYS)
        if not days:
            raise wrong("ROTATION_DAYS", "is zero", "Give a number of days from 1.")
        labels = [label.strip() for label in (read.text("FOLLOW_LABELS") or "").split(",") if label.strip()]
        if not all(map(_LABEL.fullmatch, labels)):
            raise wrong("FOLLOW_LABELS", "has an entry that is no label of a parameter", "Separate labels by commas.")
        restore = read.switch("RESTORE_FOREIGN") or False
        return cls(root, days, read.url("ROTATION_QUEUE_URL", beside=True), Publishing(restore, frozenset(labels)))
