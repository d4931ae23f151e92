"""A secret's mirror, from Secrets Manager's events to the parameter, on both emulated services."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rotation.errors import RotationError
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.unit.entrypoints.test_secrets_manager import Context, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "/mirrors/orders/database"


@pytest.fixture
def mirrored(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Scene, EmulatedParameterStore]]:
    """Let a secret of two users name a parameter that follows it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with EmulatedSecretsManager() as secrets, EmulatedParameterStore() as parameters:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", parameters.url)
        scene = Scene(secrets, MIRROR_PATH="/mirrors")
        value = json.dumps({**scene.current(), "rotation": {"mirror": NAME}})
        secrets.execute("PutSecretValue", {"SecretId": "app", "SecretString": value, "ClientRequestToken": "1" * 32})
        request = {"Name": NAME, "Value": "-", "Type": "SecureString", "Description": scene.arn}
        parameters.execute("PutParameter", request)
        yield scene, parameters


def test_it_follows(mirrored: tuple[Scene, EmulatedParameterStore], capsys: pytest.CaptureFixture[str]) -> None:
    """An operator begins it, each rotation goes on; no password is in the log."""
    scene, parameters = mirrored
    scene.handler({"Step": "syncMirrors", "SecretId": scene.arn}, Context())
    assert parameters.value(NAME) == scene.emulator.value("app")
    for _ in range(2):
        assert scene.player.rotate("app").succeeded
        assert parameters.value(NAME) == scene.emulator.value("app")
    log = capsys.readouterr().out
    assert scene.current()["password"] not in log
    assert '"MirroringSucceeded":[1' in log.replace(" ", "")


def test_a_mirror_that_cannot_be_written(
    mirrored: tuple[Scene, EmulatedParameterStore], capsys: pytest.CaptureFixture[str]
) -> None:
    """The operator is told; a rotation that is done has succeeded, with a metric."""
    scene, parameters = mirrored
    scene.handler({"Step": "syncMirrors", "SecretId": scene.arn}, Context())
    parameters.faults.deny("PutParameter")
    assert scene.player.rotate("app").succeeded
    assert '"MirrorBehind":[1' in capsys.readouterr().out.replace(" ", "")
    with pytest.raises(RotationError, match="PutParameter was denied"):
        scene.handler({"Step": "syncMirrors", "SecretId": scene.arn}, Context())
