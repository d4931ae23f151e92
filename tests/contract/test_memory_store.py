"""The fake store keeps the promises of a store."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.contract.store_contract import FIRST, StoreContract, Swap
from tests.support.emulators.secretsmanager.worlds import WORLDS
from tests.support.memory.copying import Copying
from tests.support.memory.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.emulators.secretsmanager.worlds import World


AWAY = "eu-central-1"


class MemoryLab:
    """A MemoryStore from behind."""

    swap = Swap.EXACT
    warnings = 0

    def __init__(self, world: World) -> None:
        self.store = MemoryStore(world=world)
        self.world = world
        self.first = self.store.begin(FIRST)
        self.arn = self.store.arn
        self.begin_rotation = self.store.rotate
        self.store_current = self.store.begin
        self.abandon = self.store.abandon

    def interject(self, value: str) -> None:
        def effect(name: str, phase: str) -> None:
            if (name, phase) == ("promote", "before"):
                self.store.effect = lambda _name, _phase: None
                self.store.begin(value)

        self.store.effect = effect

    def roll_back(self) -> str:
        self.store.roll_back()
        return self.labels()["AWSCURRENT"]

    def create_admin(self, value: str, tags: Mapping[str, str]) -> str:
        arn = f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{uuid.uuid4()}"
        self.store.admins[arn] = value
        self.store.tags[arn] = dict(tags)
        return arn

    def labels(self) -> Mapping[str, str]:
        return {label: version for version, held in self.store.stages.items() for label in held}

    def add_replica(self) -> str:
        Copying(self.store, AWAY)
        return AWAY

    def fail_replica(self, region: str) -> None:
        assert region == AWAY
        self.store.copying[region].failed = True


@pytest.fixture(params=WORLDS)
def lab(request: pytest.FixtureRequest) -> MemoryLab:
    """Set the lab up, in every world of the service."""
    return MemoryLab(WORLDS[request.param])


class TestMemoryStore(StoreContract):
    """Run the specification."""
