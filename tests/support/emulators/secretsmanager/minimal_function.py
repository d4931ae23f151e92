"""The smallest rotation function that keeps the contract, for tests of the emulator and the player."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_secretsmanager import SecretsManagerClient


class StepFailed(Exception):
    """What the function raises when it is told to fail."""


@dataclass
class MinimalFunction:
    """A rotation function that does nothing but keep the contract, and fails in `fails` steps."""

    client: SecretsManagerClient
    pass_rotation_token: bool = True
    events: list[dict[str, str]] = field(default_factory=list)
    fails: list[str] = field(default_factory=list)
    passwords: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self, event: dict[str, str]) -> None:
        """Take one event."""
        self.events.append(event)
        if event["Step"] in self.fails:
            raise StepFailed
        if event["Step"] == "createSecret":
            self._create(event)
        elif event["Step"] == "finishSecret":
            self._finish(event)

    def _create(self, event: dict[str, str]) -> None:
        value = self.value_for(event)
        token = {"RotationToken": event["RotationToken"]} if self.pass_rotation_token else {}
        try:
            self.client.put_secret_value(
                SecretId=event["SecretId"],
                ClientRequestToken=event["ClientRequestToken"],
                SecretString=value,
                VersionStages=["AWSPENDING"],
                **token,
            )
        except self.client.exceptions.ResourceExistsException:
            return

    def value_for(self, event: dict[str, str]) -> str:
        """Return the next value."""
        del event
        return json.dumps({"password": f"password-{next(self.passwords)}"})

    def _finish(self, event: dict[str, str]) -> None:
        versions = self.client.describe_secret(SecretId=event["SecretId"])["VersionIdsToStages"]
        current = next(version for version, labels in versions.items() if "AWSCURRENT" in labels)
        if current != event["ClientRequestToken"]:
            self.client.update_secret_version_stage(
                SecretId=event["SecretId"],
                VersionStage="AWSCURRENT",
                RemoveFromVersionId=current,
                MoveToVersionId=event["ClientRequestToken"],
            )

    @property
    def steps(self) -> list[str]:
        """Return the steps that arrived, in order."""
        return [event["Step"] for event in self.events]
