"""The emulated Secrets Manager, in both legal ways of ending a rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.secretsmanager.worlds import PendingAfterFinish, World
from tests.support.emulators.wire.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_secretsmanager import SecretsManagerClient


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=PendingAfterFinish)
def emulator(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[EmulatedSecretsManager]:
    with EmulatedSecretsManager(world=World(pending_after_finish=request.param), clock=clock) as running:
        yield running


@pytest.fixture
def client(emulator: EmulatedSecretsManager) -> SecretsManagerClient:
    """Return a client of an account that holds the secret "app" with the value "one"."""
    client = emulator.client()
    client.create_secret(Name="app", SecretString="one", ClientRequestToken="1" * 32)
    return client
