"""Parameters that follow a secret, in an emulated Parameter Store that the role of a deployed function decides on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.lab.deployed_parameters import policy_of, with_endpoint
from tests.support.emulators.ssm.model import ACCOUNT, REGION, SECURE, arn_of
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.template.cloudformation import ROOT, Stack, parse
from tests.support.template.iam import Request, Statement, allows, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.emulators.ministack import Account

PATH: Final = "/mirrors"
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f1e2d3c"
KEY_SETTING: Final = KEY.replace(ACCOUNT, "000000000000")
"""The key as the stack knows it: the deployed function is in the account of the other emulator."""
SETTINGS: Final = {"MirrorPath": PATH, "KmsKeyArns": KEY_SETTING}

_CALLED_OF_KEYS: Final = {"GetParameter": "Decrypt", "PutParameter": "Encrypt"}
"""What is done with the key of a standard parameter (KMS developer guide, "How Parameter Store uses AWS KMS")."""


class DeployedMirrors:
    """The mirrors of one function's secrets. All of them are under one customer managed key."""

    def __init__(self, account: Account, function: str, role: str) -> None:
        """Know whose they are."""
        self.account, self.function, self.role = account, function, role
        self.emulator = EmulatedParameterStore()
        self.emulator.state.keys.add(KEY)
        self.asked: set[str] = set()
        """The actions that were asked for, of both services."""
        self.taken: set[str] = set()
        """Actions that the role lacks for a while."""

    def connect(self) -> None:
        """Tell the function where its mirrors are, and let its role decide on each of its calls."""
        with_endpoint(self.account, self.function, self.emulator.url)
        self.emulator.faults.allow_only(self._may)

    def make(self, name: str, secret: str, value: str = "-") -> str:
        """Make a parameter that is to follow a secret, as the guide says, and give its name."""
        request = {"Name": name, "Value": value, "Type": SECURE, "KeyId": KEY, "Description": secret}
        self.emulator.execute("PutParameter", request)
        return name

    def synchronise(self, secret: str) -> None:
        """Send the operator's event. Raises DeniedOrFailed."""
        self.account.invoke(self.function, {"Step": "syncMirrors", "SecretId": secret})

    def follow_by_events(self, *secrets: str) -> None:
        """Make what docs/examples/mirrors.yaml makes."""
        given = {"SecretArns": ",".join(secrets), "FunctionArn": self.function}
        made = Stack(given, parse((ROOT / "docs/examples/mirrors.yaml").read_text("utf-8"))).resources
        rule, permission = (made[name]["Properties"] for name in ("CurrentValueRule", "InvokedByTheRule"))
        events = self.account.client("events")
        arn = events.put_rule(Name="mirrors", EventPattern=json.dumps(rule["EventPattern"]))["RuleArn"]
        events.put_targets(Rule="mirrors", Targets=rule["Targets"])
        named = {key: permission[key] for key in ("Action", "FunctionName", "Principal")}
        self.account.client("lambda").add_permission(StatementId="mirrors", SourceArn=arn, **named)

    def granted(self) -> set[str]:
        """Return the actions on parameters, and on keys for them, that the role allows."""
        return {action for it in self._policy() if "parameter/" in str(it) for action in listed(it["Action"])}

    def may_put(self, name: str) -> bool:
        """Return whether the role may write a parameter."""
        return self._may("ssm:PutParameter", arn_of(name), {"ssm:Overwrite": "true"})

    def _may(self, action: str, resource: str, keys: Mapping[str, str]) -> bool:
        return all(allows(self._policy(), request) for request in self._needed(action, resource, keys))

    def _needed(self, action: str, resource: str, keys: Mapping[str, str]) -> Iterator[Request]:
        """Return the call itself, and what the service does with the key in the caller's name."""
        context = {"kms:ViaService": f"ssm.{REGION}.amazonaws.com", "kms:EncryptionContext:PARAMETER_ARN": resource}
        needed = [Request(action, resource, dict(keys))]
        operation = _CALLED_OF_KEYS.get(action.partition(":")[2])
        needed += [Request(f"kms:{operation}", KEY, context)] if operation else []
        self.asked |= {it.action for it in needed}
        yield from needed

    def _policy(self) -> list[Statement]:
        policy = policy_of(self.account, self.role)
        for statement in policy:
            statement["Action"] = [it for it in listed(statement["Action"]) if it not in self.taken]
        return policy
