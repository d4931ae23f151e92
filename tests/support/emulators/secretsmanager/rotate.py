"""RotateSecret and CancelRotateSecret: they stage and configure; a player drives the steps."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager import errors
from tests.support.emulators.secretsmanager.labels import with_label
from tests.support.emulators.secretsmanager.model import (
    CURRENT,
    PENDING,
    Request,
    Response,
    Rotation,
    Secret,
    Version,
)
from tests.support.emulators.secretsmanager.schedule import check_rules, next_rotation
from tests.support.emulators.secretsmanager.worlds import DryRunValue

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.state import State


def rotate_secret(state: State, request: Request) -> Response:
    """RotateSecret: returns when the pending version is staged, before any step has run."""
    secret = state.live(request["SecretId"])
    token = request["ClientRequestToken"]
    response = {"ARN": secret.arn, "Name": secret.name, "VersionId": token}
    if token in secret.started_tokens:
        # API reference, RotateSecret, ClientRequestToken: "helps ensure idempotency".
        return response
    _check_startable(state, secret, token, request)
    test_only = request.get("RotateImmediately") is False
    state.due.append(_stage(state, secret, token, test_only=test_only))
    _configure(state, secret, request)
    return response


def _check_startable(state: State, secret: Secret, token: str, request: Request) -> None:
    """Refuse what cannot begin; nothing is configured and nothing staged then. The order is not recorded."""
    pending = secret.labels.get(PENDING)
    if pending is not None and pending != secret.labels.get(CURRENT):
        # API reference, RotateSecret: AWSPENDING "present but not attached to the same version as
        # AWSCURRENT, then any later invocation of RotateSecret assumes that a previous rotation request
        # is still in progress and returns an error". Neither that nor its text is recorded.
        message = "A previous rotation isn't complete. That rotation will be reattempted."
        raise errors.invalid_request(message)
    function = request.get("RotationLambdaARN") or secret.rotation.lambda_arn
    if not function:
        # API reference, InvalidRequestException: "a secret that doesn't already have a Lambda function
        # ARN configured and you didn't include such an ARN". Recorded: LocalStack,
        # test_first_rotate_secret_with_missing_lambda_arn (2025-03-27).
        message = "No Lambda rotation function ARN is associated with this secret."
        raise errors.invalid_request(message)
    if state.invocable is not None and function not in state.invocable:
        # Recorded: LocalStack, test_rotate_secret_invalid_lambda_arn (2024-03-15).
        message = (
            "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants "
            "access to the principal secretsmanager.amazonaws.com."
        )
        raise errors.answer(message, code="AccessDeniedException")
    if token in secret.versions:
        message = f"You can't use ClientRequestToken {token}: a version of secret {secret.arn} has this id."
        raise errors.invalid_request(message)
    check_rules(request.get("RotationRules", {}))


def _configure(state: State, secret: Secret, request: Request) -> None:
    """Keep what the request configures; what it leaves out stays as stored (API reference, RotateSecret)."""
    settings = secret.rotation
    settings.enabled = True
    settings.lambda_arn = request.get("RotationLambdaARN") or settings.lambda_arn
    if request.get("RotationRules"):
        settings.rules = dict(request["RotationRules"])
    secret.changed = state.clock()
    settings.next_rotation = next_rotation(settings.rules, settings.last_rotated or secret.changed)


def _stage(state: State, secret: Secret, token: str, *, test_only: bool) -> Rotation:
    """Make the pending version, without a value.

    API reference, DescribeSecret: "Secrets Manager creates an AWSPENDING version ID before creating the
    new secret version." Recorded, with ResourceNotFoundException for its value: LocalStack,
    test_rotate_secret_with_lambda_success (2025-03-30).
    """
    secret.labels = with_label(secret.labels, PENDING, token, state.world)
    secret.versions[token] = Version(token, state.clock())
    current = secret.at(CURRENT)
    if test_only and current is not None and state.world.dry_run_value is DryRunValue.COPY:
        secret.versions[token].value = current.value
    secret.running = Rotation(secret.arn, token, str(uuid.uuid4()), test_only)
    secret.started_tokens.add(token)
    state.journal.rotation_tokens.append(secret.running.rotation_token)
    return secret.running


def cancel_rotate_secret(state: State, request: Request) -> Response:
    """CancelRotateSecret: "it can leave the VersionStage labels in an unexpected state": they stay."""
    secret = state.live(request["SecretId"])
    if secret.rotation.lambda_arn is None:
        # Neither documented nor recorded.
        message = "You can't cancel rotation for a secret that does not have rotation enabled."
        raise errors.invalid_request(message)
    running, secret.running = secret.running, None
    if running in state.due:
        state.due.remove(running)
    secret.rotation.enabled = False
    secret.rotation.next_rotation = None
    secret.changed = state.clock()
    response = {"ARN": secret.arn, "Name": secret.name}
    return response | ({"VersionId": running.token} if running else {})


def started(state: State, rotation: Rotation) -> None:
    """Record that the service begins to call the function."""
    rotation.attempts += 1
    name = "TestRotationStarted" if rotation.test_only else "RotationStarted"
    state.journal.event(name, state.any(rotation.arn), rotation.token, state.clock())


def ended(state: State, rotation: Rotation, failure: str | None) -> None:
    """Record the end of a run; a failed rotation stays, to be reattempted (API reference, DescribeSecret)."""
    secret, now = state.any(rotation.arn), state.clock()
    name = ("TestRotation" if rotation.test_only else "Rotation") + ("Failed" if failure else "Succeeded")
    state.journal.event(name, secret, rotation.token, now, failure or "")
    if rotation.test_only:
        _unstage(secret, rotation)
    elif failure is None:
        secret.running = None
        secret.rotation.last_rotated = secret.changed = now
        secret.rotation.next_rotation = next_rotation(secret.rotation.rules, now)


def _unstage(secret: Secret, rotation: Rotation) -> None:
    """Remove the temporary version.

    API reference, RotateSecret: "This test creates an AWSPENDING version of the secret and then removes it." Where
    AWSPENDING was on the current version before, it does not come back: not recorded.
    """
    secret.labels = {label: holder for label, holder in secret.labels.items() if holder != rotation.token}
    secret.versions.pop(rotation.token, None)
    secret.running = None
