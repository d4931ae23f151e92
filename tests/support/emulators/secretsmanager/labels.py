"""The rules about versions and labels, on plain data: each either changes the secret or raises."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.support.emulators.secretsmanager import errors
from tests.support.emulators.secretsmanager.model import (
    CURRENT,
    PENDING,
    PREVIOUS,
    Secret,
    Value,
    Version,
)
from tests.support.emulators.secretsmanager.worlds import (
    Checks,
    PendingAfterFinish,
    PendingLeftBehind,
    RepeatedPut,
    World,
)

# User guide, Quotas: "Labels attached across all versions of a secret: 20".
MAX_LABELS = 20
# API reference, PutSecretValue: "keeps 100 of the most recent versions, but it keeps all secret versions
# created in the last 24 hours".
KEPT_VERSIONS = 100
KEPT_AGE = timedelta(hours=24)


def put_version(
    secret: Secret,
    token: str,
    value: Value,
    stages: list[str] | None,
    *,
    now: datetime,
    world: World,
) -> bool:
    """Store a value under a token; tell whether there is one now that was not there before.

    Recorded: without labels it becomes AWSCURRENT, also in an empty secret; with others AWSCURRENT stays (LocalStack,
    test_put_secret_value_with_version_stages, test_create_secret_version_from_empty_secret, 2024-03-15).
    """
    repeated = _is_repetition(secret, token, value)
    if repeated and world.repeated_put is RepeatedPut.NOTHING:
        return False
    secret.labels = _labels_after_put(secret, token, stages or [CURRENT], world)
    if repeated:
        return False
    version = secret.versions.setdefault(token, Version(token, now))
    version.value, version.created = value, now
    purge(secret, now)
    return True


def _is_repetition(secret: Secret, token: str, value: Value) -> bool:
    """Tell whether a token comes again with the same data, which is "ignored".

    API reference, PutSecretValue. With other data it fails. A version that RotateSecret staged has no
    value yet: the first put fills it. All three recorded: moto, test_put_secret_value_same_token,
    test_update_different_… and test_create_different_… (2026-02-13), and every rotation.
    """
    version = secret.versions.get(token)
    if version is None or version.value is None:
        return False
    if version.value != value:
        raise errors.token_in_use(token, secret.arn)
    return True


def _labels_after_put(secret: Secret, token: str, stages: list[str], world: World) -> dict[str, str]:
    """Return the labels after VersionStages moved from wherever they are, one by one.

    Recorded: LocalStack, test_non_versioning_version_stages_replacement. API reference, PutSecretValue: "If this
    operation creates the first version for the secret, then Secrets Manager automatically attaches the staging label
    AWSCURRENT to it."
    """
    first = all(version_id == token for version_id in secret.versions)
    labels = secret.labels
    for stage in [*stages, CURRENT] if first else stages:
        labels = with_label(labels, stage, token, world, by_put=True)
    return labels


def with_label(
    labels: dict[str, str], stage: str, version_id: str, world: World, *, by_put: bool = False
) -> dict[str, str]:
    """Return the labels after one of them came to a version.

    Recorded: labels of one's own stay where they are when AWSCURRENT moves, those that begin with AWS too
    (LocalStack, test_update_secret_version_stages_current_pending_cycle_custom_stages_1, _2).
    """
    former = labels.get(stage)
    after = labels | {stage: version_id}
    if stage == CURRENT and former not in {None, version_id}:
        # API reference, UpdateSecretVersionStage: "Whenever you move AWSCURRENT, Secrets Manager
        # automatically moves the label AWSPREVIOUS to the version that AWSCURRENT was removed from."
        # Recorded, for puts too: LocalStack, test_update_secret_version_stages_current_previous.
        after[PREVIOUS] = str(former)
        if after.get(PENDING) == former and (by_put or world.pending_left_behind is PendingLeftBehind.MOVE):
            del after[PENDING]
    if (
        stage == CURRENT
        and world.pending_after_finish is PendingAfterFinish.REMOVED
        and after.get(PENDING) == version_id
    ):
        del after[PENDING]
    if len(after) > MAX_LABELS:
        message = f"You can't have more than {MAX_LABELS} staging labels on the versions of a secret."
        raise errors.limit_exceeded(message)
    return after


def move_label(secret: Secret, stage: str, remove_from: str | None, move_to: str | None, world: World) -> None:
    """Apply UpdateSecretVersionStage. Onto a version without a value: not recorded, and taken."""
    _check_named(remove_from, move_to)
    if world.checks is Checks.LABEL_BEFORE_VERSION:
        _check_holder(secret, stage, remove_from, move_to, world)
    _check_versions(secret, remove_from, move_to)
    _check_holder(secret, stage, remove_from, move_to, world)
    if move_to is not None:
        secret.labels = with_label(secret.labels, stage, move_to, world)
        return
    if stage == CURRENT:  # that it is refused: API reference, StagingLabel; the code is not recorded
        message = (
            "You can only move staging label AWSCURRENT to a different secret version. "
            "It can’t be completely removed."  # noqa: RUF001 - the service's own apostrophe
        )
        raise errors.invalid_parameter(message)
    secret.labels = {label: holder for label, holder in secret.labels.items() if label != stage}


def _check_named(remove_from: str | None, move_to: str | None) -> None:
    if remove_from is None and move_to is None:
        message = "You must specify RemoveFromVersionId, MoveToVersionId, or both."
        raise errors.invalid_parameter(message)


def _check_versions(secret: Secret, remove_from: str | None, move_to: str | None) -> None:
    """Refuse unknown versions: API reference, ResourceNotFoundException; not recorded."""
    for version_id in (remove_from, move_to):
        if version_id is not None and version_id not in secret.versions:
            what = f"VersionId: {version_id}"
            raise errors.value_not_found(what)


def _check_holder(secret: Secret, stage: str, remove_from: str | None, move_to: str | None, world: World) -> None:
    """Check RemoveFromVersionId against the version that carries the label.

    API reference, UpdateSecretVersionStage: "If the label is attached and you either do not specify this
    parameter, or the version ID does not match, then the operation fails." Recorded is the first alone, with its text:
    moto, test_update_secret_version_stage_dont_specify_current_stage (2024-03-07). A label that already sits on the
    target needs no RemoveFromVersionId: not recorded.
    """
    holder = secret.labels.get(stage)
    if remove_from is None:
        if holder not in {None, move_to}:
            message = (
                f"The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently "
                f"attached to version {holder}, so you must explicitly reference that version in "
                "RemoveFromVersionId."
            )
            raise errors.invalid_parameter(message)
    elif remove_from != holder:
        message = (
            f"The parameter RemoveFromVersionId is not valid. Staging label {stage} is not attached to "
            f"version {remove_from}."
        )
        raise errors.answer(message, code=world.absent_label)


def purge(secret: Secret, now: datetime) -> None:
    """Drop the oldest versions without a label beyond 100, none of them younger than 24 hours."""
    labelled = set(secret.labels.values())
    old = [
        version
        for version in secret.versions.values()
        if version.version_id not in labelled and now - version.created >= KEPT_AGE
    ]
    surplus = max(0, len(secret.versions) - KEPT_VERSIONS)
    for version in sorted(old, key=lambda each: each.created)[:surplus]:
        del secret.versions[version.version_id]


def select_version(secret: Secret, version_id: str | None, stage: str | None) -> Version:
    """Find what GetSecretValue asks for; AWSCURRENT when it names nothing.

    API reference, GetSecretValue: "If you include both this parameter and VersionId, the two parameters
    must refer to the same secret version." A version without a value reads as not found (API reference,
    DescribeSecret: "To check whether a secret version contains a value, call GetSecretValue"). Texts and codes are
    recorded: LocalStack, test_get_secret_value_errors (2024-04-11), test_secret_version_not_found (2024-06-13).
    """
    if version_id is None:
        label = stage or CURRENT
        version, what = secret.at(label), f"staging label: {label}"
    else:
        version, what = secret.versions.get(version_id), f"VersionId: {version_id}"
    if version is not None and stage is not None and stage not in secret.stages(version.version_id):
        message = "You provided a VersionStage that is not associated to the provided VersionId."
        raise errors.invalid_request(message)
    if version is None or version.value is None:
        raise errors.value_not_found(what)
    return version
