"""What a replica in another Region is at one moment, beside its primary in one emulated service."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from tests.support.arns import moved
from tests.support.emulators.secretsmanager.model import RotationSettings

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.model import Secret
    from tests.support.emulators.secretsmanager.state import State


def copied(state: State, secret_id: str, region: str) -> Secret:
    """Put beside a secret its replica in another Region, which gets no more copies: the primary's Region may be lost.

    User guide, Replicate secrets across Regions: replicated are values, labels, tags, the policy; not the rotation's
    configuration. Name and random characters stay; the ARN differs in the Region alone, and both are found by ARN
    here. A version without a label or without a value is not replicated: the guide promises neither.
    """
    with state.lock:
        primary = state.any(secret_id)
        replica = deepcopy(primary)
        replica.arn, replica.primary_region = moved(primary.arn, region), primary.arn.split(":")[3]
        replica.versions = {
            version: it for version, it in replica.versions.items() if it.value and primary.stages(version)
        }
        replica.labels = {label: held for label, held in replica.labels.items() if held in replica.versions}
        replica.rotation, replica.running, replica.started_tokens = RotationSettings(), None, set()
        state.secrets[replica.arn] = replica
        return replica
