"""AWS Secrets Manager as the place where a secret is kept."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from rotation.answers import as_name, as_text, error_code
from rotation.errors import InvalidSecret, StoreDenied, StoreError, StoreUnavailable
from rotation.model import OUR_LABELS, Replica, Stage, StoredVersion, Versions, in_region
from rotation.stores import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_secretsmanager.client import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import (
        DescribeSecretResponseTypeDef,
        GetSecretValueResponseTypeDef,
        ReplicaRegionTypeTypeDef,
        ReplicationStatusTypeTypeDef,
        SecretVersionsListEntryTypeDef,
    )

PROBE_LABEL: Final = "rotation-dry-run"
"""What a dry run of 0.1.0 added and took off; one that was cut off has left it."""

_MISMATCH: Final = frozenset({"InvalidParameterException", "InvalidRequestException", "ResourceNotFoundException"})
"""How a move from a version that is none is refused; which of them it is, and which check comes first, is not known."""

_OURS: Final = OUR_LABELS | {PROBE_LABEL}

_PAGES: Final = 20
"""Of 100 versions each that are looked through: more puts in a day than the service advises in two weeks."""

_MESSAGE: Final = 300
"""Characters of a replication's status message that are shown; the API reference names no limit."""


class SecretsManagerStore:
    """
    One secret, and read access to admin secrets, through a botocore client.

    ``rotation_token`` proves whose rotation this is when the service acts across accounts or for an assumed role
    (API reference, PutSecretValue); it is sent and never shown.
    """

    def __init__(
        self,
        client: SecretsManagerClient,
        secret_id: str,
        rotation_token: str | None = None,
        elsewhere: Callable[[str], SecretsManagerClient] | None = None,
    ) -> None:
        """Bind the store to the secret of an event; ``elsewhere`` makes the client of another Region."""
        self._elsewhere = elsewhere or (lambda _: client)
        self._client = client
        self._id = secret_id
        self._rotation_token = rotation_token

    def describe(self) -> Versions:
        """Read the labels of all versions: one DescribeSecret."""
        with refusals.translated("DescribeSecret", self._id):
            return _versions(self._client.describe_secret(SecretId=self._id))

    def describe_replica(self, region: str) -> Versions:
        """Read a replica's labels: one DescribeSecret in its Region, whose ARN differs in the Region alone."""
        there = self._in(region)
        where = f"{there} in {region}"
        with refusals.translated("DescribeSecret", where):
            versions = _versions(self._elsewhere(region).describe_secret(SecretId=there))
            if versions.region != region:  # an endpoint of another Region has answered
                raise TypeError
            return versions

    def replicate(self, replica: Replica) -> None:
        """Ask for the replica again, under its key, without overwriting anything: one ReplicateSecretToRegions."""
        self._replicate(replica, overwriting=False)

    def _replicate(self, replica: Replica, *, overwriting: bool) -> None:
        wanted: ReplicaRegionTypeTypeDef = {"Region": replica.region}
        if replica.kms_key:
            wanted["KmsKeyId"] = replica.kms_key
        with refusals.translated("ReplicateSecretToRegions", f"{self._id} in {replica.region}"):
            self._client.replicate_secret_to_regions(
                SecretId=self._id, AddReplicaRegions=[wanted], ForceOverwriteReplicaSecret=overwriting
            )

    def read(self, stage: Stage | None = None, version: str | None = None) -> StoredVersion:
        """Read one version: one GetSecretValue, which itself checks that label and version belong together."""
        named = " of ".join(part for part in (stage, version and f"version {version}") if part)
        asked = {"VersionStage": stage, "VersionId": version}
        given = {key: it for key, it in asked.items() if it is not None}
        return self._value(self._id, f"{named} of {self._id}", **given)

    def stage_pending(self, token: str, value: str) -> bool:
        """Put the value on the token with AWSPENDING; False where it has one (API: ResourceExistsException)."""
        proof = {"RotationToken": self._rotation_token} if self._rotation_token else {}
        where = f"version {token} of {self._id}"
        with refusals.translated("PutSecretValue", where):
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
            except ClientError as error:
                raise self._meaning(error, self._id, refusals.Request("PutSecretValue", where)) from None
        return True

    def promote(self, token: str, replacing: str) -> None:
        """Move AWSCURRENT from one version to the other: one UpdateSecretVersionStage."""
        self._move(Stage.CURRENT, token, replacing)

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
        """List what has no label any more, newest first: one ListSecretVersionIds for each 100 versions."""
        bare: list[SecretVersionsListEntryTypeDef] = []
        more: dict[str, str] = {}
        for _ in range(_PAGES):
            with refusals.translated("ListSecretVersionIds", self._id):
                answer = self._client.list_secret_version_ids(
                    SecretId=self._id, IncludeDeprecated=True, MaxResults=100, **more
                )
                bare += [version for version in answer["Versions"] if set(version.get("VersionStages", [])) <= _OURS]
                more = {"NextToken": as_text(answer["NextToken"])} if "NextToken" in answer else {}
            if not more:
                break
        with refusals.translated("ListSecretVersionIds", self._id):
            bare.sort(key=lambda version: version["CreatedDate"], reverse=True)
            return [as_name(version["VersionId"]) for version in bare]

    def rehearse(self, version: str, value: str) -> None:
        """
        Ask for a move of AWSCURRENT to where it is, from a version that is none: it is refused, and changes nothing.

        Where the version in RemoveFromVersionId has not the label "the operation fails" (API reference,
        UpdateSecretVersionStage). A label that is added and taken off would be two changes in quick succession, after
        which replicas were seen to be stuck. A value cannot be tried: what was put stays.
        """
        del value
        with refusals.translated("UpdateSecretVersionStage", self._id):
            try:
                self._client.update_secret_version_stage(
                    SecretId=self._id,
                    VersionStage=Stage.CURRENT,
                    MoveToVersionId=version,
                    RemoveFromVersionId=str(uuid.uuid4()),
                )
            except ClientError as error:
                if error_code(error) not in _MISMATCH:
                    raise

    def read_admin(self, arn: str) -> StoredVersion:
        """Read an admin secret's AWSCURRENT: one GetSecretValue."""
        return self._value(arn, arn, VersionStage=Stage.CURRENT)

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """Read an admin secret's tags: one DescribeSecret."""
        with refusals.translated("DescribeSecret", arn):
            return _tags(self._client.describe_secret(SecretId=arn))

    def _in(self, region: str) -> str:
        """Name the same secret in another Region; a name that is no ARN is the same everywhere."""
        return in_region(self._id, region)

    def _value(self, secret_id: str, where: str, **asked: str) -> StoredVersion:
        with refusals.translated("GetSecretValue", where):
            try:
                return _version(self._client.get_secret_value(SecretId=secret_id, **asked))
            except ClientError as error:
                request = refusals.Request("GetSecretValue", where, together=len(asked) > 1)
                raise self._meaning(error, secret_id, request) from None

    def _meaning(self, error: ClientError, secret_id: str, request: refusals.Request) -> Exception:
        def describe() -> Mapping[str, Any]:
            with refusals.translated("DescribeSecret", secret_id):
                return self._client.describe_secret(SecretId=secret_id)

        return refusals.meaning(error, request, describe) or error

    def _move(self, label: str, version: str, leaving: str | None) -> None:
        source = {"RemoveFromVersionId": leaving} if leaving and leaving != version else {}
        where = f"version {version} of {self._id}"
        with refusals.translated("UpdateSecretVersionStage", where):
            try:
                self._client.update_secret_version_stage(
                    SecretId=self._id, VersionStage=label, MoveToVersionId=version, **source
                )
            except ClientError as error:
                request = refusals.Request("UpdateSecretVersionStage", where, moved=label, leaving=leaving)
                raise self._meaning(error, self._id, request) from None

    def _remove(self, label: str, version: str) -> None:
        with refusals.translated("UpdateSecretVersionStage", self._id):
            self._client.update_secret_version_stage(SecretId=self._id, VersionStage=label, RemoveFromVersionId=version)


def _versions(answer: DescribeSecretResponseTypeDef) -> Versions:
    held = answer.get("VersionIdsToStages", {})
    return Versions(
        as_name(answer["ARN"]),
        {as_name(version): frozenset(labels) for version, labels in held.items()},
        bool(answer.get("RotationEnabled", True)),
        as_text(answer.get("PrimaryRegion", "")),
        tuple(_replica(entry) for entry in answer.get("ReplicationStatus", [])),
        as_text(answer.get("RotationLambdaARN", "")),
        {**answer.get("RotationRules", {})},
        _tags(answer),
        as_text(answer.get("KmsKeyId", "")),
    )


def _tags(answer: DescribeSecretResponseTypeDef) -> dict[str, str]:
    tags = answer.get("Tags", [])
    return {as_text(tag["Key"]): as_text(tag["Value"]) for tag in tags if "Key" in tag and "Value" in tag}


def _replica(entry: ReplicationStatusTypeTypeDef) -> Replica:
    """Read an entry of ReplicationStatus. The message is the service's own, about keys and Regions."""
    said = as_text(entry.get("StatusMessage", ""))
    message = "".join(it if it.isprintable() else " " for it in said[:_MESSAGE])
    key = as_text(entry.get("KmsKeyId", ""))
    return Replica(as_name(entry["Region"]), as_name(entry["Status"]), message.strip().rstrip("."), key)


def _version(answer: GetSecretValueResponseTypeDef) -> StoredVersion:
    stages = frozenset(answer.get("VersionStages", []))
    value = answer.get("SecretString")
    if value is None:
        raise InvalidSecret(
            "The secret's value is binary",
            where=f"version {as_name(answer['VersionId'])} of {as_name(answer['ARN'])}",
            remedy="Store the same JSON as a text: --secret-string, not --secret-binary.",
        )
    when = answer.get("CreatedDate")
    created = when if isinstance(when, datetime) else None
    return StoredVersion(as_name(answer["ARN"]), as_name(answer["VersionId"]), stages, as_text(value), created)
