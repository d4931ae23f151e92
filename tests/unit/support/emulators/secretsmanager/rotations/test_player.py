"""The four steps as the player of the emulated Secrets Manager delivers them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.emulators.secretsmanager.rotation import STEPS, NothingToRetry, RotationPlayer, StepResult

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.support.emulators.secretsmanager.minimal_function import MinimalFunction
    from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager

FIRST, TOKEN, OTHER = ("1" * 32, "t" * 32, "o" * 32)
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:rotation"


def start(client: SecretsManagerClient, token: str = TOKEN) -> None:
    client.rotate_secret(SecretId="app", ClientRequestToken=token, RotationLambdaARN=FUNCTION)


def events(emulator: EmulatedSecretsManager) -> list[str]:
    return [event.name for event in emulator.events]


def test_a_rotation_runs_the_four_steps_in_order(
    player: RotationPlayer, function: MinimalFunction, emulator: EmulatedSecretsManager
) -> None:
    """The steps come in order, each with the secret's ARN, the token and the rotation's own token."""
    result = player.rotate("app", TOKEN)
    assert result.succeeded
    assert function.steps == list(STEPS)
    arn, rotation_token = emulator.state.any("app").arn, function.events[0]["RotationToken"]
    expected = {"SecretId": arn, "ClientRequestToken": TOKEN, "RotationToken": rotation_token}
    assert all(event == expected | {"Step": event["Step"]} for event in function.events)
    assert 36 <= len(rotation_token) <= 256


def test_a_rotation_ends_with_the_new_value_current(player: RotationPlayer, emulator: EmulatedSecretsManager) -> None:
    """After a rotation the token's version is AWSCURRENT and the one before is AWSPREVIOUS."""
    player.rotate("app", TOKEN)
    assert (emulator.labels("app")["AWSCURRENT"], emulator.labels("app")["AWSPREVIOUS"]) == (TOKEN, FIRST)
    assert events(emulator) == ["RotationStarted", "RotationSucceeded"]


def test_the_next_rotation_may_start_after_a_success(player: RotationPlayer) -> None:
    """AWSPENDING on the current version, or nowhere, blocks nothing."""
    assert [player.rotate("app").succeeded for _ in range(3)] == [True, True, True]


@pytest.mark.parametrize("failing", STEPS)
def test_a_rotation_stops_at_the_first_failing_step(
    player: RotationPlayer, function: MinimalFunction, emulator: EmulatedSecretsManager, failing: str
) -> None:
    """No step follows one that failed; AWSPENDING stays, AWSCURRENT is untouched, nothing is rotated."""
    function.fails = [failing]
    result = player.rotate("app", TOKEN)
    assert (result.succeeded, result.failure) == (False, f"{failing}: StepFailed")
    assert function.steps == list(STEPS[: STEPS.index(failing) + 1])
    assert emulator.labels("app") == {"AWSCURRENT": FIRST, "AWSPENDING": TOKEN}
    assert events(emulator) == ["RotationStarted", "RotationFailed"]
    assert "LastRotatedDate" not in function.client.describe_secret(SecretId="app")


def test_a_failed_rotation_is_retried_as_a_whole(
    player: RotationPlayer, function: MinimalFunction, emulator: EmulatedSecretsManager
) -> None:
    """A retry begins at createSecret again, with the same token, and keeps the value that is there."""
    function.fails = ["testSecret"]
    player.rotate("app", TOKEN)
    pending = emulator.value("app", "AWSPENDING")
    function.fails = []
    result = player.retry("app")
    assert (result.succeeded, result.token) == (True, TOKEN)
    assert function.steps[3:] == list(STEPS)
    assert emulator.value("app") == pending


def test_nothing_is_retried_after_a_success(player: RotationPlayer) -> None:
    """Only a rotation that failed and still has AWSPENDING waits for a retry."""
    player.rotate("app")
    with pytest.raises(NothingToRetry):
        player.retry("app")


def test_an_operator_abandons_by_taking_pending_off(
    player: RotationPlayer, function: MinimalFunction, emulator: EmulatedSecretsManager
) -> None:
    """Without AWSPENDING there is nothing to retry, and a new rotation may start."""
    function.fails = ["setSecret"]
    player.rotate("app", TOKEN)
    player.abandon("app")
    with pytest.raises(NothingToRetry):
        player.retry("app")
    function.fails = []
    assert player.rotate("app", OTHER).succeeded
    assert emulator.labels("app")["AWSCURRENT"] == OTHER


def test_a_rotation_that_is_abandoned_midway_stops(
    player: RotationPlayer, function: MinimalFunction, emulator: EmulatedSecretsManager
) -> None:
    """No further step is delivered once another version came."""
    operator = emulator.client()

    def invoke(event: dict[str, str]) -> None:
        function(event)
        if event["Step"] == "setSecret":
            operator.put_secret_value(SecretId="app", SecretString="by hand")

    player.invoke = invoke
    result = player.rotate("app")
    assert result.failure == "setSecret: the rotation was abandoned"
    assert emulator.value("app") == "by hand"


def test_a_function_that_takes_pending_off_itself_succeeds(
    player: RotationPlayer, function: MinimalFunction, emulator: EmulatedSecretsManager
) -> None:
    """The documented finishSecret, which removes AWSPENDING after the move, ends a rotation as well."""

    def invoke(event: dict[str, str]) -> None:
        function(event)
        if event["Step"] == "finishSecret" and "AWSPENDING" in emulator.labels("app"):
            ask = {"SecretId": "app", "VersionStage": "AWSPENDING", "RemoveFromVersionId": TOKEN}
            function.client.update_secret_version_stage(**ask)

    player.invoke = invoke
    assert player.rotate("app", TOKEN).succeeded
    assert emulator.labels("app") == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}


def test_steps_that_pass_without_the_label_move_are_no_success(
    player: RotationPlayer, emulator: EmulatedSecretsManager
) -> None:
    """A function that claims success but moved nothing has failed its rotation."""
    player.invoke = lambda _event: None
    result = player.rotate("app")
    assert result.failure == "finishSecret: AWSCURRENT was not moved to the new version"
    assert events(emulator) == ["RotationStarted", "RotationFailed"]


def test_rotations_can_be_played_in_the_background(client: SecretsManagerClient, player: RotationPlayer) -> None:
    """While a player serves, a RotateSecret through the API is played as the service would."""
    with player.serving() as results:
        start(client)
    assert [result.token for result in results] == [TOKEN]
    assert client.get_secret_value(SecretId="app")["VersionId"] == TOKEN


def test_calls_are_counted_per_step_and_caller(
    client: SecretsManagerClient, player: RotationPlayer, function: MinimalFunction, emulator: EmulatedSecretsManager
) -> None:
    """A step's calls are the function's: what an application reads meanwhile is not among them."""

    def invoke(event: dict[str, str]) -> None:
        client.get_secret_value(SecretId="app")
        function(event)

    player.invoke = invoke
    result = player.rotate("app", TOKEN)
    assert [call.operation for call in result.calls] == [
        "PutSecretValue",
        "DescribeSecret",
        "UpdateSecretVersionStage",
    ]
    assert [len(step.calls) for step in result.steps] == [1, 0, 0, 2]
    counts = emulator.journal.calls_per_step(TOKEN, caller="function")
    assert counts["createSecret"] == {"PutSecretValue": 1}


def test_progress_is_told_step_by_step(player: RotationPlayer) -> None:
    """The callback hears of every step when it ends, with its time."""
    heard: list[StepResult] = []
    player.on_step = heard.append
    result = player.rotate("app")
    assert tuple(heard) == result.steps
    assert all(step.seconds > 0 for step in heard)


@pytest.mark.parametrize("together", [False, True])
def test_a_step_can_be_delivered_twice(
    player: RotationPlayer, function: MinimalFunction, emulator: EmulatedSecretsManager, *, together: bool
) -> None:
    """A duplicate comes after the first or at the same time, once."""
    emulator.faults.deliver_twice("setSecret", together=together)
    assert player.rotate("app").succeeded
    assert function.steps.count("setSecret") == 2
    player.rotate("app")
    assert function.steps.count("setSecret") == 3


def test_an_event_can_be_delivered_by_hand(
    player: RotationPlayer, function: MinimalFunction, emulator: EmulatedSecretsManager
) -> None:
    """A late step arrives with the secret's ARN and whatever token the test chooses."""
    result = player.deliver("app", "finishSecret", FIRST)
    assert (result.step, result.error) == ("finishSecret", None)
    arn = emulator.state.any("app").arn
    assert function.events == [{"Step": "finishSecret", "SecretId": arn, "ClientRequestToken": FIRST}]


def test_no_secret_value_or_rotation_token_shows_in_a_repr(
    player: RotationPlayer, emulator: EmulatedSecretsManager
) -> None:
    """What tests print of journal and state holds neither passwords nor rotation tokens."""
    result = player.rotate("app")
    player.emulator.execute("RotateSecret", {"SecretId": "app", "ClientRequestToken": OTHER})
    printed = f"{result} {emulator.journal} {emulator.state} {emulator.calls()}"
    assert emulator.stored_passwords() == ["zero", "password-0"]
    hidden = emulator.stored_passwords() + emulator.journal.rotation_tokens
    assert not [secret for secret in hidden if secret in printed]
