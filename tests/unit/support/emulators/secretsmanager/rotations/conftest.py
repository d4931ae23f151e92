"""A player of rotations, before the emulated Secrets Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.emulators.secretsmanager.minimal_function import MinimalFunction
from tests.support.emulators.secretsmanager.rotation import RotationPlayer

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager


@pytest.fixture
def client(emulator: EmulatedSecretsManager) -> SecretsManagerClient:
    """Return a client of an account that holds the secret "app" with a password."""
    client = emulator.client()
    client.create_secret(Name="app", SecretString='{"password": "zero"}', ClientRequestToken="1" * 32)
    return client


@pytest.fixture
def function(emulator: EmulatedSecretsManager) -> MinimalFunction:
    return MinimalFunction(emulator.client(access_key="function"))


@pytest.fixture
def player(emulator: EmulatedSecretsManager, client: SecretsManagerClient, function: MinimalFunction) -> RotationPlayer:
    assert client
    return RotationPlayer(emulator, function, caller="function")
