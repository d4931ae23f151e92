"""The operations that read and write values and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager import errors, labels
from tests.support.emulators.secretsmanager.accounts import check_owner
from tests.support.emulators.secretsmanager.errors import ServiceError
from tests.support.emulators.secretsmanager.model import CURRENT, Request, Response, Secret, Value, Version
from tests.support.emulators.secretsmanager.schedule import next_rotation
from tests.support.emulators.secretsmanager.selection import page, select
from tests.support.emulators.wire.clock import epoch

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.state import State


BATCH = 20


def value_in(request: Request) -> Value | None:
    """Return the value that a request carries.

    API reference, PutSecretValue: "You must include SecretBinary or SecretString, but not both."
    """
    text, binary = request.get("SecretString"), request.get("SecretBinary")
    if text is not None and binary is not None:
        message = "You can't specify both a binary secret value and a string secret value in the same secret."
        raise errors.invalid_parameter(message)
    return None if text is None and binary is None else Value(text, binary)


def store(state: State, secret: Secret, token: str, value: Value, stages: list[str] | None) -> None:
    """Put a value on a secret, with everything that follows from it."""
    now = state.clock()
    if not labels.put_version(secret, token, value, stages, now=now, world=state.world):
        return
    state.abandon(secret, token)
    state.settle(secret)
    state.journal.stored(secret, token, now)
    secret.changed = now
    if secret.rotation.enabled and secret.labels.get(CURRENT) == token:
        # API reference, RotationRulesType: "Manually updating the secret value by calling PutSecretValue or
        # UpdateSecret is considered a valid rotation."
        secret.rotation.next_rotation = next_rotation(secret.rotation.rules, now)


def get_secret_value(state: State, request: Request) -> Response:
    """GetSecretValue."""
    secret = state.live(request["SecretId"])
    version = labels.select_version(secret, request.get("VersionId"), request.get("VersionStage"))
    return _read(state, secret, version)


def _read(state: State, secret: Secret, version: Version) -> Response:
    # API reference, SecretVersionsListEntry: "the resolution of this field is at the date level".
    secret.accessed = version.accessed = state.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    stages = secret.stages(version.version_id)
    response = {
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.version_id,
        "CreatedDate": epoch(version.created),
    }
    # A version without a label is deprecated and can still be read by its id (user guide, Secret version).
    return response | (version.value or Value()).fields() | ({"VersionStages": stages} if stages else {})


def put_secret_value(state: State, request: Request) -> Response:
    """PutSecretValue."""
    secret = state.live(request["SecretId"])
    value = value_in(request)
    if value is None:
        message = "You must provide either SecretString or SecretBinary."  # not recorded
        raise errors.invalid_request(message)
    check_owner(secret)
    _check_rotation_token(state, secret, request.get("RotationToken"))
    token = request["ClientRequestToken"]
    store(state, secret, token, value, request.get("VersionStages"))
    stages = secret.stages(token)
    response = {"ARN": secret.arn, "Name": secret.name, "VersionId": token}
    return response | ({"VersionStages": stages} if stages else {})


def _check_rotation_token(state: State, secret: Secret, rotation_token: str | None) -> None:
    """Hold the caller to the token of the running rotation.

    API reference, PutSecretValue, RotationToken: "Required for secret rotations using an IAM
    assumed role or cross-account rotation […] Secrets Manager validates the identity using the token."
    """
    running = secret.running
    if not state.behaviour.require_rotation_token or running is None:
        return
    if rotation_token != running.rotation_token:
        raise errors.access_denied("PutSecretValue", secret.arn)


def update_secret_version_stage(state: State, request: Request) -> Response:
    """UpdateSecretVersionStage."""
    secret = state.live(request["SecretId"])
    check_owner(secret)
    labels.move_label(
        secret,
        request["VersionStage"],
        request.get("RemoveFromVersionId"),
        request.get("MoveToVersionId"),
        state.world,
    )
    state.settle(secret)
    secret.changed = state.clock()
    return {"ARN": secret.arn, "Name": secret.name}


def list_secret_version_ids(state: State, request: Request) -> Response:
    """ListSecretVersionIds: "only returns versions that contain a secret value".

    Recorded: a version without a label is listed with IncludeDeprecated alone, and then without the field
    VersionStages (LocalStack, test_deprecated_secret_version_stage, 2024-03-29). The order is not.
    """
    secret = state.live(request["SecretId"])
    versions = [
        version
        for version in secret.versions.values()
        if version.value is not None and (secret.stages(version.version_id) or request.get("IncludeDeprecated", False))
    ]
    entries = [_version_entry(secret, version) for version in versions]
    return {"ARN": secret.arn, "Name": secret.name} | page("Versions", entries, request)


def _version_entry(secret: Secret, version: Version) -> Response:
    entry: Response = {"VersionId": version.version_id, "CreatedDate": epoch(version.created)}
    stages = secret.stages(version.version_id)
    accessed = version.accessed
    return (
        entry
        | ({"VersionStages": stages} if stages else {})
        | ({"LastAccessedDate": epoch(accessed)} if accessed else {})
        | {"KmsKeyIds": [secret.kms_key or "DefaultEncryptionKey"]}
    )


def batch_get_secret_value(state: State, request: Request) -> Response:
    """BatchGetSecretValue: "you must include Filters or SecretIdList, but not both".

    "for up to 20 secrets"; MaxResults: "To use this parameter, you must also use the Filters parameter." That it sets
    LastAccessedDate is not recorded; a GetSecretValue of each secret in CloudTrail (API reference) speaks for it.
    """
    ids, filters = request.get("SecretIdList"), request.get("Filters")
    if filters is None and "MaxResults" in request:
        message = "You can't use MaxResults without Filters."
        raise errors.invalid_parameter(message)
    if (ids is None) == (filters is None):
        message = "Either 'SecretIdList' or 'Filters' must be provided, but not both."
        raise errors.invalid_parameter(message)
    names = ids if ids is not None else [secret.arn for secret in select(state, filters or [])]
    found: list[Response] = []
    failed: list[Response] = []
    one_page = page("SecretValues", [{"SecretId": name} for name in names], request, BATCH)
    for asked in one_page["SecretValues"]:
        try:
            found.append(get_secret_value(state, asked))
        except ServiceError as error:
            failed.append(asked | {"ErrorCode": error.code, "Message": error.message})
    return one_page | {"SecretValues": found, "Errors": failed}
