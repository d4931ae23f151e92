"""Callers of another account. Whether IAM and the secret's policy let them in is not emulated; see ``faults.deny``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager import errors
from tests.support.emulators.secretsmanager.state import ACCOUNT

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.model import Request, Secret
    from tests.support.emulators.secretsmanager.state import State

NUMBER = re.compile(r"[0-9]{12}")
OWN_KEYS = frozenset({"", "alias/aws/secretsmanager"})


def account_of(caller: str) -> str:
    """Return whose an access key id is: the account's that it spells, else the emulator's own."""
    return caller if NUMBER.fullmatch(caller) else ACCOUNT


def check_owner(secret: Secret) -> None:
    """Refuse a new value, and the move of a label, of a secret that a service manages.

    API reference, PutSecretValue, UpdateSecret and UpdateSecretVersionStage, InvalidRequestException: "The secret is
    managed by another service, and you must use that service to update it." The text is not documented.
    """
    if secret.owning_service:
        message = f"You can't update a secret that is managed by {secret.owning_service}."
        raise errors.invalid_request(message)


def check_account(state: State, operation: str, request: Request, caller: str) -> None:
    """Refuse values under the default key to callers of another account, to whom a name means nothing either.

    Recorded: LocalStack, TestSecretsManagerMultiAccounts, test_cross_account_access (2024-06-12): GetSecretValue and
    PutSecretValue are refused, the other operations work; with a customer's key all do
    (test_cross_account_access_non_default_key, 2024-03-21). User guide, Access secrets from a different account: a name
    means nothing there, the ARN is to be given.
    """
    secret_id = request.get("SecretId")
    if account_of(caller) == ACCOUNT or not isinstance(secret_id, str):
        return
    if not secret_id.startswith("arn:"):
        raise errors.secret_not_found()
    secret = state.find(secret_id)
    if secret is not None and operation in {"GetSecretValue", "PutSecretValue"} and secret.kms_key in OWN_KEYS:
        message = (
            "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS "
            "service key."
        )
        raise errors.invalid_request(message)
