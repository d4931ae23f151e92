"""The labels of Secrets Manager, told from a parameter's versions and its journal; promotion is one put."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rotation.errors import StoreError, StoreUnavailable, VersionNotFound
from rotation.model import Stage, StoredVersion, Versions
from rotation.stores.parameter_store.journal import OVER, Journal, Snapshot, Token
from rotation.stores.parameter_store.live import PAUSE, TRIES, LiveParameter
from rotation.stores.parameter_store.parameters import Busy, Parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_ssm.client import SSMClient

    from rotation.model import Replica
    from rotation.ports import Observer
    from rotation.stores.parameter_store.journal import Live

ROOT: Final = "/rotation"
"""Where the journals stand: never below an application's path, whose readers would take them for configuration."""


class ParameterStore:
    """
    One parameter, and read access to admin credentials in others.

    A store is made for one rotation: what it wrote itself it knows, whatever a stale read shows.
    """

    def __init__(
        self,
        client: SSMClient,
        single_try: SSMClient,
        name: str,
        observer: Observer,
        *,
        root: str = ROOT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Bind the store to a parameter; ``single_try`` is a client that never repeats a request by itself."""
        self._parameters = Parameters(client, single_try)
        self._name = name
        self._root = root
        self._sleep = sleep
        self._live = LiveParameter(self._parameters, name, observer, sleep)
        self._own = Journal()
        self._expected: Token | None = None

    def open_rotation(self) -> str:
        """Return the token of the rotation that is under way, or else of the one that begins now."""
        seen = self._look()
        if seen.pending is None:
            attempts = seen.journal.attempts(seen.live)
            self._expected = seen.live.token(1 + max((token.attempt for token in attempts), default=0))
        return str(seen.pending or self._expected)

    def describe(self) -> Versions:
        """Tell the labels from the newest version and the journal: two calls or three."""
        seen = self._look()
        return Versions(seen.live.arn, seen.stages())

    def describe_replica(self, region: str) -> Versions:
        """Raise StoreError: Parameter Store copies no parameter to another Region."""
        raise _no_replicas(self._name, region)

    def replicate(self, replica: Replica) -> None:
        """Raise StoreError, for the same reason."""
        raise _no_replicas(self._name, replica.region)

    def read(self, stage: Stage | None = None, version: str | None = None) -> StoredVersion:
        """Read one version by its label, its id, or both."""
        seen = self._look()
        stages = seen.stages()
        holder = next((held for held, labels in stages.items() if stage in labels), None)
        wanted = version or holder
        if wanted is None or (stage is not None and holder != wanted):
            raise VersionNotFound(
                "The parameter has no such version", where=self._name, remedy="Run createSecret first."
            )
        return StoredVersion(seen.live.arn, wanted, stages.get(wanted, frozenset()), self._value(seen, wanted))

    def stage_pending(self, token: str, value: str) -> bool:
        """
        Create the token's entry with the key, tier and pattern of the parameter: AWS itself judges the value.

        What the live parameter would refuse afterwards is refused here, before a database is touched.
        """
        seen, entry = self._look(), self._token(token)
        if entry in seen.journal.entries:
            return seen.journal.entries[entry] == value
        if "{{" in value:
            raise StoreError(
                "The new value holds two opening braces in a row, which Parameter Store takes for a reference",
                where=self._name,
                remedy="Nothing was changed, and a retry makes another password. Exclude { from passwords.",
                retryable=True,
            )
        if entry[:3] != seen.live.token(1)[:3]:
            raise StoreError(
                f"The token was made from version {entry.number}, and the parameter has version {seen.live.number} now",
                where=self._name,
                remedy="Nothing was changed. Begin a new rotation.",
            )
        settings = self._live.settings(seen.live)
        self._tidy(seen)
        name = self._entry(entry)
        if not self._parameters.create(name, value, {**settings.settings, "Description": f"Pending: {self._name}"}):
            self._own.entries[entry] = self._live.written(name)
            return self._own.entries[entry] == value
        self._own.entries[entry] = value
        return True

    def promote(self, token: str, replacing: str) -> None:
        """
        Put the token's value on the parameter where ``replacing`` is seen to be AWSCURRENT.

        The service has no conditional overwrite. The number that it answers tells whether somebody wrote in between:
        their value was newest for an instant, ours is now, and the observer is warned.
        """
        for again in range(TRIES):
            seen = self._look()
            if again and seen.current == token:
                return
            if seen.current != replacing:
                raise StoreError(
                    "AWSCURRENT is on another version", where=self._name, remedy="Look who wrote the parameter."
                )
            value = self._value(seen, token)
            try:
                self._live.publish(seen.live, value)
            except Busy:
                self._sleep(PAUSE)
            else:
                return
        raise StoreUnavailable(
            "PutParameter was refused: others were just writing it (TooManyUpdates)",
            where=self._name,
            remedy="Retry later. See that nothing else writes the parameter all the time.",
        )

    def label(self, token: str, label: str, leaving: str | None) -> None:
        """Note that a label of our own is on that version now: a note with a higher number counts."""
        del leaving
        seen = self._look()
        first = seen.journal.last_mark(label) + 1
        for number in range(first, first + TRIES):
            if self._parameters.note(self._place(seen.live.home, f"{label}.{number}"), token):
                self._own.marks[label, number] = token
                return
        raise StoreUnavailable("Others were just noting the same", where=self._name, remedy="Retry later.")

    def unstage(self, token: str) -> None:
        """Note that the token is over; its value stays, and can be read."""
        entry = Token.parse(token)
        if entry is None or entry.home != self._live.read().home:
            return
        self._parameters.note(f"{self._entry(entry)}{OVER}", "over")
        self._own.over.add(entry)

    def unlabelled(self) -> Sequence[str]:
        """Return what is left over, newest first: entries of the journal, then older versions of the parameter."""
        seen = self._look()
        labelled = {version for version, labels in seen.stages().items() if labels & set(Stage)}
        entries = sorted(seen.journal.entries, key=lambda token: token[1:], reverse=True)
        numbers = [it.number for it in self._parameters.history(self._name) if it.number < seen.live.number - 1]
        older = [self._id_of(seen.live, seen.journal, number) for number in reversed(numbers)]
        return [it for it in dict.fromkeys([*map(str, entries), *older]) if it not in labelled]

    def check_labels(self, version: str) -> None:
        """Prove the right to write the parameter by a put that must be refused, because it creates alone."""
        self.read(version=version)
        live = self._live.read()
        if self._parameters.create(self._name, live.value, self._live.settings(live).settings):
            raise StoreError(
                "Somebody deleted the parameter just now; it was made again with its last value",
                where=self._name,
                remedy="Delete it again if it is to go, and end its rotation.",
            )

    def read_admin(self, arn: str) -> StoredVersion:
        """Read another parameter's newest version."""
        found, number, value = self._parameters.value(arn)
        return StoredVersion(found, f"v{number}", frozenset({Stage.CURRENT}), value)

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """Read another parameter's tags."""
        return self._parameters.tags(arn.partition(":parameter")[2] or arn)

    def _look(self) -> Snapshot:
        live = self._live.read()
        journal = self._parameters.journal(f"{self._root}/{live.home}", live.home)
        journal.update(self._own)
        previous = self._id_of(live, journal, live.number - 1) if live.number > 1 else None
        return Snapshot(live, journal, previous, journal.pending(live, self._expected))

    def _id_of(self, live: Live, journal: Journal, number: int) -> str:
        """Return the id of an older version; its value is read where the journal may know it."""
        known = any(token.number < number for token in journal.entries)
        return journal.id_of(number, self._live.numbered(live, number)) if known else f"v{number}"

    def _value(self, seen: Snapshot, version: str) -> str:
        if version == seen.current:
            return seen.live.value
        token = Token.parse(version)
        if token in seen.journal.entries:
            return seen.journal.entries[token]
        number = version.removeprefix("v")
        if not number.isdecimal():
            raise VersionNotFound("The journal has no such version", where=f"version {version} of {self._name}")
        return self._live.numbered(seen.live, int(number))

    def _tidy(self, seen: Snapshot) -> None:
        old = seen.journal.outdated(seen.live)[:10]
        if old:
            self._parameters.delete([self._place(seen.live.home, name) for name in old])

    def _token(self, token: str) -> Token:
        entry = Token.parse(token)
        if entry is None:
            raise VersionNotFound("The token is none of this parameter's", where=f"version {token} of {self._name}")
        return entry

    def _entry(self, token: Token) -> str:
        return self._place(token.home, str(token).partition("-")[2])

    def _place(self, home: str, name: str) -> str:
        return f"{self._root}/{home}/{name}"


def _no_replicas(name: str, region: str) -> StoreError:
    return StoreError(
        "A parameter has no replicas",
        where=f"{name} in {region}",
        remedy="Copy it to the other Region by other means, and rotate it in one Region alone.",
    )
