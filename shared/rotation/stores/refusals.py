"""What Secrets Manager's refusals mean, by their codes; where one code has many meanings, by what else can be seen."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from rotation.answers import NOT_UNDERSTOOD, error_code, text
from rotation.errors import StoreDenied, StoreError, StoreUnavailable, VersionNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_NOT_FOUND: Final = "ResourceNotFoundException"
_INVALID: Final = "InvalidRequestException"
_UNCLEAR: Final = frozenset({_NOT_FOUND, _INVALID, "InvalidParameterException"})
"""Codes with more than one meaning. By which of them a label that is elsewhere is refused is not known."""
_DENIED: Final = frozenset({"AccessDeniedException", "DecryptionFailure", "EncryptionFailure"})
_NO_ANSWER: Final = frozenset(
    {
        "InternalServiceError",
        "InternalServiceErrorException",
        "InternalFailure",
        "ServiceUnavailable",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
    }
)

_ELSEWHERE: Final = "is not associated to the provided VersionId"
_OTHER_ACCOUNT: Final = "from a different AWS account"
_NO_VALUE: Final = "the specified secret value"
"""Parts of the texts of three refusals, as the service was seen to write them. They are looked for and never shown."""


class Request(NamedTuple):
    """What a request was about, as far as it decides what a refusal means."""

    operation: str
    where: str
    together: bool = False
    """Whether label and version were asked for at once, and so may not belong together."""
    moved: str = ""
    """The label that was to move."""
    leaving: str | None = None
    """The version that it was thought to be on."""

    @property
    def writes(self) -> bool:
        """Whether it was to change the secret."""
        return self.operation != "GetSecretValue"


def meaning(error: ClientError, request: Request, describe: Callable[[], Mapping[str, Any]]) -> StoreError | None:
    """
    Return what a refusal means, where its code does not say; None where it does.

    The text tells, or where it does not, one DescribeSecret: it answers of a secret that is scheduled for deletion, and
    of one that is encrypted with the default key of another account.
    """
    code, said = error_code(error), text(error.response, "Error", "Message")
    if code not in _UNCLEAR or _NO_VALUE in said:
        return None
    if _OTHER_ACCOUNT in said:
        return StoreDenied(
            f"The secret is another account's, and encrypted with the default key ({code})",
            where=request.where,
            remedy="Encrypt it with a customer managed key whose policy lets the function's role in, and name that key "
            "in KmsKeyArns.",
        )
    if _ELSEWHERE in said:
        return _no_version("GetSecretValue", request.where, code)
    try:
        described = describe()
    except VersionNotFound:
        return _no_secret(request.where, code)
    except StoreError:
        described = {}
    if found := _seen(described, request, code):
        return found
    return _no_version("GetSecretValue", request.where, code) if request.together and code == _INVALID else None


def _seen(described: Mapping[str, Any], request: Request, code: str) -> StoreError | None:
    """Return which of the documented causes a description shows (API reference, InvalidRequestException)."""
    if "DeletedDate" in described:
        return StoreError(
            f"The secret is scheduled for deletion ({code})",
            where=request.where,
            remedy="Restore it with aws secretsmanager restore-secret; or if it is to go, cancel its rotation.",
        )
    if request.writes and "OwningService" in described:
        return StoreError(
            f"The secret is managed by another AWS service, which alone may change it ({code})",
            where=request.where,
            remedy="That service rotates it. See OwningService in aws secretsmanager describe-secret, and attach this "
            "function to secrets of your own alone.",
        )
    held = described.get("VersionIdsToStages", {})
    on = next((version for version in held if request.moved in held[version]), None)
    if request.moved and held and request.leaving != on:
        return StoreError(
            f"The label {request.moved} is not on the version that it was to leave ({code})",
            where=request.where,
            remedy="Somebody moved it meanwhile. Look at the secret's labels; the retry goes on from where they are.",
        )
    return None


@contextmanager
def translated(operation: str, where: str) -> Iterator[None]:
    """Turn the SDK's errors into ours, by their code alone: their text can quote the request."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise _error(operation, where, code, status) from None
    except NoCredentialsError:
        raise StoreDenied("The function has no AWS credentials", where=where, remedy="Give it a role.") from None
    except BotoCoreError as error:
        raise StoreUnavailable(
            f"{operation} got no answer ({type(error).__name__})",
            where=where,
            remedy="In a VPC without a way out, make an interface endpoint for secretsmanager; else the retry helps.",
        ) from None
    except NOT_UNDERSTOOD as error:
        raise StoreUnavailable(
            f"{operation} was answered by what is not Secrets Manager ({type(error).__name__})",
            where=where,
            remedy="See what stands between the function and the service: SECRETS_MANAGER_ENDPOINT, a proxy, DNS.",
        ) from None


def _error(operation: str, where: str, code: str, status: int) -> StoreError:
    if code == _NOT_FOUND and operation == "DescribeSecret":
        return _no_secret(where, f"{operation}: {code}")
    if code == _NOT_FOUND:
        return _no_version(operation, where, code)
    if code in _DENIED:
        return StoreDenied(
            f"{operation} was denied ({code})",
            where=where,
            remedy=f"Allow secretsmanager:{operation} on the secret (and kms:Decrypt and kms:GenerateDataKey on its "
            "key) in the function's role, and check the secret's and the key's resource policies.",
        )
    if code in _NO_ANSWER or status >= 500:  # noqa: PLR2004 HTTP's server errors
        return StoreUnavailable(f"{operation} failed inside the service ({code})", where=where, remedy="Retry later.")
    if code == "LimitExceededException":
        return StoreError(
            f"{operation} would exceed a quota of Secrets Manager ({code})",
            where=where,
            remedy="A secret has 20 labels at most, and about 100 versions within a day. Take labels off that nobody "
            "uses, or wait a day.",
        )
    return StoreError(
        f"{operation} was refused ({code})",
        where=where,
        remedy="Look at the secret's labels and whether it is deleted.",
    )


def _no_version(operation: str, where: str, code: str) -> VersionNotFound:
    return VersionNotFound(
        f"{operation} found no such version ({code})", where=where, remedy="Check the secret's labels."
    )


def _no_secret(where: str, code: str) -> VersionNotFound:
    return VersionNotFound(
        f"There is no such secret ({code})",
        where=where,
        remedy="Give its whole ARN, with the last hyphen and six characters. A secret that was deleted and made anew "
        "has others.",
    )
