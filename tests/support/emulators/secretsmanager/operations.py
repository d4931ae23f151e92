"""The operations that the service knows, by name."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.emulators.secretsmanager import lifecycle, policies, replicate, rotate, values
from tests.support.emulators.secretsmanager.model import Request, Response
from tests.support.emulators.secretsmanager.passwords import get_random_password
from tests.support.emulators.secretsmanager.state import State

Operation = Callable[[State, Request], Response]

OPERATIONS: dict[str, Operation] = {
    "BatchGetSecretValue": values.batch_get_secret_value,
    "CancelRotateSecret": rotate.cancel_rotate_secret,
    "CreateSecret": lifecycle.create_secret,
    "DeleteResourcePolicy": policies.delete_resource_policy,
    "DeleteSecret": lifecycle.delete_secret,
    "DescribeSecret": lifecycle.describe_secret,
    "GetRandomPassword": get_random_password,
    "GetResourcePolicy": policies.get_resource_policy,
    "GetSecretValue": values.get_secret_value,
    "ListSecretVersionIds": values.list_secret_version_ids,
    "ListSecrets": lifecycle.list_secrets,
    "PutResourcePolicy": policies.put_resource_policy,
    "PutSecretValue": values.put_secret_value,
    "RemoveRegionsFromReplication": replicate.remove_regions_from_replication,
    "ReplicateSecretToRegions": replicate.replicate_secret_to_regions,
    "RestoreSecret": lifecycle.restore_secret,
    "RotateSecret": rotate.rotate_secret,
    "StopReplicationToReplica": replicate.stop_replication_to_replica,
    "TagResource": lifecycle.tag_resource,
    "UntagResource": lifecycle.untag_resource,
    "UpdateSecret": lifecycle.update_secret,
    "UpdateSecretVersionStage": values.update_secret_version_stage,
    "ValidateResourcePolicy": policies.validate_resource_policy,
}
