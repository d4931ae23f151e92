"""
What CloudFormation makes of a template's secrets, in the emulated Secrets Manager.

CloudFormation template reference, AWS::SecretsManager::Secret: `Ref` is the ARN, and GenerateSecretString puts what
GetRandomPassword answers into SecretStringTemplate. AWS::SecretsManager::SecretTargetAttachment: the connection
information of the database is added to the JSON. AWS::SecretsManager::RotationSchedule: RotateSecret with what it says.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from tests.support.template.cloudformation import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager

Resource = Any
"""The properties of a resource, resolved."""


class Made:
    """What a template made: the physical id of each resource, by its name there."""

    def __init__(self, emulator: EmulatedSecretsManager, place: Mapping[str, Any]) -> None:
        """Know the service, and what a database of the template would tell of its connection."""
        self._emulator, self._place = emulator, place
        self.ids: dict[str, str] = {}

    def make(self, template: dict[str, Any], parameters: Mapping[str, str]) -> None:
        """Make each resource, in the template's order: ours name nothing that comes later."""
        for name, resource in template["Resources"].items():
            stack = Stack(parameters, template, self.ids)
            kind, properties = resource["Type"], stack.resolved(resource["Properties"])
            self.ids[name] = self._makers[kind](properties)

    def value(self, name: str) -> dict[str, Any]:
        """Return the JSON of a secret."""
        return dict(json.loads(self._emulator.value(self.ids[name], "AWSCURRENT") or "{}"))

    @property
    def _makers(self) -> Mapping[str, Callable[[Resource], str]]:
        return {
            "AWS::RDS::DBInstance": lambda _: "database-1",
            "AWS::SecretsManager::Secret": self._secret,
            "AWS::SecretsManager::SecretTargetAttachment": self._attachment,
            "AWS::SecretsManager::RotationSchedule": self._schedule,
        }

    def _secret(self, properties: Resource) -> str:
        wanted = dict(properties["GenerateSecretString"])
        value, key = json.loads(wanted.pop("SecretStringTemplate")), wanted.pop("GenerateStringKey")
        value[key] = self._emulator.execute("GetRandomPassword", wanted)["RandomPassword"]
        return str(self._ask("CreateSecret", Name=properties["Name"], SecretString=json.dumps(value))["ARN"])

    def _attachment(self, properties: Resource) -> str:
        arn = properties["SecretId"]
        value = json.loads(self._emulator.value(arn, "AWSCURRENT") or "{}")
        self._ask("PutSecretValue", SecretId=arn, SecretString=json.dumps(value | self._place))
        return str(arn)

    def _schedule(self, properties: Resource) -> str:
        given = dict(properties)
        given["RotateImmediately"] = given.pop("RotateImmediatelyOnUpdate")
        return str(self._ask("RotateSecret", **given)["ARN"])

    def _ask(self, operation: str, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 what a request holds
        return self._emulator.execute(operation, {**request, "ClientRequestToken": str(uuid.uuid4())})
