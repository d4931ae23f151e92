"""Parameter Store keeps the promises of a store, against the emulated service in every world, and with stale reads."""

from __future__ import annotations

import itertools
import uuid
from typing import TYPE_CHECKING, NamedTuple

import pytest

from rotation.model import Deadline
from rotation.stores.parameter_store import Clients, ParameterStore
from rotation.stores.parameter_store.store import FRESH
from tests.contract.store_contract import FIRST, StoreContract, Swap
from tests.support.emulators.secretsmanager.worlds import PendingAfterFinish, World
from tests.support.emulators.ssm.model import arn_of
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.ssm.worlds import STRICT, WORLDS
from tests.support.emulators.wire.clock import Ticking
from tests.support.memory.observer import Warnings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_ssm import SSMClient


class Service(NamedTuple):
    """The emulated service, and a client of it."""

    emulator: EmulatedParameterStore
    client: SSMClient


class ServiceLab:
    """A parameter of the emulated service."""

    swap = Swap.DETECTED
    world = World(pending_after_finish=PendingAfterFinish.REMOVED)
    """The store's own: there are no labels that a service could leave behind."""

    def __init__(self, service: Service) -> None:
        self._emulator, self._client = service
        self._name = f"/app/{uuid.uuid4()}"
        self._seconds = itertools.count(step=2 * FRESH)
        """What others do shows at the next look, as it does in a few seconds at most."""
        self._observer = Warnings()
        self.arn = arn_of(self._name)
        self.first = self.store_current(FIRST)
        self.store = self._new_store()
        self._token = ""

    @property
    def warnings(self) -> int:
        return len(self._observer.warned)

    def _new_store(self) -> ParameterStore:
        clients = Clients(self._client, self._client)
        clock = self._seconds.__next__
        return ParameterStore(clients, self._name, self._observer, Deadline(10**6, clock), sleep=lambda _seconds: None)

    def begin_rotation(self) -> str:
        self._token = self.store.open_rotation()
        return self._token

    def store_current(self, value: str) -> str:
        self._emulator.state.stale = 0
        return f"v{self._emulator.put(self._name, value)}"

    def abandon(self) -> None:
        self._emulator.state.stale = 0
        home, _, rest = self._token.partition("-")
        flag = {"Name": f"/rotation/{home}/{rest}.over", "Value": "over", "Type": "String"}
        self._emulator.execute("PutParameter", flag)

    def interject(self, value: str) -> None:
        def hook(_number: int, operation: str, phase: str) -> None:
            if (operation, phase) == ("PutParameter", "before"):
                self._emulator.faults.revive()
                self.store_current(value)

        self._emulator.faults.watch(hook)

    def roll_back(self) -> str:
        return self.store_current(self._emulator.state.own(self._name).versions[-2].value)

    def create_admin(self, value: str, tags: Mapping[str, str]) -> str:
        name = f"/admins/{uuid.uuid4()}"
        self._emulator.put(name, value)
        self._emulator.state.own(name).tags.update(tags)
        return arn_of(name)

    def labels(self) -> Mapping[str, str]:
        """Look as another process does, which knows only what is stored."""
        self._emulator.state.stale = 0
        stages = self._new_store().describe().stages
        return {label: version for version, held in stages.items() for label in held}

    def add_replica(self) -> None:
        """Parameter Store copies nothing to other Regions (user guide: a parameter is of its Region)."""

    def fail_replica(self, region: str) -> None:
        raise NotImplementedError(region)


@pytest.fixture(scope="module", params=[*WORLDS, "reads are stale"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """Start the service in every world of its, and with reads that see nothing of the store's last write."""
    with EmulatedParameterStore(world=WORLDS.get(request.param, STRICT), clock=Ticking()) as emulator:
        emulator.state.stale_after = 0 if request.param in WORLDS else 2
        yield Service(emulator, emulator.client())


@pytest.fixture
def lab(service: Service) -> Iterator[ServiceLab]:
    """Set the lab up, with a parameter of its own."""
    yield ServiceLab(service)
    service.emulator.faults.clear()


class TestParameterStore(StoreContract):
    """Run the specification."""
