"""What the service answers instead of a result, with the texts that the service itself uses."""

from __future__ import annotations

from tests.support.emulators.wire.errors import ConnectionCut as ConnectionCut  # noqa: PLC0414 one of its answers
from tests.support.emulators.wire.errors import ServiceError as ServiceError  # noqa: PLC0414 likewise
from tests.support.emulators.wire.errors import answer as answer  # noqa: PLC0414 likewise


def invalid_parameter(message: str) -> ServiceError:
    """Return "The parameter name or value is invalid"."""
    return ServiceError("InvalidParameterException", message)


def invalid_request(message: str) -> ServiceError:
    """Return "A parameter value is not valid for the current state of the resource"."""
    return ServiceError("InvalidRequestException", message)


def limit_exceeded(message: str) -> ServiceError:
    """Return "The request failed because it would exceed one of the Secrets Manager quotas"."""
    return ServiceError("LimitExceededException", message)


def resource_exists(message: str) -> ServiceError:
    """Return "A resource with the ID you requested already exists"."""
    return ServiceError("ResourceExistsException", message)


def token_in_use(token: str, arn: str) -> ServiceError:
    """Return the answer for a token whose version holds another value."""
    return resource_exists(
        f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret {arn}."
    )


def secret_not_found() -> ServiceError:
    """Return the answer for an unknown name or ARN."""
    return ServiceError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")


def value_not_found(what: str) -> ServiceError:
    """Return the answer for a label or version without a value; `what` is "staging label: X" or the like."""
    message = f"Secrets Manager can't find the specified secret value for {what}"
    return ServiceError("ResourceNotFoundException", message)


def access_denied(operation: str, resource: str) -> ServiceError:
    """Return the answer of IAM to a caller that may not do this."""
    message = (
        f"User is not authorized to perform: secretsmanager:{operation} on resource: {resource} "
        "because no identity-based policy allows the action"
    )
    return ServiceError("AccessDeniedException", message)


def kms_denied() -> ServiceError:
    """Return what the service says when the caller may not use the key."""
    return ServiceError("AccessDeniedException", "Access to KMS is not allowed")
