"""Replicas in other Regions: whether they serve AWSCURRENT, and where a secret is rotated."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rotation.errors import RotationRefused, StoreError, VersionNotFound
from rotation.model import ReplicaGate, Stage, region_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rotation.delivery import Delivery
    from rotation.model import Replica, Secret, Versions

IN_SYNC: Final = "InSync"
"""API reference, ReplicationStatusType. It has no version: right after a change it may be the one of before."""
IN_PROGRESS: Final = "InProgress"
FAILED: Final = "Failed"

LOOKS: Final = (0, 1.0, 3.0)
"""Seconds before each look at the replicas: a copy that is under way takes seconds."""
LOOKS_ALONE: Final = (*LOOKS, 5.0, 5.0)
"""Those before the only password changes: the copy of AWSPENDING, or of a label, may have begun in this rotation."""


def require_in_step(delivery: Delivery, proven: Secret) -> None:
    """
    See, before a password ends, that every replica serves AWSCURRENT; its clients may use that very password.

    Without replicas it costs no call: createSecret has recorded whether there are any. Where AWSCURRENT is not what
    the server accepts, clients are rejected already, and the rotation helps them. Raises RotationRefused, retryable.
    """
    if proven is delivery.current and has_replicas(delivery):
        _gate(delivery, delivery.store.describe())


def require_in_step_alone(delivery: Delivery, proven: Secret) -> None:
    """
    See the same before the only password changes, and that nothing is being copied; say who is rejected for a while.

    A label that moves while one is copied may leave the replica stuck, with a password that is not valid any more.
    """
    if proven is delivery.current and has_replicas(delivery):
        versions = delivery.store.describe()
        _gate(delivery, versions, LOOKS_ALONE, at_rest=True)
        for replica in versions.replicas:
            delivery.observer.note(
                "Clients that read at a replica are rejected from the change until the copy arrives",
                region=replica.region,
            )


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


def rehearse(delivery: Delivery, versions: Versions) -> None:
    """Say of each replica whether it serves AWSCURRENT. Raises RotationRefused where a rotation would be refused."""
    _gate(delivery, versions)
    for replica in versions.replicas:
        delivery.observer.note("Dry run: looked at a replica", region=replica.region, status=replica.status)


def rejected_readers(delivery: Delivery) -> Sequence[str]:
    """Say what a change of the only password does to clients that read at replicas; a dry run asks."""
    replicas = delivery.versions.replicas if delivery.versions is not None else ()
    return [
        f"reject clients that read at the replica in {replica.region} from the change until the copy arrives there; "
        "the metric ReplicaLag says how long that lately took"
        for replica in replicas
    ]


def has_replicas(delivery: Delivery) -> bool:
    """Return whether the secret had replicas when its pending value was made, as that records; or has, before that."""
    if delivery.staged is None:
        return delivery.versions is not None and bool(delivery.versions.replicas)
    return delivery.pending.overrides.made_at is not None


def region_to_record(delivery: Delivery) -> str | None:
    """Return the Region that the pending value is to name: its own, where the secret has replicas, or once had some."""
    versions = delivery.versions
    if versions is None or not (versions.replicas or delivery.current.overrides.made_at):
        return None
    return versions.region


def require_primary(versions: Versions) -> None:
    """Raise RotationRefused at a replica, naming the Region of its primary."""
    if versions.primary_region not in {"", versions.region}:
        raise _of_another_region(versions.arn, versions.primary_region)


def require_made_here(pending: Secret) -> None:
    """Raise RotationRefused where the pending value was made in another Region: it was copied here."""
    made_at = pending.overrides.made_at
    if made_at not in {None, region_of(pending.arn)}:
        raise _of_another_region(pending.arn, str(made_at))


def try_again(delivery: Delivery, replica: Replica) -> None:
    """
    Ask once in an invocation for a replica that failed, where the settings say so. It overwrites and removes nothing.

    A secret of that name may be a replica that was promoted, with the only good password.
    """
    wanted = delivery.settings.replica_repair and replica.status == FAILED
    if not wanted or replica.region in delivery.replicated:
        return
    delivery.replicated.add(replica.region)
    try:
        delivery.store.replicate(replica)
    except StoreError as error:
        delivery.observer.warn(f"A replica that failed could not be asked for again: {error}", region=replica.region)
    else:
        delivery.observer.warn(
            "Asked for a replica again, which had failed", region=replica.region, reason=replica.message
        )


def _of_another_region(arn: str, primary: str) -> RotationRefused:
    return RotationRefused(
        f"This rotation belongs to the Region {primary}, where the primary secret is",
        where=arn,
        remedy=f"Nothing was changed. Let the function in {primary} rotate it. If this secret was promoted since, take "
        "AWSPENDING off here, and rotate again.",
    )


def _gate(delivery: Delivery, versions: Versions, looks: Sequence[float] = LOOKS, *, at_rest: bool = False) -> None:
    """Look at all replicas, some times; refuse or warn where one does not follow. Raises RotationRefused."""
    refusals: dict[str, RotationRefused] = {}
    for pause in looks:
        if pause:
            time.sleep(min(pause, delivery.deadline.remaining()))
            versions = delivery.store.describe()
        found = {it.region: _obstacle(delivery, versions, it, at_rest=at_rest) for it in versions.replicas}
        refusals = {region: obstacle for region, obstacle in found.items() if obstacle is not None}
        if not refusals:
            return
    for region, refusal in refusals.items():
        if delivery.settings.replica_gate is ReplicaGate.REFUSE:
            raise refusal
        delivery.observer.warn(f"{refusal.what}; its clients may be rejected soon", region=region)


def _obstacle(delivery: Delivery, versions: Versions, replica: Replica, *, at_rest: bool) -> RotationRefused | None:
    if not _serves(delivery, versions, replica):
        try_again(delivery, replica)
        what = f"The replica in {replica.region} does not serve the version that is AWSCURRENT"
        return _refusal(what, versions, replica)
    if at_rest and replica.status == IN_PROGRESS:
        return _refusal(f"A copy to the replica in {replica.region} is still under way", versions, replica)
    return None


def _serves(delivery: Delivery, versions: Versions, replica: Replica) -> bool:
    """Return whether the replica serves AWSCURRENT: by its own labels, else by the status in the primary Region."""
    try:
        there = delivery.store.describe_replica(replica.region)
    except StoreError as error:
        tell_weaker(delivery, replica, error)
        return replica.status == IN_SYNC
    return there.holding(Stage.CURRENT) == versions.holding(Stage.CURRENT)


def tell_weaker(delivery: Delivery, replica: Replica, error: StoreError) -> None:
    """Tell that a Region could not be asked."""
    delivery.observer.note(
        "A replica was judged by its status alone, the weaker proof",
        region=replica.region,
        status=replica.status,
        reason=type(error).__name__,
    )


def _refusal(what: str, versions: Versions, replica: Replica) -> RotationRefused:
    said = f"{replica.status}: {replica.message}" if replica.message else replica.status
    return RotationRefused(
        what,
        where=versions.arn,
        remedy=f"Nothing was changed, and the service retries. The replica's status is {said}. Correct what that "
        "names, then run aws secretsmanager replicate-secret-to-regions for that Region, without overwriting. "
        "If nobody reads there, remove the Region, or set REPLICA_GATE to warn.",
        retryable=True,
    )
