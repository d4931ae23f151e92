"""
The secret of another Region becomes a replica of the one here: after a promotion, and on the way back.

What is there is overwritten, so nothing is done before somebody has named the very version that may be lost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rotation.errors import GuardViolation, RotationRefused, StoreError, VersionNotFound
from rotation.model import Replica, Stage
from rotation.promotion.old_primary import is_linked

if TYPE_CHECKING:
    from rotation.deadline import Deadline
    from rotation.model import Versions
    from rotation.promotion.case import Report
    from rotation.promotion.ports import RegionalStore
    from rotation.promotion.request import Return

LOOKS: Final = (0, 1.0, 3.0, 6.0)
"""Seconds before each look at the copy: it takes seconds."""

FAILED: Final = "Failed"
"""API reference, ReplicationStatusType."""


@dataclass
class Errand:
    """What a return works with."""

    request: Return
    store: RegionalStore
    deadline: Deadline
    report: Report


def give_back(errand: Errand) -> Report:
    """Replicate to the Region, or say in a dry run what would be done. Raises RotationError."""
    report, region = errand.report, errand.request.region
    here = errand.store.describe()
    if is_linked(here):
        raise GuardViolation(
            f"The secret is a replica of {here.primary_region} itself",
            where=here.arn,
            remedy="Run this in the Region whose secret is to be kept. Nothing was changed.",
        )
    report.about |= {"secret": here.arn, "region": here.region, "to": region}
    there = _seen(errand)
    if there is not None and there.primary_region == here.region:
        report.step(f"Replicate to {region}", None)
    else:
        _overwrite(errand, here, there)
    if not report.dry_run:
        _wait(errand)
    return report


def _seen(errand: Errand) -> Versions | None:
    """Look at what is there; None where there is no secret of that ARN. Raises StoreError where nobody answers."""
    try:
        return errand.store.describe_replica(errand.request.region)
    except VersionNotFound:
        return None


def _overwrite(errand: Errand, here: Versions, there: Versions | None) -> None:
    report, region, store = errand.report, errand.request.region, errand.store
    if there is not None:
        _require_losable(errand, here, there)
        if there.rotates:
            report.step(f"Switch rotation off in {region}", lambda: store.cancel_rotation(region))
    if there is None:
        report.step(f"Replicate to {region}", lambda: store.replicate(Replica(region, "")))
        return
    replica = Replica(region, "", kms_key=there.kms_key)
    report.step(f"Replicate to {region}, over version {errand.request.stale}", lambda: store.overwrite(replica))


def _require_losable(errand: Errand, here: Versions, there: Versions) -> None:
    """Raise GuardViolation unless somebody named what will be lost, and nothing else hangs on it."""
    region, current = errand.request.region, there.holding(Stage.CURRENT)
    others = sorted({replica.region for replica in there.replicas} - {here.region})
    if is_linked(there):
        others = [there.primary_region]
    if others:
        raise GuardViolation(
            f"The secret in {region} is replicated with {', '.join(others)}",
            where=there.arn,
            remedy=f"Nothing was changed. Promote the secret in {others[0]}, or let it become a replica of the one "
            "here, before.",
        )
    if errand.request.stale != current:
        unseen = " That version was never here: a rotation there made it." if current not in here.stages else ""
        raise GuardViolation(
            f"The secret in {region} would be lost, whose AWSCURRENT is version {current}",
            where=there.arn,
            remedy=f"Nothing was changed.{unseen} See that nobody needs its password, then give that version in "
            '"OverwriteStale".',
        )


def _wait(errand: Errand) -> None:
    """See that the copy serves what is current here. Raises RotationRefused, retryable, while it does not."""
    region = errand.request.region
    replica: Replica | None = None
    for pause in LOOKS:
        time.sleep(min(pause, errand.deadline.remaining()))
        here = errand.store.describe()
        replica = next((it for it in here.replicas if it.region == region), None)
        if _is_in_step(errand, here):
            return
    if replica is not None and replica.status == FAILED:
        raise _failed(errand, replica)
    raise RotationRefused(
        f"The replica in {region} does not serve AWSCURRENT yet",
        where=here.arn,
        remedy="Run this again until it does.",
        retryable=True,
    )


def _is_in_step(errand: Errand, here: Versions) -> bool:
    try:
        there = errand.store.describe_replica(errand.request.region)
    except StoreError:
        return False
    return there.primary_region == here.region and there.holding(Stage.CURRENT) == here.holding(Stage.CURRENT)


def _failed(errand: Errand, replica: Replica) -> GuardViolation:
    """Make the error of a Region where the secret did not give way: the old primary lists replicas still."""
    region = errand.request.region
    return GuardViolation(
        f"The replication to {region} failed: {replica.message or 'no reason was given'}",
        where=errand.report.about["secret"],
        remedy=f"Where a secret of that name stands in the way: delete it in {region}, as docs/regions.md tells "
        '(The way back), then run this again without "OverwriteStale".',
    )
