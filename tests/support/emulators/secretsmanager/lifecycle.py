"""The operations that make, describe, change, list and delete secrets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager import errors, replicate
from tests.support.emulators.secretsmanager.accounts import check_owner
from tests.support.emulators.secretsmanager.model import Request, Response, Secret
from tests.support.emulators.secretsmanager.selection import in_order, page, select
from tests.support.emulators.secretsmanager.values import store, value_in
from tests.support.emulators.wire.clock import epoch

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.state import State

SHORTEST_WINDOW, LONGEST_WINDOW = 7, 30


def create_secret(state: State, request: Request) -> Response:
    """CreateSecret."""
    name, value = request["Name"], value_in(request)
    existing = state.find(name)
    if existing is not None and existing.name == name:
        return _repeated(existing, request)
    now = state.clock()
    secret = Secret(state.arn_for(name), name, now, now)
    secret.description, secret.kms_key = request.get("Description", ""), request.get("KmsKeyId", "")
    secret.tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
    state.secrets[secret.arn] = secret
    if value is not None:
        store(state, secret, request["ClientRequestToken"], value, None)
    try:
        force = request.get("ForceOverwriteReplicaSecret", False)
        replicate.add_regions(state, secret, request.get("AddReplicaRegions", []), force=force)
    except errors.ServiceError:
        del state.secrets[secret.arn]
        raise
    statuses = replicate.statuses(state, secret)
    return _created(secret) | ({"ReplicationStatus": statuses} if statuses else {})


def _created(secret: Secret) -> Response:
    version = {"VersionId": next(iter(secret.versions))} if secret.versions else {}
    return {"ARN": secret.arn, "Name": secret.name} | version


def _repeated(secret: Secret, request: Request) -> Response:
    """Answer a name that is taken; a repetition with the same token and value is a success.

    Recorded: LocalStack, test_exp_raised_on_creation_of_secret_scheduled_for_deletion, test_secret_exists
    (2024-03-15); moto, test_create_secret_same_token, _different_… and _duplicate_… (2026-02-13).
    """
    if secret.deletion is not None:
        message = "You can't create this secret because a secret with this name is already scheduled for deletion."
        raise errors.invalid_request(message)
    version = secret.versions.get(request.get("ClientRequestToken", ""))
    if version is not None and version.value != value_in(request):
        raise errors.token_in_use(version.version_id, secret.arn)
    if version is None:
        message = f"The operation failed because the secret {secret.name} already exists."
        raise errors.resource_exists(message)
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": version.version_id}


def describe_secret(state: State, request: Request) -> Response:
    """DescribeSecret, of deleted secrets too: "only returns fields that have a value".

    Recorded: what was never configured is absent, KmsKeyId for the default key too (LocalStack, all of describe_*).
    API reference, DescribeSecret, LastRotatedDate: none "if […] rotation has been disabled"; DeletedDate: "The date the
    secret is scheduled for deletion."
    """
    secret = state.any(request["SecretId"])
    own = {
        "LastRotatedDate": _stamp(secret.rotation.last_rotated if secret.rotation.enabled else None),
        "DeletedDate": _stamp(secret.deletion),
        "ReplicationStatus": replicate.statuses(state, secret) or None,
    }
    return _present(description(state, secret, "VersionIdsToStages") | own)


def description(state: State, secret: Secret, versions_key: str) -> Response:
    """Return all that is known about a secret except its values, as a list has it.

    API reference, SecretListEntry, LastRotatedDate: none "if the secret hasn't ever rotated"; DeletedDate: "The date
    and time the deletion of the secret occurred."
    """
    rotation = secret.rotation
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": secret.description,
        "KmsKeyId": secret.kms_key,
        "RotationEnabled": rotation.enabled,
        "RotationLambdaARN": rotation.lambda_arn,
        "RotationRules": rotation.rules,
        "LastRotatedDate": _stamp(rotation.last_rotated),
        "LastChangedDate": _stamp(secret.changed),
        "LastAccessedDate": _stamp(secret.accessed),
        "DeletedDate": _stamp(secret.deleted_at),
        "NextRotationDate": _stamp(rotation.next_rotation),
        "Tags": _tag_list(secret),
        versions_key: secret.version_ids_to_stages(),
        "CreatedDate": _stamp(secret.created),
        "OwningService": secret.owning_service,
        "PrimaryRegion": replicate.primary_region(state, secret),
        "Type": secret.external_type,
    }


def _present(fields: Response) -> Response:
    return {name: value for name, value in fields.items() if value not in (None, "", {})}


def _stamp(moment: datetime | None) -> float | None:
    return None if moment is None else epoch(moment)


def _tag_list(secret: Secret) -> list[dict[str, str]] | None:
    """Return the tags: none while there never were any, an empty list after the last (recorded: test_secret_tags)."""
    listed = [{"Key": key, "Value": value} for key, value in secret.tags.items()]
    return listed if listed or secret.had_tags else None


def list_secrets(state: State, request: Request) -> Response:
    """ListSecrets: deleted ones only with IncludePlannedDeletion."""
    with_deleted = request.get("IncludePlannedDeletion", False)
    secrets = in_order(select(state, request.get("Filters", []), with_deleted=with_deleted), request)
    listed = page("SecretList", secrets, request)
    shown = [_present(description(state, secret, "SecretVersionsToStages")) for secret in listed["SecretList"]]
    return listed | {"SecretList": shown}


def update_secret(state: State, request: Request) -> Response:
    """UpdateSecret: metadata, and a new AWSCURRENT version when there is a value."""
    secret, value = state.live(request["SecretId"]), value_in(request)
    check_owner(secret)
    response = {"ARN": secret.arn, "Name": secret.name}
    if value is not None:
        store(state, secret, request["ClientRequestToken"], value, None)
        response["VersionId"] = request["ClientRequestToken"]
    secret.description = request.get("Description", secret.description)
    secret.kms_key = request.get("KmsKeyId", secret.kms_key)
    secret.changed = state.clock()
    return response


def delete_secret(state: State, request: Request) -> Response:
    """DeleteSecret: at once, or after a recovery window of 7 to 30 days."""
    window, force = request.get("RecoveryWindowInDays"), request.get("ForceDeleteWithoutRecovery", False)
    _check_window(window, force=force)
    if force:
        return _delete_at_once(state, request["SecretId"])
    secret = state.live(request["SecretId"])
    replicate.check_deletable(secret)
    secret.deleted_at = state.clock()
    secret.deletion = secret.deleted_at + timedelta(days=window or LONGEST_WINDOW)
    return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": epoch(secret.deletion)}


def _check_window(window: int | None, *, force: bool) -> None:
    if window is not None and force:
        message = "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."
        raise errors.invalid_parameter(message)
    if window is not None and not SHORTEST_WINDOW <= window <= LONGEST_WINDOW:
        message = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
        raise errors.invalid_parameter(message)


def _delete_at_once(state: State, secret_id: str) -> Response:
    """Delete without a window; for a secret that does not exist no error either (API reference).

    Recorded: of a deleted one too, and that it is not at once (LocalStack, test_force_delete_deleted_secret,
    2024-10-11, test_delete_non_existent_secret_returns_as_if_secret_exists, test_can_recreate_delete_secret).
    """
    now = state.clock()
    secret = state.find(secret_id)
    if secret is None:
        return {"ARN": state.arn_for(secret_id), "Name": secret_id, "DeletionDate": epoch(now)}
    replicate.check_deletable(secret)
    secret.deleted_at, secret.deletion = now, now + state.behaviour.deleted_after
    return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": epoch(now)}


def restore_secret(state: State, request: Request) -> Response:
    """RestoreSecret: removes the DeletedDate."""
    secret = state.any(request["SecretId"])
    secret.deletion = secret.deleted_at = None
    return {"ARN": secret.arn, "Name": secret.name}


def tag_resource(state: State, request: Request) -> Response:
    """TagResource: "appends tags to the existing list of tags"."""
    secret = state.live(request["SecretId"])
    secret.tags = secret.tags | {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    secret.changed = state.clock()
    return {}


def untag_resource(state: State, request: Request) -> Response:
    """UntagResource: "If a requested tag is not attached to the secret, […] the secret metadata is unchanged"."""
    secret = state.live(request["SecretId"])
    if secret.tags.keys().isdisjoint(request["TagKeys"]):
        return {}
    secret.had_tags |= bool(secret.tags)
    secret.tags = {key: value for key, value in secret.tags.items() if key not in request["TagKeys"]}
    secret.changed = state.clock()
    return {}
