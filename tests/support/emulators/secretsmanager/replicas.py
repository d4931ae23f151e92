"""What a replica in another Region is once it was made a secret of its own."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from tests.support.arns import moved
from tests.support.emulators.secretsmanager.model import RotationSettings

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.model import Secret
    from tests.support.emulators.secretsmanager.state import State


def promote(state: State, secret_id: str, region: str) -> Secret:
    """Put beside a secret what StopReplicationToReplica leaves of its replica in another Region.

    User guide, Replicate secrets across Regions: replicated are values, labels, tags, the policy; not the rotation's
    configuration. Name and random characters stay; the ARN differs in the Region alone, and both are found by ARN
    here. A version without a label or without a value is not replicated: the guide promises neither.
    """
    with state.lock:
        primary = state.any(secret_id)
        replica = deepcopy(primary)
        replica.arn = moved(primary.arn, region)
        replica.versions = {
            version: it for version, it in replica.versions.items() if it.value and primary.stages(version)
        }
        replica.labels = {label: held for label, held in replica.labels.items() if held in replica.versions}
        replica.rotation, replica.running, replica.started_tokens = RotationSettings(), None, set()
        state.secrets[replica.arn] = replica
        return replica
