"""The emulated Parameter Store with one parameter, and stores of it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from rotation.model import Deadline
from rotation.stores.parameter_store import Clients, ParameterStore
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import Ticking
from tests.support.memory.observer import Warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARAMETER = "/app/db"


@pytest.fixture
def parameters() -> Iterator[EmulatedParameterStore]:
    """Start the emulated service, with one parameter under a key of its own."""
    with EmulatedParameterStore(clock=Ticking()) as running:
        running.state.keys.add("alias/own")
        request = {"Name": PARAMETER, "Value": "canary-1", "Type": "SecureString", "KeyId": "alias/own"}
        running.execute("PutParameter", request | {"AllowedPattern": "canary-.*", "Description": "the database's"})
        yield running


def looking() -> Deadline:
    """Return a time in which nothing that was seen counts at the next look: a minute passes at each."""
    minutes = itertools.count(step=60)
    return Deadline(10**6, lambda: float(next(minutes)))


@pytest.fixture
def observer() -> Warnings:
    return Warnings()


@pytest.fixture
def new_store(parameters: EmulatedParameterStore, observer: Warnings) -> Callable[[], ParameterStore]:
    """Make stores as other processes have them; their client tries once, so that it serves for both."""
    client = parameters.client()
    return lambda: ParameterStore(
        Clients(client, client),
        PARAMETER,
        observer,
        looking(),
        sleep=lambda _seconds: None,
    )


@pytest.fixture
def kept(new_store: Callable[[], ParameterStore]) -> ParameterStore:
    return new_store()
