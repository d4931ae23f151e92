"""What Parameter Store's refusals mean, by their codes alone: their text can quote the request."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from rotation.answers import NOT_UNDERSTOOD, error_code
from rotation.errors import StoreDenied, StoreError, StoreUnavailable, VersionNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEY: Final = "Let the function's role use the parameter's KMS key (kms:Encrypt, kms:Decrypt and kms:GenerateDataKey)"
_MEANINGS: Final[dict[str, tuple[type[StoreError], str, str]]] = {
    "ParameterNotFound": (VersionNotFound, "there is no such parameter", "Check the name and the Region."),
    "ParameterVersionNotFound": (
        VersionNotFound,
        "the parameter has no such version",
        "Look at aws ssm get-parameter-history: of a parameter the last 100 versions are kept.",
    ),
    "InvalidKeyId": (StoreDenied, "the KMS key is missing or disabled", f"Enable the key. {_KEY}."),
    "ParameterPatternMismatchException": (
        StoreError,
        "the new value does not match the parameter's AllowedPattern",
        "Change the pattern, or the password's length and characters in the function's settings.",
    ),
    "ParameterMaxVersionLimitExceeded": (
        StoreError,
        "the parameter has 100 versions and the oldest one bears a label",
        "Move that label to a newer version, or take it off.",
    ),
    "ParameterLimitExceeded": (
        StoreError,
        "the account may have no more parameters",
        "Delete some, or switch the account to the advanced tier.",
    ),
    "ParameterAlreadyExists": (StoreError, "the parameter exists already", "Run the rotation again."),
}
_NO_ANSWER: Final = frozenset(
    {
        "InternalServerError",
        "InternalFailure",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TooManyUpdates",
    }
)
_ROOM: Final = {"Standard": 4096, "Advanced": 8192}
"""Bytes that a value may have by the parameter's tier (user guide, "Managing parameter tiers")."""


@contextmanager
def translated(operation: str, where: str) -> Iterator[None]:
    """Turn the SDK's errors into ours."""
    try:
        yield
    except ClientError as error:
        raise _error(operation, where, error_code(error), failed_inside=failed_inside(error)) from None
    except NoCredentialsError:
        raise StoreDenied("The function has no AWS credentials", where=where, remedy="Give it a role.") from None
    except BotoCoreError as error:
        raise StoreUnavailable(
            f"{operation} got no answer ({type(error).__name__})",
            where=where,
            remedy="In a VPC without a way out, make an interface endpoint for ssm; else the retry helps.",
        ) from None
    except NOT_UNDERSTOOD as error:
        raise StoreUnavailable(
            f"{operation} was answered by what is not Parameter Store ({type(error).__name__})",
            where=where,
            remedy="See what stands between the function and the service: AWS_ENDPOINT_URL_SSM, a proxy, DNS.",
        ) from None


def no_replicas(name: str, region: str) -> StoreError:
    """Return the error of what Parameter Store does not do: it copies no parameter to another Region."""
    return StoreError(
        "A parameter has no replicas",
        where=f"{name} in {region}",
        remedy="Copy it to the other Region by other means, and rotate it in one Region alone.",
    )


def reference(where: str) -> StoreError:
    """Return the error of a value that Parameter Store would take for another parameter's."""
    return StoreError(
        "The new value holds two opening braces in a row, which Parameter Store takes for a reference",
        where=where,
        remedy="Nothing was changed, and a retry makes another password. Exclude { from passwords.",
        retryable=True,
    )


def put_back(where: str) -> StoreError:
    """Return the error of a rotation that gave way to somebody's value, as a setting asks for."""
    return StoreError(
        "Somebody wrote the parameter in the instant before the new value was published; theirs was put back",
        where=where,
        remedy="The next rotation goes on from their value. The setting RESTORE_FOREIGN asks for this.",
    )


def too_late(where: str) -> StoreError:
    """Return the error of a run that was frozen until its value was out of date."""
    return StoreError(
        "This run published its value when a newer one was there already, which was put back",
        where=where,
        remedy="Do nothing: readers had the older value for an instant. Another run had completed the rotation.",
    )


@contextmanager
def sized(where: str, value: str, tier: str) -> Iterator[None]:
    """Say so where the service refuses a value that is longer than its tier takes."""
    size = len(value.encode())
    room = _ROOM.get(tier, size)
    try:
        yield
    except ClientError as error:
        if error_code(error) != "ValidationException" or size <= room:
            raise
        raise StoreError(
            f"The value has {size} bytes, and the tier {tier} takes {room}",
            where=where,
            remedy="Put the parameter again with --tier Advanced, which takes 8 KB, or make its value shorter. Leave "
            "400 bytes for what a rotation notes beside it.",
        ) from None


def failed_inside(error: ClientError) -> bool:
    """Return whether the service failed, so that what it was asked for may have been done."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500  # noqa: PLR2004 HTTP's


def _error(operation: str, where: str, code: str, *, failed_inside: bool) -> StoreError:
    if code in _MEANINGS:
        kind, what, remedy = _MEANINGS[code]
        return kind(f"{operation}: {what} ({code})", where=where, remedy=remedy)
    if code == "AccessDeniedException":
        return StoreDenied(
            f"{operation} was denied ({code})",
            where=where,
            remedy=f"Allow ssm:{operation} on it in the function's role. {_KEY}.",
        )
    if code in _NO_ANSWER or failed_inside:
        return StoreUnavailable(f"{operation} failed inside the service ({code})", where=where, remedy="Retry later.")
    return StoreError(
        f"{operation} was refused ({code})",
        where=where,
        remedy="Compare the parameter's name, type, tier and size with what Parameter Store allows.",
    )
