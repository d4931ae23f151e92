"""The fake store keeps the promises of a store."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.contract.store_contract import FIRST, StoreContract
from tests.support.memory.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping


class MemoryLab:
    """A MemoryStore from behind."""

    def __init__(self, *, keeps_pending: bool) -> None:
        self.store = MemoryStore(keeps_pending=keeps_pending)
        self.keeps_pending = keeps_pending
        self.first = self.store.begin(FIRST)
        self.arn = self.store.arn
        self.begin_rotation = self.store.rotate
        self.store_current = self.store.begin
        self.abandon = self.store.abandon

    def create_admin(self, value: str, tags: Mapping[str, str]) -> str:
        arn = f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{uuid.uuid4()}"
        self.store.admins[arn] = value
        self.store.tags[arn] = dict(tags)
        return arn

    def labels(self) -> Mapping[str, str]:
        return {label: version for version, held in self.store.stages.items() for label in held}


@pytest.fixture(params=[False, True], ids=["pending removed", "pending kept"])
def lab(request: pytest.FixtureRequest) -> MemoryLab:
    """Set the lab up, in both modes of the service."""
    return MemoryLab(keeps_pending=request.param)


class TestMemoryStore(StoreContract):
    """Run the specification."""
