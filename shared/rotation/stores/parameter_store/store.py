"""The labels of Secrets Manager, told from a parameter's versions and its journal; promotion is one put."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rotation.errors import StoreError, StoreUnavailable, VersionNotFound
from rotation.model import Stage, StoredVersion, Versions
from rotation.stores.parameter_store import refusals
from rotation.stores.parameter_store.admins import AdminCredentials
from rotation.stores.parameter_store.journal import OVER, PROBE, Journal, Token
from rotation.stores.parameter_store.live import LiveParameter, Publishing
from rotation.stores.parameter_store.parameters import Busy, Clients, Parameters
from rotation.stores.parameter_store.snapshot import Snapshot, Stages
from rotation.stores.parameter_store.tries import TRIES, Tries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rotation.model import Deadline, Replica
    from rotation.ports import Observer
    from rotation.stores.parameter_store.journal import Live

ROOT: Final = "/rotation"
"""Where the journals stand: never below an application's path, whose readers would take them for configuration."""

FRESH: Final = 5.0
"""Seconds for which a look counts: as long as the core relies upon one (``pending_version.UNSEEN``), and no longer."""


@dataclass
class _Look:
    """What was read last, and when."""

    live: Live
    journal: Journal
    at: float


class ParameterStore:
    """
    One parameter, and read access to admin credentials in others.

    A store is made for one invocation: what it wrote itself it knows, whatever a stale read shows. What it read counts
    for ``FRESH`` seconds. Labels are always read anew, and so is the parameter itself before it is written.
    """

    def __init__(
        self,
        clients: Clients,
        name: str,
        observer: Observer,
        deadline: Deadline,
        *,
        root: str = ROOT,
        publishing: Publishing | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Bind the store to a parameter."""
        self._parameters = Parameters(clients)
        self._name = name
        self._root = root
        self._admins = AdminCredentials(self._parameters, clients.secrets)
        self._deadline = deadline
        self._tries = Tries(deadline, sleep)
        self._live = LiveParameter(self._parameters, name, observer, self._tries, publishing or Publishing())
        self._own = Journal()
        self._expected: Token | None = None
        self._seen: _Look | None = None
        self._opened = False

    def written_at(self) -> float:
        """Return when the newest version was written, in seconds since 1970 by the service's clock."""
        return self._look().live.stamp / 1000

    def under_way(self) -> bool:
        """Return whether a rotation was begun from the newest version, and is not over."""
        return self._look().pending is not None

    def has_late_value(self) -> bool:
        """Return whether a run that was frozen wrote the newest version, over one that had replaced its value."""
        seen = self._look()
        return self._live.by_the_same(seen.live, seen.repeated)

    def has_constant_names(self) -> bool:
        """Return whether user and password are two parameters, which must not change both."""
        return self._look().layout.constant_names

    def look_again(self) -> None:
        """Let what follows begin with a look of its own at the parameter."""
        self._look_at_live()

    def open_rotation(self) -> str:
        """Return the token of the rotation that is under way, or else of the one that begins now."""
        seen = self._look()
        self._opened = True
        if seen.pending is None:
            attempts = seen.journal.attempts(seen.live)
            self._expected = seen.live.token(1 + max((token.attempt for token in attempts), default=0))
        return str(seen.pending or self._expected)

    def describe(self) -> Versions:
        """
        Tell the labels from the newest version and the journal, read anew: two calls, and one for AWSPREVIOUS if asked.

        The one exception is the first time after the rotation was opened, which is what was just seen.
        """
        if not self._opened:
            self._seen = None
        self._opened = False
        seen = self._look()
        return Versions(seen.live.arn, Stages(seen))

    def describe_replica(self, region: str) -> Versions:
        """Raise StoreError: Parameter Store copies no parameter to another Region."""
        raise refusals.no_replicas(self._name, region)

    def replicate(self, replica: Replica) -> None:
        """Raise StoreError, for the same reason."""
        raise refusals.no_replicas(self._name, replica.region)

    def read(self, stage: Stage | None = None, version: str | None = None) -> StoredVersion:
        """Read one version by its label, its id, or both."""
        seen = self._look()
        holder = seen.holder(stage) if stage is not None else None
        wanted = version or holder
        if wanted is None or (stage is not None and holder != wanted):
            raise VersionNotFound(
                "The parameter has no such version", where=self._name, remedy="Run createSecret first."
            )
        return StoredVersion(seen.live.arn, wanted, seen.labels_of(wanted), self._value(seen, wanted))

    def stage_pending(self, token: str, value: str) -> bool:
        """
        Create the token's entry with the key, tier and pattern of the parameter: AWS itself judges the value.

        What the live parameter would refuse afterwards is refused here, before a database is touched.
        """
        self._opened = False
        seen, entry = self._look(), self._token(token)
        if entry in seen.journal.entries:
            return seen.journal.entries[entry] == value
        if entry[:3] != seen.live.token(1)[:3]:
            raise StoreError(
                f"The token was made from version {entry.number}, and the parameter has version {seen.live.number} now",
                where=self._name,
                remedy="Nothing was changed. Begin a new rotation.",
            )
        settings = self._judged(seen, value)
        self._live.let_labels_follow(seen.live, seen.live.number)
        self._tidy(seen)
        name = self._entry(entry)
        if not self._parameters.create(name, value, {**settings, "Description": f"Pending: {self._name}"}):
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
        for again in self._tries:
            seen = self._look_at_live()
            if again and seen.current == token:
                return
            if seen.current != replacing:
                raise StoreError(
                    "AWSCURRENT is on another version", where=self._name, remedy="Look who wrote the parameter."
                )
            value = self._value(seen, token)
            seen.layout.require_publishable(value, seen.document)
            try:
                self._live.publish(seen.live, seen.form(value, self._name))
            except Busy:
                continue
            finally:
                self._seen = None
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
        if entry is None or entry.home != self._look().live.home:
            return
        self._parameters.note(f"{self._entry(entry)}{OVER}", "over")
        self._own.over.add(entry)

    def unlabelled(self) -> Sequence[str]:
        """Return what is left over, newest first: entries of the journal, then older versions of the parameter."""
        seen = self._look()
        labelled = {seen.holder(stage) for stage in Stage}
        entries = sorted(seen.journal.entries, key=lambda token: token[1:], reverse=True)
        numbers = [it.number for it in self._parameters.history(self._name) if it.number < seen.live.number - 1]
        older = [seen.id_of(number) for number in reversed(numbers)]
        return [it for it in dict.fromkeys([*map(str, entries), *older]) if it not in labelled]

    def rehearse(self, version: str, value: str) -> None:
        """
        Let the service judge the value in the journal, and prove the right to write the parameter.

        That is by a put that must be refused, since it creates.
        """
        self.read(version=version)
        seen = self._look()
        live, settings = seen.live, self._judged(seen, value)
        if self._parameters.create(self._name, live.value, self._live.settings(live).settings):
            raise StoreError(
                "Somebody deleted the parameter just now; it was made again with its last value",
                where=self._name,
                remedy="Delete it again if it is to go, and end its rotation.",
            )
        self._live.try_value(value, settings, self._probe(live))

    def read_admin(self, arn: str) -> StoredVersion:
        """Read an admin credential: a parameter's newest version, or a secret's AWSCURRENT, by whichever way."""
        return self._admins.read(arn)

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """Read the tags of an admin credential."""
        return self._admins.tags(arn)

    def _look(self) -> Snapshot:
        """Look at the parameter and its journal; what was seen just now counts."""
        if self._seen is None or self._deadline.elapsed() - self._seen.at >= FRESH:
            at, live = self._deadline.elapsed(), self._live.read()
            self._seen = _Look(live, self._parameters.journal(f"{self._root}/{live.home}", live.home), at)
        live, journal = self._seen.live, self._seen.journal
        journal.update(self._own)
        pending, layout = journal.pending(live, self._expected), self._live.layout(live, live.number)
        return Snapshot(live, journal, pending, layout, self._live.numbered)

    def _look_at_live(self) -> Snapshot:
        """Read the parameter anew; where it is the version that was seen, its journal counts still."""
        live = self._live.read()
        if self._seen is not None and self._seen.live != live:
            self._seen = None
        return self._look()

    def _value(self, seen: Snapshot, version: str) -> str:
        if version == seen.current:
            return seen.document
        token = Token.parse(version)
        if token in seen.journal.entries:
            return seen.journal.entries[token]
        number = version.removeprefix("v")
        if not number.isdecimal():
            raise VersionNotFound("The journal has no such version", where=f"version {version} of {self._name}")
        return self._live.document(seen.live, int(number))

    def _judged(self, seen: Snapshot, value: str) -> Mapping[str, str]:
        """Return the settings of an entry with that value, once nothing is known that its put would be refused for."""
        seen.layout.require_publishable(value, seen.document)
        if "{{" in value:
            raise refusals.reference(self._name)
        return self._live.judged(seen.live, seen.form(value, self._name), value, self._probe(seen.live))

    def _tidy(self, seen: Snapshot) -> None:
        old = seen.journal.outdated(seen.live, seen.current)[:10]
        if old:
            self._parameters.delete([self._place(seen.live.home, name) for name in old])

    def _token(self, token: str) -> Token:
        entry = Token.parse(token)
        if entry is None:
            raise VersionNotFound("The token is none of this parameter's", where=f"version {token} of {self._name}")
        return entry

    def _entry(self, token: Token) -> str:
        return self._place(token.home, str(token).partition("-")[2])

    def _probe(self, live: Live) -> str:
        """Return a name that nobody had: one that was deleted rests (API reference, DeleteParameters: 30 seconds)."""
        return self._place(live.home, f"{PROBE}{secrets.token_hex(8)}")

    def _place(self, home: str, name: str) -> str:
        return f"{self._root}/{home}/{name}"
