"""The secret as it will read here: the store of a promotion, seen by what chooses and proves its credential."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rotation.credentials import secret_format

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.model import Stage, StoredVersion
    from rotation.promotion.ports import RegionalStore


class RelocatedStore:
    """A store whose versions name the database of this Region; nothing is written by that."""

    def __init__(self, store: RegionalStore, place: Mapping[str, Any]) -> None:
        """Stand before the store."""
        self._store, self._place = store, place

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever the store has
        """Do what the store does."""
        return getattr(self._store, name)

    def read(self, stage: Stage | None = None, version: str | None = None) -> StoredVersion:
        """Read one version, as it will read here."""
        found = self._store.read(stage, version)
        return replace(found, value=secret_format.relocated(found, self._place))

    def label(self, token: str, label: str, leaving: str | None) -> None:
        """Label nothing: a promotion begins no search that a retry would go on with."""
