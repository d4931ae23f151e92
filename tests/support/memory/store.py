"""A secret store that lives in this process, for the crash tests and as the store's other implementation."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rotation.errors import StoreError, StoreUnavailable, VersionNotFound
from rotation.model import LAST_REFUSED, LATE_CUTOVER, SEARCHING, Replica, Stage, StoredVersion, Versions, region_of
from tests.support.arns import moved
from tests.support.emulators.secretsmanager.worlds import (
    RECORDED,
    DryRunValue,
    PendingAfterFinish,
    PendingLeftBehind,
    RepeatedPut,
    World,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.support.memory.copying import Copying


@dataclass
class MemoryStore:
    """The versions of one secret, and other secrets beside it; ``effect`` is called around every operation."""

    arn: str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
    values: dict[str, str] = field(default_factory=dict)
    stages: dict[str, set[str]] = field(default_factory=dict)
    admins: dict[str, str] = field(default_factory=dict)
    resolves: dict[str, str] = field(default_factory=dict)
    """Names without their suffix, and the ARNs that the service takes them for."""
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    effect: Callable[[str, str], None] = lambda _name, _phase: None
    world: World = RECORDED
    """What the service does where that is not known; it says the same in the emulated one (``worlds``)."""
    abandons: bool = False
    """
    Whether a person's put ends a rotation under way (user guide, CloudTrail entries, "RotationAbandoned").

    It ends what the service knows of. A rotation that was cancelled keeps AWSPENDING (API reference,
    CancelRotateSecret), and its steps may still arrive: the harder case, and so the usual one here.
    """
    primary_region: str = ""
    replicas: dict[str, Replica] = field(default_factory=dict)
    """By Region, what the primary says of each."""
    served: dict[str, str | None] = field(default_factory=dict)
    """By Region, the version that a replica has AWSCURRENT on; a Region that is not here cannot be asked."""
    copying: dict[str, Copying] = field(default_factory=dict)
    """By Region, replicas that follow by themselves, with the delay that each has."""
    mutex: threading.RLock = field(default_factory=threading.RLock)

    def begin(self, value: str) -> str:
        """Store a first AWSCURRENT, as a person does."""
        version = str(uuid.uuid4())
        self.values[version] = value
        if self.abandons and self.holder(Stage.PENDING) != self.holder(Stage.CURRENT):
            self.abandon()
        self._move(Stage.CURRENT, version, by_put=True)
        return version

    def put(self, value: str, label: str) -> str:
        """Store a value under any label (API reference, PutSecretValue, VersionStages), as whoever may write can."""
        if label == Stage.CURRENT:
            return self.begin(value)
        version = str(uuid.uuid4())
        self.values[version] = value
        for held in self.stages.values():
            held.discard(label)
        self.stages[version] = {label}
        return version

    def rotate(self) -> str:
        """Stage an empty version, as the service does, and give its token."""
        token = str(uuid.uuid4())
        self._move(Stage.PENDING, token)
        return token

    def begin_dry_run(self) -> str:
        """Stage the temporary version of RotateImmediately=false."""
        token = self.rotate()
        if self.world.dry_run_value is DryRunValue.COPY:
            self.values[token] = self.value_at(Stage.CURRENT)
        return token

    def end_dry_run(self, token: str) -> None:
        """Remove the temporary version (API reference, RotateSecret, RotateImmediately)."""
        self.stages.pop(token, None)
        self.values.pop(token, None)

    def roll_back(self) -> None:
        """Move AWSCURRENT back to AWSPREVIOUS's version, as an operator does, and nothing else."""
        self._move(Stage.CURRENT, self.holder(Stage.PREVIOUS) or "")

    def abandon(self) -> None:
        """Take AWSPENDING off, as an operator does."""
        for stages in self.stages.values():
            stages.discard(Stage.PENDING)

    def holder(self, stage: Stage) -> str | None:
        """Return the version with the label."""
        return next((version for version, held in self.stages.items() if stage in held), None)

    def value_at(self, stage: Stage) -> str:
        """Read without being counted."""
        return self.values[self.holder(stage) or ""]

    def describe(self) -> Versions:
        """Read the labels."""
        with self._call("describe"):
            labelled = {version: frozenset(held) for version, held in self.stages.items() if held}
            replicas = (*self.replicas.values(), *(it.listed() for it in self.copying.values()))
            home = self.primary_region or (region_of(self.arn) if replicas else "")
            return Versions(self.arn, labelled, primary_region=home, replicas=replicas)

    def describe_replica(self, region: str) -> Versions:
        """Read a replica's labels."""
        with self._call("describe_replica"):
            if region in self.copying and not self.copying[region].silent:
                return self.copying[region].versions()
            if region not in self.served:
                raise StoreUnavailable("There is no way to that Region", where=region)
            version = self.served[region]
            stages = {version: frozenset({Stage.CURRENT})} if version else {}
            return Versions(moved(self.arn, region), stages, primary_region=region_of(self.arn))

    def replicate(self, replica: Replica) -> None:
        """Begin to copy, to a Region where that had failed or that has no replica yet."""
        with self._call("replicate"):
            if replica.region in self.copying:
                self.copying[replica.region].again()
            else:
                self.replicas[replica.region] = Replica(replica.region, "InProgress", kms_key=replica.kms_key)

    def read(self, stage: Stage | None = None, version: str | None = None) -> StoredVersion:
        """Read a version."""
        with self._call("read"):
            wanted = version if version is not None else self.holder(stage) if stage else None
            held = self.stages.get(wanted or "", set())
            if wanted not in self.values or (stage is not None and stage not in held):
                raise VersionNotFound("There is no such version", where=self.arn)
            return StoredVersion(self.arn, wanted, frozenset(held), self.values[wanted])

    def stage_pending(self, token: str, value: str) -> bool:
        """Store the pending value once."""
        with self._call("stage_pending"):
            if token in self.values and self.values[token] != value:
                return False
            if token in self.values and self.world.repeated_put is RepeatedPut.NOTHING:
                return True
            self.values[token] = value
            self._move(Stage.PENDING, token)
            return True

    def promote(self, token: str, replacing: str) -> None:
        """Move AWSCURRENT."""
        with self._call("promote"):
            if self.holder(Stage.CURRENT) != replacing:
                raise StoreError("AWSCURRENT is on another version", where=self.arn)
            if token not in self.values:
                raise VersionNotFound("There is no such version", where=self.arn)
            self._move(Stage.CURRENT, token)

    def label(self, token: str, label: str, leaving: str | None) -> None:
        """Move a label of our own, wherever it is."""
        del leaving
        with self._call("label"):
            for held in self.stages.values():
                held.discard(label)
            self.stages.setdefault(token, set()).add(label)

    def unstage(self, token: str) -> None:
        """Take AWSPENDING off."""
        with self._call("unstage"):
            self.stages.get(token, set()).discard(Stage.PENDING)

    def unlabelled(self) -> Sequence[str]:
        """List what lost its labels."""
        with self._call("unlabelled"):
            ours = {LAST_REFUSED, LATE_CUTOVER, SEARCHING}
            return [version for version in reversed(self.values) if self.stages.get(version, set()) <= ours]

    def rehearse(self, version: str, value: str) -> None:
        """Need no right."""
        with self._call("rehearse"):
            del version, value

    def read_admin(self, arn: str) -> StoredVersion:
        """Read an admin secret."""
        with self._call("read_admin"):
            arn = self.resolves.get(arn, arn)
            if arn not in self.admins:
                raise VersionNotFound("There is no such secret", where=arn)
            return StoredVersion(arn, "admin-version", frozenset({Stage.CURRENT}), self.admins[arn])

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """Read an admin secret's tags."""
        with self._call("tags_of"):
            return self.tags.get(arn, {})

    def _move(self, stage: Stage, version: str, *, by_put: bool = False) -> None:
        old = self.holder(stage)
        for held in self.stages.values():
            held.discard(stage)
            if stage is Stage.CURRENT:
                held.discard(Stage.PREVIOUS)
        if stage is Stage.CURRENT and old is not None:
            self.stages[old].add(Stage.PREVIOUS)
            if by_put or self.world.pending_left_behind is PendingLeftBehind.MOVE:
                self.stages[old].discard(Stage.PENDING)
        held = self.stages.setdefault(version, set())
        held.add(stage)
        if stage is Stage.CURRENT and self.world.pending_after_finish is PendingAfterFinish.REMOVED:
            held.discard(Stage.PENDING)

    def _call(self, name: str) -> _Call:
        return _Call(self, name)


@dataclass
class _Call:
    """One operation: counted, with a chance to fail before and after its effect."""

    store: MemoryStore
    name: str

    def __enter__(self) -> None:
        self.store.calls.append(self.name)
        self.store.effect(self.name, "before")
        self.store.mutex.acquire()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for copying in self.store.copying.values():
            copying.tick()
        self.store.mutex.release()
        if kind is None:
            self.store.effect(self.name, "after")
