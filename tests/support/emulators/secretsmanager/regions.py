"""A world of Regions: a Secrets Manager each, with an endpoint and a journal of its own, and the copies between."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from tests.support.emulators.secretsmanager.model import PENDING, Content, Copy, Secret, Version
from tests.support.emulators.secretsmanager.replication import AfterStop, Order, Reason, Replication
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.secretsmanager.worlds import RECORDED, World
from tests.support.emulators.wire.clock import Clock, system_clock

if TYPE_CHECKING:
    from datetime import datetime
    from types import TracebackType

    from tests.support.emulators.secretsmanager.model import Replica


class Regions:
    """Some Regions of one account. Nothing is copied at once: each Region lags behind, as long as ``lag`` says."""

    def __init__(
        self,
        *names: str,
        replication: Replication | None = None,
        world: World = RECORDED,
        clock: Clock = system_clock,
        lag: timedelta = timedelta(),
        gap: timedelta = timedelta(),
    ) -> None:
        """Make the Regions; ``gap`` is the time between the arrival of a value and that of its labels."""
        self.replication = replication or Replication()
        self.clock, self.gap = clock, gap
        self.lag = dict.fromkeys(names, lag)
        self.disabled: dict[str, Reason] = {}
        self.cut_off: set[str] = set()
        self.hangs = False
        self.at = {name: EmulatedSecretsManager(region=name, world=world, clock=clock) for name in names}
        lock = self.at[names[0]].state.lock
        for emulator in self.at.values():
            emulator.state.regions, emulator.state.lock = self, lock
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Listen in each Region."""
        for emulator in self.at.values():
            self._stack.enter_context(emulator)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        self._stack.close()

    def __getitem__(self, region: str) -> EmulatedSecretsManager:
        """Return the Secrets Manager of a Region."""
        return self.at[region]

    def cut(self, region: str) -> None:
        """Let nobody reach the Region any more; what was on the way there or from there does not arrive."""
        self.settle()
        self.cut_off.add(region)

    def restore(self, region: str) -> None:
        """Let the Region be reached again; what waited arrives when it is due."""
        self.cut_off.discard(region)

    def stick(self, name: str, region: str, *, stuck: bool = True) -> None:
        """Let a replica's copies get stuck, or go on."""
        self.settle()
        replica = self._replica(name, region)
        replica.stuck = stuck

    def fail(self, name: str, region: str, reason: Reason) -> None:
        """Let a replication fail: what was served goes on being served, and what never came is removed.

        User guide, Troubleshoot replication: where nothing usable was copied, the service removes the secret there.
        """
        self.settle()
        replica = self._replica(name, region)
        replica.failed = reason
        replica.copies.clear()
        if not replica.served:
            self.drop(name, region)

    def has(self, region: str) -> bool:
        """Return whether there is such a Region."""
        return region in self.at

    def find(self, name: str, region: str) -> Secret | None:
        """Find a secret in a Region."""
        return self.at[region].state.find(name)

    def place(self, secret: Secret, region: str) -> None:
        """Put a secret into a Region, in the place of one of its name."""
        existing, secrets = self.find(secret.name, region), self.at[region].state.secrets
        if existing is not None:
            del secrets[existing.arn]
        secrets[secret.arn] = secret

    def drop(self, name: str, region: str) -> None:
        """Remove a replica from its Region, at once and without a recovery window."""
        secret = self.find(name, region)
        if secret is not None and secret.primary_region:
            del self.at[region].state.secrets[secret.arn]

    def _replica(self, name: str, region: str) -> Replica:
        found = (self.find(name, home) for home in self.at)
        return next(secret.replicas[region] for secret in found if secret is not None and region in secret.replicas)

    def settle(self) -> None:
        """Put on the way what has changed, and let arrive what is due."""
        now = self.clock()
        for region, emulator in self.at.items():
            for secret in list(emulator.state.secrets.values()):
                for replica in list(secret.replicas.values()):
                    self._send(secret, replica, now)
                    if self.cut_off.isdisjoint({region, replica.region}):
                        self._notice(secret, replica)
                        self._arrive(secret, replica, now)

    def _send(self, secret: Secret, replica: Replica, now: datetime) -> None:
        content = self._content(secret)
        if replica.stopped or replica.failed is not None or content == replica.last:
            return
        quick = (copy for copy in replica.copies if now - copy.made < self.replication.sticks_within)
        if any(copy.content.labels != content.labels for copy in quick):
            replica.stuck = True
        first = now + self.lag[replica.region]
        second = first if self.replication.order is Order.TOGETHER else first + self.gap
        values, labels = (second, first) if self.replication.order is Order.LABELS_FIRST else (first, second)
        replica.copies.append(Copy(content, values, labels, now))
        replica.last = content

    def _content(self, secret: Secret) -> Content:
        copied = self.replication
        labels = {label: held for label, held in secret.labels.items() if label != PENDING or copied.pending_copied}
        values = {
            version: (it.created, it.value)
            for version, it in secret.versions.items()
            if it.value is not None and (copied.unlabelled_copied or version in labels.values())
        }
        return Content(values, labels, (secret.description, dict(secret.tags), secret.policy))

    def _arrive(self, secret: Secret, replica: Replica, now: datetime) -> None:
        """Bring to the replica what is due, in the order in which it was sent."""
        journal, copy = self.at[replica.region].journal, self.find(secret.name, replica.region)
        if replica.stuck:
            return
        for change in list(replica.copies):
            if copy is None or now < min(change.values_due, change.labels_due):
                return
            if now >= change.values_due:
                _take_values(copy, change.content)
                replica.served = True
            if now >= change.labels_due:
                before = dict(copy.labels)
                _take_labels(copy, change.content, now, unlabelled=self.replication.unlabelled_copied)
                journal.label_changes(copy, before, now)
            if now < max(change.values_due, change.labels_due):
                return
            replica.copies.remove(change)

    def _notice(self, secret: Secret, replica: Replica) -> None:
        """Let the primary know, once the two Regions see each other, that a replica was made a secret of its own."""
        there = self.find(secret.name, replica.region)
        if replica.stopped or replica.failed is not None or there is None or there.primary_region:
            return
        if self.replication.after_stop is AfterStop.GONE:
            del secret.replicas[replica.region]
        replica.stopped, replica.stuck = True, False
        replica.copies.clear()
        if self.replication.after_stop is AfterStop.FAILED:
            replica.failed = Reason.NAME


def _take_values(copy: Secret, content: Content) -> None:
    for version, (created, value) in content.values.items():
        copy.versions.setdefault(version, Version(version, created)).value = value
    copy.description, tags, copy.policy = content.beside
    copy.tags = dict(tags)


def _take_labels(copy: Secret, content: Content, now: datetime, *, unlabelled: bool) -> None:
    for version in content.labels.values():
        copy.versions.setdefault(version, Version(version, now))
    copy.labels = dict(content.labels)
    if not unlabelled:
        held = set(copy.labels.values()) | content.values.keys()
        copy.versions = {version: it for version, it in copy.versions.items() if version in held}
