"""
Copies of a secret in other Regions: what is known of them, and a switch for each thing that is not.

Sources: API reference and user guide, "Replicate secrets across Regions"; botocore's service model; where neither says
it, public issue threads, named beside the rule. Nothing of replication was recorded.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Order(enum.StrEnum):
    """In which order value and labels arrive: not documented."""

    TOGETHER = "together"
    VALUE_FIRST = "value first"
    LABELS_FIRST = "labels first"


class AfterStop(enum.StrEnum):
    """What the old primary lists of a Region whose replica was made a secret of its own: not documented."""

    GONE = "gone"
    FAILED = "Failed"
    IN_SYNC = "InSync"


@dataclass(frozen=True)
class Replication:
    """One position of each switch."""

    order: Order = Order.VALUE_FIRST
    pending_copied: bool = False
    """Whether AWSPENDING comes along: not documented."""
    unlabelled_copied: bool = False
    """Whether versions without a label come along."""
    after_stop: AfterStop = AfterStop.FAILED
    force_over_primaries: bool = False
    """Whether ForceOverwriteReplicaSecret overwrites a secret that has replicas of its own."""
    sticks_within: timedelta = timedelta()
    """
    Within which time a second change of labels leaves a replica stuck for ever; zero is never.

    Seen by others: square/secretsmanager-rotation, pull request 12, two UpdateSecretVersionStage in quick succession.
    """
    status_late: timedelta = timedelta()
    """How long ReplicationStatus still says InSync after a change: nothing says when it leaves it."""


REPLICATIONS: Final[Mapping[str, Replication]] = {
    "value first": Replication(),
    "labels first": Replication(Order.LABELS_FIRST),
    "together": Replication(Order.TOGETHER),
    "AWSPENDING is copied": Replication(pending_copied=True),
    "versions without a label are copied": Replication(unlabelled_copied=True),
    "a stopped replica is gone": Replication(after_stop=AfterStop.GONE),
    "a stopped replica is InSync": Replication(after_stop=AfterStop.IN_SYNC),
    "Force overwrites a primary": Replication(force_over_primaries=True),
    "two changes of labels stick": Replication(sticks_within=timedelta(seconds=5)),
    "the status is late": Replication(status_late=timedelta(seconds=5)),
}
"""The usual one, and each that differs from it in one thing."""


class Reason(enum.StrEnum):
    """Why a replication fails (user guide, "Troubleshoot replication"); the service's own texts are not recorded."""

    NAME = "A secret with the same name already exists in this Region."
    NO_PERMISSION = "The caller lacks kms:Decrypt on the primary's key, or kms:Encrypt on the replica's."
    NO_KEY = "The encryption key is disabled or not found."
    NOT_ENABLED = "The Region is not enabled."
    NETWORK = "Secrets Manager could not reach the Region."
