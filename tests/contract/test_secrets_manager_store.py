"""The Secrets Manager store keeps the promises of a store, against the emulated service in every world."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from rotation.stores.secrets_manager import SecretsManagerStore
from tests.contract.store_contract import FIRST, StoreContract, Swap
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.emulators.secretsmanager.replication import Reason
from tests.support.emulators.secretsmanager.worlds import WORLDS
from tests.support.emulators.wire.clock import Ticking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.emulators.secretsmanager.worlds import World

NAME = "app"
HOME, AWAY = "eu-west-1", "eu-central-1"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:rotation"


class ServiceLab:
    """A secret of the emulated service."""

    swap = Swap.EXACT
    warnings = 0

    def __init__(self, regions: Regions, world: World) -> None:
        self._regions, self._emulator = regions, regions[HOME]
        emulator = self._emulator
        self.world = world
        made = emulator.execute("CreateSecret", {"Name": NAME, "SecretString": FIRST, "ClientRequestToken": _id()})
        self.arn = str(made["ARN"])
        self.first = str(made["VersionId"])
        self.store = SecretsManagerStore(emulator.client(), self.arn, elsewhere=lambda region: regions[region].client())

    def begin_rotation(self) -> str:
        token = _id()
        request = {"SecretId": NAME, "ClientRequestToken": token, "RotationLambdaARN": FUNCTION}
        self._emulator.execute("RotateSecret", request)
        return token

    def store_current(self, value: str) -> str:
        token = _id()
        request = {"SecretId": NAME, "SecretString": value, "ClientRequestToken": token}
        self._emulator.execute("PutSecretValue", request)
        return token

    def abandon(self) -> None:
        request = {"SecretId": NAME, "VersionStage": "AWSPENDING"}
        holder = self._emulator.labels(NAME)["AWSPENDING"]
        self._emulator.execute("UpdateSecretVersionStage", request | {"RemoveFromVersionId": holder})

    def interject(self, value: str) -> None:
        def hook(_number: int, operation: str, phase: str) -> None:
            if (operation, phase) == ("UpdateSecretVersionStage", "before"):
                self._emulator.faults.revive()
                self.store_current(value)

        self._emulator.faults.watch(hook)

    def roll_back(self) -> str:
        labels = self._emulator.labels(NAME)
        versions = {"RemoveFromVersionId": labels["AWSCURRENT"], "MoveToVersionId": labels["AWSPREVIOUS"]}
        self._emulator.execute("UpdateSecretVersionStage", {"SecretId": NAME, "VersionStage": "AWSCURRENT", **versions})
        return labels["AWSPREVIOUS"]

    def create_admin(self, value: str, tags: Mapping[str, str]) -> str:
        name = f"admin-{_id()}"
        request = {"Name": name, "SecretString": value, "ClientRequestToken": _id()}
        arn = str(self._emulator.execute("CreateSecret", request)["ARN"])
        self._emulator.state.any(name).tags.update(tags)  # a user cannot write tags that begin with aws:
        return arn

    def labels(self) -> Mapping[str, str]:
        return self._emulator.labels(NAME)

    def add_replica(self) -> str:
        self._emulator.execute("ReplicateSecretToRegions", {"SecretId": NAME, "AddReplicaRegions": [{"Region": AWAY}]})
        return AWAY

    def fail_replica(self, region: str) -> None:
        self._regions.fail(NAME, region, Reason.NETWORK)


def _id() -> str:
    return str(uuid.uuid4())


@pytest.fixture(params=WORLDS)
def lab(request: pytest.FixtureRequest) -> Iterator[ServiceLab]:
    """Set the lab up, in every world of the service."""
    world = WORLDS[request.param]
    with Regions(HOME, AWAY, world=world, clock=Ticking()) as regions:
        yield ServiceLab(regions, world)


class TestSecretsManagerStore(StoreContract):
    """Run the specification."""
