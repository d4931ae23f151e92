"""
What is not known of Secrets Manager, or is known in two ways: each a switch, played in both positions.

The defaults are what the real service was seen to do, where somebody recorded it. *Recorded* stands for the snapshots
that LocalStack's and moto's test suites took on AWS (LocalStack, tests/aws/services/secretsmanager; moto,
tests/test_secretsmanager, tests marked as verified); beside it stands the test's name.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class PendingAfterFinish(enum.StrEnum):
    """
    What moving AWSCURRENT does to the AWSPENDING of the version that becomes current.

    KEPT: recorded (LocalStack, test_update_secret_version_stages_current_pending, 2024-03-15, and five rotations of
    2023 and 2024); API reference, RotateSecret ("might be attached to the same version as the AWSCURRENT version").
    REMOVED: user guide, Rotation functions ("moves AWSCURRENT, which also removes the AWSPENDING label").
    """

    KEPT = "kept"
    REMOVED = "removed"


class PendingLeftBehind(enum.StrEnum):
    """
    What takes AWSPENDING off the version that AWSCURRENT leaves.

    Recorded is one case: a plain PutSecretValue moves AWSCURRENT on, and the old version has AWSPREVIOUS alone
    (LocalStack, test_update_secret_version_stages_current_pending, its third list). PUT and MOVE both explain it; what
    UpdateSecretVersionStage does when somebody rolls back is not recorded.
    """

    PUT = "by a new value"
    MOVE = "by any move of AWSCURRENT"


class DryRunValue(enum.StrEnum):
    """
    What the temporary AWSPENDING version of RotateImmediately=false holds; the API reference leaves it open.

    COPY: recorded (moto, test_rotate_secret_using_lambda_dont_rotate_immediately, 2025-02-02).
    """

    COPY = "copy"
    NONE = "none"


class RepeatedPut(enum.StrEnum):
    """
    What PutSecretValue with a token and a value that are there already does to the labels that it names.

    NOTHING: API reference, PutSecretValue, ClientRequestToken ("the request is ignored. The operation is idempotent").
    Not recorded for a version that has lost its label meanwhile; LABELS is the other reading.
    """

    NOTHING = "nothing"
    LABELS = "labels"


class AbsentLabel(enum.StrEnum):
    """By which error UpdateSecretVersionStage refuses RemoveFromVersionId that has not the label: not recorded."""

    PARAMETER = "InvalidParameterException"
    REQUEST = "InvalidRequestException"
    NOT_FOUND = "ResourceNotFoundException"


class Checks(enum.StrEnum):
    """In which order UpdateSecretVersionStage checks what may be wrong: not recorded."""

    VERSION_BEFORE_LABEL = "the caller, whether the versions are there, whether the label is on the one it leaves"
    LABEL_BEFORE_VERSION = "the caller, whether the label is on the version it leaves, whether the versions are there"
    CALLER_LAST = "the versions and the label, then the caller"


@dataclass(frozen=True)
class World:
    """One position of each switch."""

    pending_after_finish: PendingAfterFinish = PendingAfterFinish.KEPT
    pending_left_behind: PendingLeftBehind = PendingLeftBehind.PUT
    dry_run_value: DryRunValue = DryRunValue.COPY
    repeated_put: RepeatedPut = RepeatedPut.NOTHING
    absent_label: AbsentLabel = AbsentLabel.PARAMETER
    checks: Checks = Checks.VERSION_BEFORE_LABEL


RECORDED: Final = World()
BY_THE_MANUAL: Final = World(PendingAfterFinish.REMOVED, dry_run_value=DryRunValue.NONE)
"""What the user guide and the API reference say, where the service was seen to do otherwise."""

WORLDS: Final[Mapping[str, World]] = {
    "as recorded": RECORDED,
    "AWSPENDING goes with the move": World(pending_after_finish=PendingAfterFinish.REMOVED),
    "AWSPENDING goes when AWSCURRENT leaves": World(pending_left_behind=PendingLeftBehind.MOVE),
    "a dry run without a value": World(dry_run_value=DryRunValue.NONE),
    "a repeated put labels": World(repeated_put=RepeatedPut.LABELS),
    "an absent label is InvalidRequestException": World(absent_label=AbsentLabel.REQUEST),
    "an absent label is ResourceNotFoundException": World(absent_label=AbsentLabel.NOT_FOUND),
    "the label is checked before the version": World(checks=Checks.LABEL_BEFORE_VERSION),
    "the caller is checked last": World(checks=Checks.CALLER_LAST),
}
"""The world that was recorded, and each that differs from it in one thing."""
