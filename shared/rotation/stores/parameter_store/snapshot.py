"""What is seen of a parameter and its journal at an instant, as Secrets Manager's labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rotation.errors import StoreError
from rotation.model import Stage
from rotation.stores.parameter_store import layouts
from rotation.stores.parameter_store.journal import Token
from rotation.stores.parameter_store.parameters import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.stores.parameter_store.journal import Journal, Live
    from rotation.stores.parameter_store.layouts import Layout


@dataclass(frozen=True)
class Snapshot:
    """A parameter and its journal at an instant."""

    live: Live
    journal: Journal
    pending: Token | None
    layout: Layout
    numbered: Callable[[Live, int], str]
    """Reads the value of an older version; that can take a call."""

    @cached_property
    def current(self) -> str:
        """Return the id of AWSCURRENT."""
        return self.journal.id_of(self.live.number, self.live.value, self.published)

    @property
    def repeated(self) -> int | None:
        """Return the version that had AWSCURRENT's value before, where another value of ours came after it."""
        token, journal = Token.parse(self.current), self.journal
        if token is None:
            return None
        others = journal.entries.keys() - journal.over
        came = any(it[1:] > token[1:] and it.number < self.live.number for it in others)
        return token.number + 1 if came else None

    def id_of(self, number: int) -> str:
        """Return the id of an older version; its value is read where the journal may know it."""
        known = any(token.number < number for token in self.journal.entries)
        return self.journal.id_of(number, self.numbered(self.live, number), self.published) if known else f"v{number}"

    def published(self, entry: str) -> str | None:
        """Return what the parameter would hold for an entry."""
        return layouts.published(self.layout, entry)

    def form(self, document: str, where: str) -> str:
        """Return what the parameter is to hold: never a document where readers expect another. Raises StoreError."""
        form = self.published(document)
        if form is None:
            raise StoreError(
                "The new value cannot be written in the form that the parameter has",
                where=where,
                remedy="Nothing was changed in it. See in the history who changed its form, then rotate again.",
            )
        return form

    @cached_property
    def document(self) -> str:
        """Return AWSCURRENT's value."""
        token, journal = Token.parse(self.current), self.journal
        own = journal.entries.get(token) if token else None
        return layouts.recorded(self.layout, self.live.value, own, journal.last_entry())

    @cached_property
    def previous(self) -> str | None:
        """Return the id of AWSPREVIOUS, the newest other version before: somebody may have put the same value again."""
        others = (self.id_of(number) for number in range(self.live.number - 1, max(self.live.number - VERSIONS, 0), -1))
        return next((it for it in others if it != self.current), None)

    def holder(self, stage: Stage) -> str | None:
        """Return the version with that label."""
        if stage is Stage.CURRENT:
            return self.current
        if stage is Stage.PREVIOUS:
            return self.previous
        return str(self.pending) if self.pending else None

    def labels_of(self, version: str) -> frozenset[str]:
        """Return a version's labels; of the current and the pending one it is known that AWSPREVIOUS is none."""
        ours = {label for label, bearer in self.journal.marked() if bearer == version}
        for stage in (Stage.CURRENT, Stage.PENDING, Stage.PREVIOUS):
            if version == self.holder(stage):
                return frozenset({*ours, stage})
        return frozenset(ours)


class Stages(Mapping[str, frozenset[str]]):
    """The labels of all versions, each told when it is asked for."""

    def __init__(self, seen: Snapshot) -> None:
        """Tell what that snapshot shows."""
        self._seen = seen

    def __getitem__(self, version: str) -> frozenset[str]:
        """Return a version's labels. Raises KeyError where it has none."""
        if labels := self._seen.labels_of(version):
            return labels
        raise KeyError(version)

    def __iter__(self) -> Iterator[str]:
        """Return the versions that bear a label, the current one first."""
        held = [self._seen.holder(stage) for stage in (Stage.CURRENT, Stage.PENDING, Stage.PREVIOUS)]
        ours = [version for _, version in self._seen.journal.marked()]
        return iter(dict.fromkeys(version for version in [*held, *ours] if version is not None))

    def __len__(self) -> int:
        """Count them."""
        return sum(1 for _ in self)
