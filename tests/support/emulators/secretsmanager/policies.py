"""Resource policies: kept, and checked for syntax and for broad access."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager import errors

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.model import Request, Response
    from tests.support.emulators.secretsmanager.state import State


def put_resource_policy(state: State, request: Request) -> Response:
    """PutResourcePolicy: with BlockPublicPolicy a policy that opens the secret to everybody is refused."""
    secret = state.live(request["SecretId"])
    statements = _statements(request["ResourcePolicy"])
    if request.get("BlockPublicPolicy") and any(map(_is_public, statements)):
        message = "You can't attach a resource policy that allows broad access to the secret."
        raise errors.answer(message, code="PublicPolicyException")
    secret.policy = request["ResourcePolicy"]
    secret.changed = state.clock()
    return {"ARN": secret.arn, "Name": secret.name}


def get_resource_policy(state: State, request: Request) -> Response:
    """GetResourcePolicy."""
    secret = state.live(request["SecretId"])
    policy = {"ResourcePolicy": secret.policy} if secret.policy else {}
    return {"ARN": secret.arn, "Name": secret.name} | policy


def delete_resource_policy(state: State, request: Request) -> Response:
    """DeleteResourcePolicy."""
    secret = state.live(request["SecretId"])
    secret.policy = None
    secret.changed = state.clock()
    return {"ARN": secret.arn, "Name": secret.name}


def validate_resource_policy(state: State, request: Request) -> Response:
    """ValidateResourcePolicy: syntax is an error, broad access a finding."""
    if "SecretId" in request:
        state.live(request["SecretId"])
    public = any(map(_is_public, _statements(request["ResourcePolicy"])))
    finding = {"CheckName": "PUBLIC_ACCESS", "ErrorMessage": "The policy grants access to everybody."}
    return {"PolicyValidationPassed": not public, "ValidationErrors": [finding] if public else []}


def _statements(policy: str) -> list[Request]:
    try:
        found = json.loads(policy)["Statement"]
    except (ValueError, TypeError, KeyError):
        found = None
    statements = found if isinstance(found, list) else [found]
    if not all(_is_statement(each) for each in statements):
        message = "This resource policy contains a syntax error."
        raise errors.answer(message, code="MalformedPolicyDocumentException")
    return statements


def _is_statement(candidate: object) -> bool:
    return (
        isinstance(candidate, dict)
        and candidate.get("Effect") in {"Allow", "Deny"}
        and not {"Action", "NotAction"}.isdisjoint(candidate)
    )


def _is_public(statement: Request) -> bool:
    anybody = statement.get("Principal") in ("*", {"AWS": "*"})
    return statement["Effect"] == "Allow" and anybody and not statement.get("Condition")
