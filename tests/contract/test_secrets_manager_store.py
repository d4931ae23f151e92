"""The Secrets Manager store keeps the promises of a store, against the emulated service in every world."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, NamedTuple

import pytest

from rotation.stores.secrets_manager import SecretsManagerStore
from tests.contract.store_contract import FIRST, StoreContract, Swap
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.emulators.secretsmanager.replication import Reason
from tests.support.emulators.secretsmanager.worlds import WORLDS
from tests.support.emulators.wire.clock import Ticking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.support.emulators.secretsmanager.worlds import World

HOME, AWAY = "eu-west-1", "eu-central-1"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:rotation"


class Service(NamedTuple):
    """The emulated service in two Regions, a client in each, and its world."""

    regions: Regions
    clients: Mapping[str, SecretsManagerClient]
    world: World


class ServiceLab:
    """A secret of the emulated service."""

    swap = Swap.EXACT
    warnings = 0

    def __init__(self, service: Service) -> None:
        self._regions, clients, self.world = service
        self._emulator, self._name = self._regions[HOME], f"app-{_id()}"
        request = {"Name": self._name, "SecretString": FIRST, "ClientRequestToken": _id()}
        made = self._emulator.execute("CreateSecret", request)
        self.arn = str(made["ARN"])
        self.first = str(made["VersionId"])
        self.store = SecretsManagerStore(clients[HOME], self.arn, elsewhere=clients.__getitem__)

    def begin_rotation(self) -> str:
        token = _id()
        request = {"SecretId": self._name, "ClientRequestToken": token, "RotationLambdaARN": FUNCTION}
        self._emulator.execute("RotateSecret", request)
        return token

    def store_current(self, value: str) -> str:
        token = _id()
        request = {"SecretId": self._name, "SecretString": value, "ClientRequestToken": token}
        self._emulator.execute("PutSecretValue", request)
        return token

    def abandon(self) -> None:
        request = {"SecretId": self._name, "VersionStage": "AWSPENDING"}
        holder = self._emulator.labels(self._name)["AWSPENDING"]
        self._emulator.execute("UpdateSecretVersionStage", request | {"RemoveFromVersionId": holder})

    def interject(self, value: str) -> None:
        def hook(_number: int, operation: str, phase: str) -> None:
            if (operation, phase) == ("UpdateSecretVersionStage", "before"):
                self._emulator.faults.revive()
                self.store_current(value)

        self._emulator.faults.watch(hook)

    def roll_back(self) -> str:
        labels = self._emulator.labels(self._name)
        versions = {"RemoveFromVersionId": labels["AWSCURRENT"], "MoveToVersionId": labels["AWSPREVIOUS"]}
        self._emulator.execute(
            "UpdateSecretVersionStage", {"SecretId": self._name, "VersionStage": "AWSCURRENT", **versions}
        )
        return labels["AWSPREVIOUS"]

    def create_admin(self, value: str, tags: Mapping[str, str]) -> str:
        name = f"admin-{_id()}"
        request = {"Name": name, "SecretString": value, "ClientRequestToken": _id()}
        arn = str(self._emulator.execute("CreateSecret", request)["ARN"])
        self._emulator.state.any(name).tags.update(tags)  # a user cannot write tags that begin with aws:
        return arn

    def labels(self) -> Mapping[str, str]:
        return self._emulator.labels(self._name)

    def add_replica(self) -> str:
        self._emulator.execute(
            "ReplicateSecretToRegions", {"SecretId": self._name, "AddReplicaRegions": [{"Region": AWAY}]}
        )
        return AWAY

    def fail_replica(self, region: str) -> None:
        self._regions.fail(self._name, region, Reason.NETWORK)


def _id() -> str:
    return str(uuid.uuid4())


@pytest.fixture(scope="module", params=WORLDS)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """Start the service, in every world of its."""
    world = WORLDS[request.param]
    with Regions(HOME, AWAY, world=world, clock=Ticking()) as regions:
        yield Service(regions, {region: regions[region].client() for region in (HOME, AWAY)}, world)


@pytest.fixture
def lab(service: Service) -> Iterator[ServiceLab]:
    """Set the lab up, with a secret of its own."""
    yield ServiceLab(service)
    service.regions[HOME].faults.clear()


class TestSecretsManagerStore(StoreContract):
    """Run the specification."""
