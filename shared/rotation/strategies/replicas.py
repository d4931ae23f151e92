"""Replicas in other Regions: whether they serve AWSCURRENT, and where a secret is rotated."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rotation.errors import RotationRefused, StoreError, VersionNotFound
from rotation.model import ReplicaGate, Stage, region_of

if TYPE_CHECKING:
    from rotation.delivery import Delivery
    from rotation.model import Replica, Secret, Versions

IN_SYNC: Final = "InSync"
"""API reference, ReplicationStatusType. It has no version: right after a change it may be the one of before."""

LOOKS: Final = (0, 1.0, 3.0)
"""Seconds before each look at the replicas: a copy that is under way takes seconds."""


def require_in_step(delivery: Delivery, proven: Secret) -> None:
    """
    See, before a password ends, that every replica serves AWSCURRENT; its clients may use that very password.

    Without replicas it costs no call: createSecret has recorded whether there are any. Where AWSCURRENT is not what
    the server accepts, clients are rejected already, and the rotation helps them. Raises RotationRefused, retryable.
    """
    if proven is delivery.current and delivery.pending.overrides.made_at is not None:
        _gate(delivery, delivery.store.describe())


def require_in_step_or_begun(delivery: Delivery) -> None:
    """
    See the same before a version is made, by the labels that createSecret has observed anyway.

    A token that has a value goes on: it may be one that the server accepts by now, with AWSCURRENT refused.
    """
    versions = delivery.versions
    if versions is None or not versions.replicas:
        return
    try:
        _gate(delivery, versions)
    except RotationRefused:
        try:
            delivery.store.read(Stage.PENDING, delivery.token)
        except VersionNotFound:
            pass
        else:
            return
        raise


def region_to_record(delivery: Delivery) -> str | None:
    """Return the Region that the pending value is to name: the secret's own, where it has replicas."""
    versions = delivery.versions
    return versions.region if versions is not None and versions.replicas else None


def require_primary(versions: Versions) -> None:
    """Raise RotationRefused at a replica, naming the Region of its primary."""
    if versions.primary_region not in {"", versions.region}:
        raise _of_another_region(versions.arn, versions.primary_region)


def require_made_here(pending: Secret) -> None:
    """Raise RotationRefused where the pending value was made in another Region: it was copied here."""
    made_at = pending.overrides.made_at
    if made_at not in {None, region_of(pending.arn)}:
        raise _of_another_region(pending.arn, str(made_at))


def _of_another_region(arn: str, primary: str) -> RotationRefused:
    return RotationRefused(
        f"This rotation belongs to the Region {primary}, where the primary secret is",
        where=arn,
        remedy=f"Nothing was changed. Let the function in {primary} rotate it. If this secret was promoted since, take "
        "AWSPENDING off here, and rotate again.",
    )


def _gate(delivery: Delivery, versions: Versions) -> None:
    """Look at all replicas, some times; refuse or warn where one does not follow. Raises RotationRefused."""
    behind: list[Replica] = []
    for pause in LOOKS:
        if pause:
            time.sleep(min(pause, delivery.deadline.remaining()))
            versions = delivery.store.describe()
        behind = [replica for replica in versions.replicas if not _serves(delivery, versions, replica)]
        if not behind:
            return
    for replica in behind:
        refusal = _refusal(versions, replica)
        if delivery.settings.replica_gate is ReplicaGate.REFUSE:
            raise refusal
        delivery.observer.warn(f"{refusal.what}; its clients may be rejected soon", region=replica.region)


def _serves(delivery: Delivery, versions: Versions, replica: Replica) -> bool:
    """Return whether the replica serves AWSCURRENT: by its own labels, else by the status in the primary Region."""
    try:
        there = delivery.store.describe_replica(replica.region)
    except StoreError as error:
        delivery.observer.note(
            "A replica was judged by its status alone, the weaker proof",
            region=replica.region,
            status=replica.status,
            reason=type(error).__name__,
        )
        return replica.status == IN_SYNC
    return there.holding(Stage.CURRENT) == versions.holding(Stage.CURRENT)


def _refusal(versions: Versions, replica: Replica) -> RotationRefused:
    said = f"{replica.status}: {replica.message}" if replica.message else replica.status
    return RotationRefused(
        f"The replica in {replica.region} does not serve the version that is AWSCURRENT",
        where=versions.arn,
        remedy=f"Nothing was changed, and the service retries. The replica's status is {said}. Correct what that "
        "names, then run aws secretsmanager replicate-secret-to-regions for that Region, without overwriting. "
        "If nobody reads there, remove the Region, or set REPLICA_GATE to warn.",
        retryable=True,
    )
