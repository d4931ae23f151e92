"""The operations that make, remove and promote replicas, and what a replica refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.arns import moved
from tests.support.emulators.secretsmanager import errors
from tests.support.emulators.secretsmanager.model import Replica, Secret
from tests.support.emulators.secretsmanager.replication import Reason
from tests.support.emulators.wire.clock import epoch

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.model import Request, Response
    from tests.support.emulators.secretsmanager.network import Network
    from tests.support.emulators.secretsmanager.state import State

READS = frozenset(
    {
        "BatchGetSecretValue",
        "DescribeSecret",
        "GetResourcePolicy",
        "GetSecretValue",
        "ListSecretVersionIds",
        "ValidateResourcePolicy",
    }
)
# The one change that is made at a replica; API reference: "You must call this operation from the Region in which you
# want to promote the replica to a primary secret."
PROMOTION = "StopReplicationToReplica"


def check_replica(state: State, operation: str, request: Request) -> None:
    """Refuse every write at a replica.

    Seen by others for DeleteSecret and PutResourcePolicy, with this code and text: gruntwork-io/cloud-nuke 435,
    rebuy-de/aws-nuke 1127, lgallard/terraform-aws-secrets-manager 188. All other writes by analogy, RotateSecret too,
    since a replica is rotated with its primary (user guide). The change of a replica's key is among them: by which call
    it may be made is not said.
    """
    secret_id = request.get("SecretId")
    secret = state.find(secret_id) if isinstance(secret_id, str) else None
    if secret is None or not secret.primary_region or operation in READS or operation == PROMOTION:
        return
    message = "Operation not permitted on a replica secret. Call must be made in primary secret's region."
    raise errors.invalid_parameter(message)


def check_deletable(secret: Secret) -> None:
    """Refuse to delete a primary that has replicas, and list them (aws-nuke 1127; the text is not quoted there)."""
    if secret.replicas:
        regions = ", ".join(sorted(secret.replicas))
        message = f"You can't delete secret {secret.name} that still has replica regions [{regions}]"
        raise errors.invalid_parameter(message)


def add_regions(state: State, secret: Secret, added: list[Request], *, force: bool) -> None:
    """Make replicas, each of which fills later; a Region that cannot have one is Failed, and says why."""
    if not added:
        return
    regions = _regions(state)
    if unknown := [one["Region"] for one in added if not regions.has(one["Region"])]:
        message = f"Invalid replica region {unknown[0]}."
        raise errors.invalid_parameter(message)
    if state.behaviour.region in {one["Region"] for one in added}:
        message = "Invalid replica region: it is the primary secret's own."
        raise errors.invalid_parameter(message)
    for one in added:
        _add(state, secret, one["Region"], one.get("KmsKeyId", ""), force=force)


def _add(state: State, secret: Secret, region: str, kms_key: str, *, force: bool) -> None:
    """Make one, or try a failed one again (the console's "Retry replication")."""
    regions, known = _regions(state), secret.replicas.get(region)
    if known is not None and known.failed is None and not known.stuck:
        return  # not documented: taken as done
    replica = secret.replicas[region] = Replica(region, kms_key or (known.kms_key if known else ""))
    existing = regions.find(secret.name, region)
    ours = existing is not None and known is not None and bool(existing.primary_region)
    if region in regions.disabled:
        replica.failed = regions.disabled[region]
    elif existing is not None and not ours and not _overwrites(regions, existing, force=force):
        replica.failed = Reason.NAME
    if replica.failed is not None:
        replica.served = ours
        return
    if existing is not None and ours:
        replica.served = any(it.value for it in existing.versions.values())
        return
    now = state.clock()
    copy = Secret(moved(secret.arn, region), secret.name, now, now, kms_key=replica.kms_key)
    copy.primary_region = secret.arn.split(":")[3]
    regions.place(copy, region)


def _overwrites(regions: Network, existing: Secret, *, force: bool) -> bool:
    """Return whether a secret of that name gives way: with Force (API reference); of a primary it is not known."""
    return force and (not existing.replicas or regions.replication.force_over_primaries)


def replicate_secret_to_regions(state: State, request: Request) -> Response:
    """ReplicateSecretToRegions: answers before anything was copied."""
    secret = state.live(request["SecretId"])
    force = request.get("ForceOverwriteReplicaSecret", False)
    add_regions(state, secret, request["AddReplicaRegions"], force=force)
    return {"ARN": secret.arn, "ReplicationStatus": statuses(state, secret)}


def remove_regions_from_replication(state: State, request: Request) -> Response:
    """RemoveRegionsFromReplication: "deletes the secret replicas", at once and without a recovery window.

    A replica that was promoted is no replica any more and stays: what the service does to it is not known.
    """
    secret, regions = state.live(request["SecretId"]), _regions(state)
    for region in request["RemoveReplicaRegions"]:
        if region not in secret.replicas:
            message = f"The secret has no replica in the region {region}."  # not documented
            raise errors.invalid_parameter(message)
    for region in request["RemoveReplicaRegions"]:
        replica = secret.replicas.pop(region)
        if not replica.stopped and replica.failed is not Reason.NAME:
            regions.drop(secret.name, region)
    return {"ARN": secret.arn, "ReplicationStatus": statuses(state, secret)}


def stop_replication_to_replica(state: State, request: Request) -> Response:
    """StopReplicationToReplica: the replica becomes a secret of its own, whether the primary is there or not.

    User guide, Promote a replica: the remedy where the primary is not there any more. Rotation has to be configured
    anew. Of a secret that is no replica: the code is not documented.
    """
    secret = state.live(request["SecretId"])
    if not secret.primary_region:
        message = "Operation not permitted on a secret that is not a replica."
        raise errors.invalid_request(message)
    secret.primary_region = ""
    return {"ARN": secret.arn}


def statuses(state: State, secret: Secret) -> list[Response]:
    """Return ReplicationStatus; LastAccessedDate is the Region's own, in whole days (API reference)."""
    if state.regions is None:
        return []
    now, late = state.clock(), state.regions.replication.status_late
    listed = []
    for region, replica in secret.replicas.items():
        there = state.regions.find(secret.name, region)
        read = there.accessed if there is not None and there.primary_region else None
        listed.append(replica.listed(now, late) | ({"LastAccessedDate": epoch(read)} if read else {}))
    return listed


def primary_region(state: State, secret: Secret) -> str:
    """Return PrimaryRegion: shown where a secret takes part in replication, on both ends (aws-nuke 1127)."""
    return secret.primary_region or (state.behaviour.region if secret.replicas else "")


def _regions(state: State) -> Network:
    if state.regions is None:
        message = "The emulated service has one Region."
        raise errors.invalid_parameter(message)
    return state.regions
