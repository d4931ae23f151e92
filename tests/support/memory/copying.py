"""
Copies of a memory store's secret to another Region, where the service leaves open when and how they arrive.

Time is counted in ticks: each operation of the store is one, and whoever plays may let more pass. What is known of
replication and what is not stands with the emulated Regions (``replication``), whose switches these are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from rotation.model import Replica, Stage, Versions, region_of
from tests.support.arns import moved
from tests.support.emulators.secretsmanager.replication import Order


class Primary(Protocol):
    """The secret that is copied, in its own Region."""

    arn: str
    values: dict[str, str]
    stages: dict[str, set[str]]
    copying: dict[str, Copying]


NEVER: Final = 1_000_000
"""Ticks that no rotation has."""


@dataclass
class Change:
    """What is under way: values and labels, each due at its own tick, and when it was sent."""

    values: dict[str, str] = field(repr=False)
    labels: dict[str, str]
    values_due: int
    labels_due: int
    sent: int


@dataclass
class Copying:
    """A replica in another Region: what it serves, and what is on the way there."""

    store: Primary = field(repr=False)
    region: str
    lag: int = 0
    gap: int = 0
    """Ticks between the arrival of a value and that of its labels."""
    order: Order = Order.TOGETHER
    pending_copied: bool = False
    sticks_within: int = 0
    """Ticks within which a second change of labels leaves the replica stuck; zero is never."""
    status_late: int = 0
    """Ticks for which the status still says InSync after a change."""
    silent: bool = False
    """Whether the Region cannot be asked, so that only the status is seen."""
    stuck: bool = False
    failed: bool = False
    now: int = 0
    values: dict[str, str] = field(default_factory=dict, repr=False)
    labels: dict[str, str] = field(default_factory=dict)
    _way: list[Change] = field(default_factory=list)
    _sent: tuple[dict[str, str], dict[str, str]] = field(default_factory=lambda: ({}, {}), repr=False)

    def __post_init__(self) -> None:
        """Begin with a replica that has all that is there."""
        self._sent = self._content()
        self.values, self.labels = map(dict, self._sent)
        self.store.copying[self.region] = self

    def tick(self, ticks: int = 1) -> None:
        """Send what has changed, let time pass, and let arrive what is due."""
        self._send()
        self.now += ticks
        while self._way and not self.stuck:
            change = self._way[0]
            if self.now >= change.values_due:
                self.values = dict(change.values)
            if self.now >= change.labels_due:
                self.labels = dict(change.labels)
            if self.now < max(change.values_due, change.labels_due):
                return
            del self._way[0]

    def again(self) -> None:
        """Do what ReplicateSecretToRegions does without overwriting: what failed or got stuck goes on."""
        self.failed = self.stuck = False
        self._way.clear()
        self._sent = ({}, {})
        self.tick(0)

    def listed(self) -> Replica:
        """Return what the primary says of it."""
        if self.failed:
            return Replica(self.region, "Failed", "The key is disabled")
        under_way = self.stuck or any(self.now >= it.sent + self.status_late for it in self._way)
        return Replica(self.region, "InProgress" if under_way else "InSync")

    def versions(self) -> Versions:
        """Return what DescribeSecret answers there."""
        stages: dict[str, frozenset[str]] = {}
        for label, version in self.labels.items():
            stages[version] = stages.get(version, frozenset()) | {label}
        arn = self.store.arn
        return Versions(moved(arn, self.region), stages, primary_region=region_of(arn))

    def served(self) -> str | None:
        """Return the value that a client reads there; None where there is a label without its value."""
        return self.values.get(self.labels.get(Stage.CURRENT, ""))

    def _content(self) -> tuple[dict[str, str], dict[str, str]]:
        labels = {
            str(label): version
            for version, held in self.store.stages.items()
            for label in held
            if label != Stage.PENDING or self.pending_copied
        }
        values = {version: it for version, it in self.store.values.items() if version in labels.values()}
        return values, labels

    def _send(self) -> None:
        content = self._content()
        if self.failed or content == self._sent:
            return
        if any(self.now - it.sent < self.sticks_within and it.labels != content[1] for it in self._way):
            self.stuck = True
        first, second = self.now + self.lag, self.now + self.lag + self.gap
        value_is_late = self.order is Order.LABELS_FIRST
        labels_are_late = self.order is Order.VALUE_FIRST
        values_due, labels_due = (second if value_is_late else first), (second if labels_are_late else first)
        self._way.append(Change(*content, values_due, labels_due, self.now))
        self._sent = content
