"""Functions and keys: each once, however many secrets name it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from audit.calls import FAILURES, MISSING, Sight, reason
from audit.model import Function, Key
from audit.policy import accounts_of, lets_secrets_manager

if TYPE_CHECKING:
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
        return Function(arn, True, *told, self._stopped(arn), invocable, any_account)  # noqa: FBT003 it exists

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
