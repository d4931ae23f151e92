"""Functions and keys: each once, however many secrets name it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from audit.calls import FAILURES, MISSING, Sight, reason
from audit.model import Function, Key
from audit.policy import accounts_of, lets_secrets_manager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit.model import Secret

_SOME: Final = 5
_DEFAULT: Final = "alias/aws/secretsmanager"


class Functions:
    """The rotation functions that secrets name, by ARN, version and alias included."""

    def __init__(self, client: Any, sight: Sight) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Read by this client, and note there what cannot be read."""
        self._client, self._sight = client, sight
        self.known: dict[str, Function | None] = {}

    def of(self, secret: Secret) -> Function | None:
        """Return the function of a secret; None where it has none, or where it could not be read."""
        arn = secret.function
        if not arn:
            return None
        if arn not in self.known:
            self.known[arn] = self._read(arn, secret)
        if (function := self.known[arn]) is not None:
            some = (*function.some, secret.name)[:_SOME]
            self.known[arn] = function = replace(function, secrets=function.secrets + 1, some=some)
        return function

    def seen(self) -> Iterator[Function]:
        """Yield each that was read, with the layers of which another one has a newer version."""
        known = [it for it in self.known.values() if it]
        newest: dict[str, int] = {}
        for layer, version in (_layer(it) for function in known for it in function.layers):
            newest[layer] = max(version, newest.get(layer, 0))
        for function in known:
            old = [it for it in map(_layer, function.layers) if it[1] < newest[it[0]]]
            told = [
                f"version {it} of the layer {name.rpartition(':')[2]}, and another {newest[name]}" for name, it in old
            ]
            yield replace(function, behind=", ".join(told))

    def _read(self, arn: str, secret: Secret) -> Function | None:
        region, account = (arn.split(":") + [""] * 5)[3:5]
        if region != secret.region or account != secret.account:
            if region == secret.region:
                self._sight.lost("functions", "of another account", arn, f"look at it from account {account}")
            return None
        try:
            found = self._client.get_function_configuration(FunctionName=arn)
        except FAILURES as error:
            if reason(error) in MISSING:
                return Function(arn, exists=False)
            self._sight.failed("functions", error, arn)
            return None
        # The answer holds the environment too: nothing of that is kept.
        told = found.get("State", "Active"), found.get("Runtime", ""), found.get("Timeout", 0)
        invocable, any_account = self._policy(arn, secret)
        stands: dict[str, Any] = {"stopped": self._stopped(arn), "invocable": invocable, "any_account": any_account}
        stands |= {"role": found.get("Role", ""), "layers": tuple(it["Arn"] for it in found.get("Layers") or ())}
        return Function(arn, True, *told, **stands)  # noqa: FBT003 it exists

    def _stopped(self, arn: str) -> bool:
        try:
            answer = self._client.get_function_concurrency(FunctionName=_plain(arn))
        except FAILURES as error:
            self._sight.failed("function concurrency", error, arn)
            return False
        return bool(answer.get("ReservedConcurrentExecutions") == 0)

    def _policy(self, arn: str, secret: Secret) -> tuple[bool | None, bool]:
        qualifier = arn.removeprefix(_plain(arn)).lstrip(":")
        given = {"FunctionName": _plain(arn)} | ({"Qualifier": qualifier} if qualifier else {})
        try:
            policy = self._client.get_policy(**given)["Policy"]
        except FAILURES as error:
            if reason(error) in MISSING:
                return False, False
            self._sight.failed("function policies", error, arn)
            return None, False
        return lets_secrets_manager(policy, secret.account, secret.arn)


def _last(name: str) -> str:
    return name.rpartition(":")[2]


def _layer(arn: str) -> tuple[str, int]:
    """Return a layer and its version."""
    name, _, version = arn.rpartition(":")
    return name, int(version) if version.isdecimal() else 0


def _plain(arn: str) -> str:
    """Return a function's ARN without version and alias."""
    return ":".join(arn.split(":")[:7])


class Keys:
    """The KMS keys that secrets and replicas name, by how they name it."""

    def __init__(self, client: Any, sight: Sight) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Read by this client, and note there what cannot be read."""
        self._client, self._sight = client, sight
        self.known: dict[str, Key | None] = {}

    def of(self, secret: Secret) -> Key | None:
        """Return the key of a secret; None for the default key, and where it could not be read."""
        named = secret.key
        if not named or named.endswith(_DEFAULT):
            return None
        if named not in self.known:
            self.known[named] = self._read(named)
        key = self.known[named]
        if key is not None and key.accounts is None and key.customer and secret.access and secret.access.shared:
            self.known[named] = key = replace(key, accounts=self._accounts(key.arn))
        return key

    def _read(self, named: str) -> Key | None:
        try:
            found = self._client.describe_key(KeyId=named)["KeyMetadata"]
        except FAILURES as error:
            if reason(error) in MISSING:
                return Key(named, "Missing", customer=True)
            self._sight.failed("keys", error, named)
            return None
        customer, symmetric = found.get("KeyManager") == "CUSTOMER", found.get("KeySpec") in {None, "SYMMETRIC_DEFAULT"}
        key = Key(
            found["Arn"], found.get("KeyState", "Enabled"), customer, symmetric, deletion=found.get("DeletionDate")
        )
        own = customer and symmetric and key.state == "Enabled" and found.get("Origin", "AWS_KMS") == "AWS_KMS"
        return replace(key, rotates=self._rotates(key.arn)) if own else key

    def _rotates(self, arn: str) -> bool | None:
        try:
            return bool(self._client.get_key_rotation_status(KeyId=arn)["KeyRotationEnabled"])
        except FAILURES as error:
            self._sight.failed("key rotation", error, arn)
            return None

    def _accounts(self, arn: str) -> frozenset[str] | None:
        try:
            return accounts_of(self._client.get_key_policy(KeyId=arn, PolicyName="default")["Policy"])
        except FAILURES as error:
            self._sight.failed("key policies", error, arn)
            return None
