"""The emulated Parameter Store, with one parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_ssm import SSMClient


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def emulator(clock: ManualClock) -> Iterator[EmulatedParameterStore]:
    with EmulatedParameterStore(clock=clock) as running:
        running.state.keys.add("alias/own")
        yield running


@pytest.fixture
def client(emulator: EmulatedParameterStore) -> SSMClient:
    """Return a client of an account that holds "/app/db" with the value "one" under its own key."""
    client = emulator.client()
    client.put_parameter(Name="/app/db", Value="one", Type="SecureString", KeyId="alias/own")
    return client
