"""Requests held against the service model that botocore ships: presence, type, length, range, pattern."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager.errors import answer, invalid_parameter, invalid_request
from tests.support.emulators.wire import shapes

if TYPE_CHECKING:
    from botocore.model import ServiceModel

    from tests.support.emulators.secretsmanager.model import Request

NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")


def service_model() -> ServiceModel:
    """Return the API description of Secrets Manager."""
    return shapes.service_model("secretsmanager")


def validate(operation: str, request: Request) -> None:
    """Refuse a request that breaks the API's shapes. No value is ever repeated in the message."""
    shapes.validate(service_model(), operation, request)
    _require_token(operation, request)
    for key in {"Name", "SecretId"} & request.keys():
        _require_name(request[key].rpartition(":secret:")[2])


def _require_name(name: str) -> None:
    """Refuse a name with other characters than the service's.

    Recorded: LocalStack, test_invalid_secret_name (2024-03-15), of CreateSecret, DeleteSecret, DescribeSecret,
    GetSecretValue, ListSecretVersionIds, PutSecretValue, TagResource, UntagResource, UpdateSecret and
    ValidateResourcePolicy. The other operations by analogy.
    """
    if not NAME.fullmatch(name):
        message = (
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"
        )
        raise answer(message, code="ValidationException")


def _require_token(operation: str, request: Request) -> None:
    """Hold a raw HTTP request to what the API reference says: it "must generate a ClientRequestToken"."""
    makes_version = operation in {"PutSecretValue", "RotateSecret"} or (
        operation in {"CreateSecret", "UpdateSecret"} and not {"SecretString", "SecretBinary"}.isdisjoint(request)
    )
    if makes_version and "ClientRequestToken" not in request:
        # Recorded, with the two codes: LocalStack, test_no_client_request_token (2024-03-15).
        message = "You must provide a ClientRequestToken value. We recommend a UUID-type value."
        raise invalid_parameter(message) if operation == "RotateSecret" else invalid_request(message)
