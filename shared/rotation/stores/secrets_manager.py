"""AWS Secrets Manager as the place where a secret is kept."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from rotation.answers import NOT_UNDERSTOOD, error_code
from rotation.errors import StoreDenied, StoreError, StoreUnavailable, VersionNotFound
from rotation.model import LAST_REFUSED, LATE_CUTOVER, SEARCHING, Stage, StoredVersion, Versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

PROBE_LABEL: Final = "rotation-dry-run"
"""The label that a dry run adds and takes off, to see that labels may be moved."""

_OURS: Final = frozenset({LAST_REFUSED, LATE_CUTOVER, SEARCHING, PROBE_LABEL})
"""Labels of our own, which say nothing of what a version is worth."""

_NAME: Final = re.compile(r"[!-~]{1,2048}")

_MISSING: Final = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
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


class SecretsManagerStore:
    """
    One secret, and read access to admin secrets, through a botocore client.

    ``rotation_token`` proves whose rotation this is when the service acts across accounts or for an assumed role
    (API reference, PutSecretValue); it is sent and never shown.
    """

    def __init__(self, client: SecretsManagerClient, secret_id: str, rotation_token: str | None = None) -> None:
        """Bind the store to the secret of an event."""
        self._client = client
        self._id = secret_id
        self._rotation_token = rotation_token

    def describe(self) -> Versions:
        """Read the labels of all versions: one DescribeSecret."""
        with _translated("DescribeSecret", self._id):
            answer = self._client.describe_secret(SecretId=self._id)
            held = answer.get("VersionIdsToStages", {})
            stages = {_name(version): frozenset(labels) for version, labels in held.items()}
            return Versions(_name(answer["ARN"]), stages, bool(answer.get("RotationEnabled", True)))

    def read(self, stage: Stage | None = None, version: str | None = None) -> StoredVersion:
        """Read one version: one GetSecretValue, which itself checks that label and version belong together."""
        named = " of ".join(part for part in (stage, version and f"version {version}") if part)
        with _translated("GetSecretValue", f"{named} of {self._id}", missing=_MISSING):
            if stage is None:
                answer = self._client.get_secret_value(SecretId=self._id, VersionId=version or "")
            elif version is None:
                answer = self._client.get_secret_value(SecretId=self._id, VersionStage=stage)
            else:
                answer = self._client.get_secret_value(SecretId=self._id, VersionId=version, VersionStage=stage)
            return _version(answer)

    def stage_pending(self, token: str, value: str) -> bool:
        """Put the value on the token with AWSPENDING; False where it has one (API: ResourceExistsException)."""
        proof = {"RotationToken": self._rotation_token} if self._rotation_token else {}
        with _translated("PutSecretValue", f"version {token} of {self._id}"):
            try:
                self._client.put_secret_value(
                    SecretId=self._id,
                    ClientRequestToken=token,
                    SecretString=value,
                    VersionStages=[Stage.PENDING],
                    **proof,
                )
            except self._client.exceptions.ResourceExistsException:
                return False
        return True

    def promote(self, token: str, replacing: str) -> None:
        """Move AWSCURRENT from one version to the other: one UpdateSecretVersionStage."""
        with _translated("UpdateSecretVersionStage", f"version {token} of {self._id}"):
            self._client.update_secret_version_stage(
                SecretId=self._id, VersionStage=Stage.CURRENT, MoveToVersionId=token, RemoveFromVersionId=replacing
            )

    def label(self, token: str, label: str, leaving: str | None) -> None:
        """Move a label: one UpdateSecretVersionStage where it is where it was thought to be, else three calls."""
        try:
            self._move(label, token, leaving)
        except StoreUnavailable:
            raise
        except StoreError:
            stages = self.describe().stages
            self._move(label, token, next((held for held in stages if label in stages[held]), None))

    def unstage(self, token: str) -> None:
        """
        Take AWSPENDING off the version: one UpdateSecretVersionStage.

        By which error the service says that it is not there is not known; after any refusal the labels tell.
        """
        try:
            self._remove(Stage.PENDING, token)
        except (StoreUnavailable, StoreDenied):
            raise
        except StoreError:
            if Stage.PENDING in self.describe().stages.get(token, ()):
                raise

    def unlabelled(self) -> Sequence[str]:
        """List what has no label any more, newest first: one ListSecretVersionIds of at most 100."""
        with _translated("ListSecretVersionIds", self._id):
            answer = self._client.list_secret_version_ids(SecretId=self._id, IncludeDeprecated=True, MaxResults=100)
            bare = [version for version in answer["Versions"] if set(version.get("VersionStages", [])) <= _OURS]
            bare.sort(key=lambda version: version["CreatedDate"], reverse=True)
            return [_name(version["VersionId"]) for version in bare]

    def check_labels(self, version: str) -> None:
        """Add a label of our own and take it off again; where a run that was cut off left it, take it off there."""
        left = next((held for held, stages in self.describe().stages.items() if PROBE_LABEL in stages), None)
        if left is not None:
            self._remove(PROBE_LABEL, left)
        with _translated("UpdateSecretVersionStage", self._id):
            self._client.update_secret_version_stage(
                SecretId=self._id, VersionStage=PROBE_LABEL, MoveToVersionId=version
            )
        self._remove(PROBE_LABEL, version)

    def read_admin(self, arn: str) -> StoredVersion:
        """Read an admin secret's AWSCURRENT: one GetSecretValue."""
        with _translated("GetSecretValue", arn):
            return _version(self._client.get_secret_value(SecretId=arn, VersionStage=Stage.CURRENT))

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """Read an admin secret's tags: one DescribeSecret."""
        with _translated("DescribeSecret", arn):
            tags = self._client.describe_secret(SecretId=arn).get("Tags", [])
            return {_text(tag["Key"]): _text(tag["Value"]) for tag in tags if "Key" in tag and "Value" in tag}

    def _move(self, label: str, version: str, leaving: str | None) -> None:
        source = {"RemoveFromVersionId": leaving} if leaving and leaving != version else {}
        with _translated("UpdateSecretVersionStage", f"version {version} of {self._id}"):
            self._client.update_secret_version_stage(
                SecretId=self._id, VersionStage=label, MoveToVersionId=version, **source
            )

    def _remove(self, label: str, version: str) -> None:
        with _translated("UpdateSecretVersionStage", self._id):
            self._client.update_secret_version_stage(SecretId=self._id, VersionStage=label, RemoveFromVersionId=version)


def _version(answer: GetSecretValueResponseTypeDef) -> StoredVersion:
    stages = frozenset(answer.get("VersionStages", []))
    value = answer.get("SecretString", "")
    return StoredVersion(_name(answer["ARN"]), _name(answer["VersionId"]), stages, _text(value))


def _text(answered: object) -> str:
    """Take a string for one: the SDK does not look. Raises TypeError."""
    if not isinstance(answered, str):
        raise TypeError
    return answered


def _name(answered: object) -> str:
    """Take an ARN or a version's id, which may be shown, for one. Raises TypeError."""
    name = _text(answered)
    if not _NAME.fullmatch(name):
        raise TypeError
    return name


@contextmanager
def _translated(operation: str, where: str, missing: frozenset[str] = frozenset()) -> Iterator[None]:
    """Turn the SDK's errors into ours, by their code alone: their text can quote the request."""
    try:
        yield
    except ClientError as error:
        code = error_code(error)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        raise _error(operation, where, code, status, missing) from None
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


def _error(operation: str, where: str, code: str, status: int, missing: frozenset[str]) -> StoreError:
    if code in missing or code == "ResourceNotFoundException":
        return VersionNotFound(
            f"{operation} found no such version ({code})", where=where, remedy="Check the secret's labels."
        )
    if code in _DENIED:
        return StoreDenied(
            f"{operation} was denied ({code})",
            where=where,
            remedy=f"Allow secretsmanager:{operation} on the secret (and kms:Decrypt and kms:GenerateDataKey on its "
            "key) in the function's role, and check the secret's and the key's resource policies.",
        )
    if code in _NO_ANSWER or status >= 500:  # noqa: PLR2004 HTTP's server errors
        return StoreUnavailable(f"{operation} failed inside the service ({code})", where=where, remedy="Retry later.")
    return StoreError(
        f"{operation} was refused ({code})",
        where=where,
        remedy="Look at the secret's labels and whether it is deleted.",
    )
