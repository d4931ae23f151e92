"""The record of AWS calls, and its comparison with the roles."""

from __future__ import annotations

import json

import pytest

from rotation.stores.secrets_manager import SecretsManagerStore
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.template import calls


def test_a_call_of_the_library_is_noted_and_one_of_a_test_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    made: set[str] = set()
    monkeypatch.setattr(calls, "MADE", made)
    with EmulatedSecretsManager() as emulator:
        client = emulator.client()
        arn = client.create_secret(Name="orders", SecretString=json.dumps({}))["ARN"]
        SecretsManagerStore(client, arn).describe()
    assert made == {"secretsmanager:DescribeSecret"}


def test_what_is_granted_and_called_is_no_complaint() -> None:
    assert calls.complaints(calls.granted(), calls.granted()) == []


@pytest.mark.parametrize("action", sorted(calls.granted()))
def test_a_permission_too_few_and_one_too_many_are_complaints(action: str) -> None:
    (too_few,) = calls.complaints(calls.granted(), calls.granted() - {action})
    (too_many,) = calls.complaints(calls.granted() - {action}, calls.granted())
    assert too_few.startswith("called, and no role grants it")
    assert too_many.startswith("granted, and no test made the library call it")
    assert action in too_few
    assert action in too_many
