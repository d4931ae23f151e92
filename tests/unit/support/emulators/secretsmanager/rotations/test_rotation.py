"""RotateSecret, dry runs and abandonment in the emulated Secrets Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.emulators.secretsmanager.expectations import error_code, refusal
from tests.support.emulators.secretsmanager.minimal_function import MinimalFunction
from tests.support.emulators.secretsmanager.rotation import NothingToRetry, RotationPlayer
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.secretsmanager.worlds import BY_THE_MANUAL, RECORDED, DryRunValue, World

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.support.emulators.wire.clock import ManualClock

FIRST, TOKEN, OTHER = ("1" * 32, "t" * 32, "o" * 32)
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:rotation"


def start(client: SecretsManagerClient, token: str = TOKEN) -> None:
    client.rotate_secret(SecretId="app", ClientRequestToken=token, RotationLambdaARN=FUNCTION)


def events(emulator: EmulatedSecretsManager) -> list[str]:
    return [event.name for event in emulator.events]


def test_rotate_secret_stages_a_version_without_a_value(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager
) -> None:
    """RotateSecret returns with AWSPENDING on a version that has no value, and nothing else has happened."""
    start(client)
    assert client.describe_secret(SecretId="app")["VersionIdsToStages"][TOKEN] == ["AWSPENDING"]
    listed = client.list_secret_version_ids(SecretId="app", IncludeDeprecated=True)["Versions"]
    assert [version["VersionId"] for version in listed] == [FIRST]
    for ask in ({"VersionStage": "AWSPENDING"}, {"VersionId": TOKEN, "VersionStage": "AWSPENDING"}):
        assert error_code(client.get_secret_value, SecretId="app", **ask) == "ResourceNotFoundException"
    assert client.get_secret_value(SecretId="app")["VersionId"] == FIRST
    assert events(emulator) == []


def test_the_first_put_fills_the_staged_version(client: SecretsManagerClient) -> None:
    """A put with the rotation's token gives the empty version its value; another value is then refused."""
    start(client)
    ask = {"SecretId": "app", "ClientRequestToken": TOKEN, "VersionStages": ["AWSPENDING"]}
    client.put_secret_value(**ask, SecretString="new")  # type: ignore[arg-type]
    assert client.get_secret_value(SecretId="app", VersionStage="AWSPENDING")["SecretString"] == "new"
    assert error_code(client.put_secret_value, **ask, SecretString="other") == "ResourceExistsException"


def test_a_rotation_without_a_function_is_refused(client: SecretsManagerClient) -> None:
    """Without a stored Lambda ARN and without one in the call nothing starts."""
    code, message = refusal(client.rotate_secret, SecretId="app")
    assert (code, message) == (
        "InvalidRequestException",
        "No Lambda rotation function ARN is associated with this secret.",
    )
    assert "RotationEnabled" not in client.describe_secret(SecretId="app")


def test_a_function_that_cannot_be_invoked_is_refused(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager
) -> None:
    """RotateSecret itself says so where the permission is missing; nothing is configured, nothing staged."""
    emulator.state.invocable = set()
    before = emulator.labels("app")
    code, message = refusal(client.rotate_secret, SecretId="app", RotationLambdaARN=FUNCTION)
    assert code == "AccessDeniedException"
    assert message.endswith("grants access to the principal secretsmanager.amazonaws.com.")
    assert "RotationEnabled" not in client.describe_secret(SecretId="app")
    assert emulator.labels("app") == before
    emulator.state.invocable = {FUNCTION}
    start(client)
    assert emulator.labels("app")["AWSPENDING"] == TOKEN


def test_a_persons_value_makes_way_for_the_next_rotation(
    client: SecretsManagerClient, player: RotationPlayer, emulator: EmulatedSecretsManager
) -> None:
    """A put takes AWSPENDING off the version that was current, so that RotateSecret is not refused."""
    player.rotate("app", TOKEN)
    client.put_secret_value(SecretId="app", SecretString="by hand", ClientRequestToken=OTHER)
    assert emulator.labels("app") == {"AWSCURRENT": OTHER, "AWSPREVIOUS": TOKEN}
    assert player.rotate("app").succeeded


def test_the_stored_function_and_rules_are_reused(client: SecretsManagerClient, player: RotationPlayer) -> None:
    """A call without parameters uses the ARN and the schedule that are stored, and keeps them."""
    rules = {"ScheduleExpression": "rate(10 days)", "Duration": "3h"}
    client.rotate_secret(SecretId="app", RotationLambdaARN=FUNCTION, RotationRules=rules)  # type: ignore[arg-type]
    player.run()
    client.rotate_secret(SecretId="app")
    described = client.describe_secret(SecretId="app")
    assert (described["RotationEnabled"], described["RotationLambdaARN"]) == (True, FUNCTION)
    assert described["RotationRules"] == rules


def test_an_unfinished_rotation_blocks_the_next(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """While AWSPENDING sits on another version than AWSCURRENT no rotation starts, and nothing changes."""
    start(client)
    before = emulator.labels("app")
    code, message = refusal(client.rotate_secret, SecretId="app")
    assert code == "InvalidRequestException"
    assert message == "A previous rotation isn't complete. That rotation will be reattempted."
    assert emulator.labels("app") == before


def test_rotate_secret_is_idempotent(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """The same token again starts no second rotation; the id of another version is refused."""
    start(client)
    start(client)
    assert len(emulator.state.due) == 1
    client.update_secret_version_stage(SecretId="app", VersionStage="AWSPENDING", RemoveFromVersionId=TOKEN)
    ask = {"SecretId": "app", "ClientRequestToken": FIRST}
    assert error_code(client.rotate_secret, **ask) == "InvalidRequestException"


@pytest.mark.parametrize("by", ["PutSecretValue", "UpdateSecret", "PutSecretValue of another pending"])
def test_a_new_version_abandons_a_running_rotation(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager, player: RotationPlayer, by: str
) -> None:
    """A version made by hand during a rotation takes AWSPENDING off, and the service gives up."""
    start(client)
    if by == "UpdateSecret":
        client.update_secret(SecretId="app", SecretString="by hand", ClientRequestToken=OTHER)
    else:
        stages = ["AWSPENDING"] if "pending" in by else ["AWSCURRENT"]
        ask = {"SecretId": "app", "SecretString": "by hand", "ClientRequestToken": OTHER}
        client.put_secret_value(**ask, VersionStages=stages)
    assert emulator.state.any("app").stages(TOKEN) == []
    assert events(emulator) == ["RotationAbandoned"]
    with pytest.raises(NothingToRetry):
        player.retry("app")


@pytest.mark.parametrize("mode", DryRunValue)
def test_a_dry_run_is_one_test_step_on_a_temporary_version(mode: DryRunValue) -> None:
    """RotateImmediately=false runs testSecret alone on an AWSPENDING version that is removed afterwards."""
    seen: list[tuple[str, str | None]] = []
    with EmulatedSecretsManager(world=World(dry_run_value=mode)) as emulator:
        emulator.client().create_secret(Name="app", SecretString="one", ClientRequestToken=FIRST)

        def invoke(event: dict[str, str]) -> None:
            assert emulator.labels("app")["AWSPENDING"] == event["ClientRequestToken"]
            seen.append((event["Step"], emulator.value("app", "AWSPENDING")))

        assert RotationPlayer(emulator, invoke).dry_run("app").succeeded
        assert emulator.labels("app") == {"AWSCURRENT": FIRST}
        assert list(emulator.state.any("app").versions) == [FIRST]
        assert events(emulator) == ["TestRotationStarted", "TestRotationSucceeded"]
    assert seen == [("testSecret", "one" if mode is DryRunValue.COPY else None)]


def test_the_two_switches_that_people_meet_most() -> None:
    """They may be given by themselves; what is not given is as it was recorded."""
    by_hand = EmulatedSecretsManager(pending_after_finish="removed", dry_run_value="none").state.world
    assert by_hand == BY_THE_MANUAL
    assert EmulatedSecretsManager(pending_after_finish="kept", dry_run_value="copy").state.world == RECORDED


def test_a_failed_dry_run_leaves_nothing_either(
    player: RotationPlayer, function: MinimalFunction, emulator: EmulatedSecretsManager
) -> None:
    """The temporary version goes whatever testSecret says, and the configuration stays."""
    function.fails = ["testSecret"]
    assert not player.dry_run("app").succeeded
    assert emulator.labels("app") == {"AWSCURRENT": FIRST}
    assert events(emulator) == ["TestRotationStarted", "TestRotationFailed"]
    assert function.client.describe_secret(SecretId="app")["RotationEnabled"]


def test_a_dry_run_may_follow_a_rotation(player: RotationPlayer, emulator: EmulatedSecretsManager) -> None:
    """Where AWSPENDING stayed on the current version, the temporary version borrows it."""
    player.rotate("app", TOKEN)
    assert player.dry_run("app").succeeded
    assert emulator.labels("app") == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}


def test_cancelling_leaves_the_labels(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """CancelRotateSecret turns rotation off, drops the running one, and leaves AWSPENDING where it is."""
    start(client)
    assert client.cancel_rotate_secret(SecretId="app")["VersionId"] == TOKEN
    assert emulator.labels("app") == {"AWSCURRENT": FIRST, "AWSPENDING": TOKEN}
    assert emulator.state.due == []
    described = client.describe_secret(SecretId="app")
    assert (described["RotationEnabled"], described["RotationLambdaARN"]) == (False, FUNCTION)
    assert error_code(client.rotate_secret, SecretId="app") == "InvalidRequestException"


def test_cancelling_what_was_never_configured_is_refused(client: SecretsManagerClient) -> None:
    """A secret that has no rotation has none to cancel."""
    assert error_code(client.cancel_rotate_secret, SecretId="app") == "InvalidRequestException"


def test_the_dates_follow_the_rotation(
    client: SecretsManagerClient, player: RotationPlayer, clock: ManualClock
) -> None:
    """A success sets LastRotatedDate and the next date; a put by hand moves the next date as well."""
    rules = {"AutomaticallyAfterDays": 30}
    client.rotate_secret(SecretId="app", RotationLambdaARN=FUNCTION, RotationRules=rules)  # type: ignore[arg-type]
    clock.advance(hours=1)
    player.run()
    described = client.describe_secret(SecretId="app")
    assert abs((described["LastRotatedDate"] - clock()).total_seconds()) < 0.001
    assert described["LastChangedDate"] == described["LastRotatedDate"]
    assert (described["NextRotationDate"].date() - clock().date()).days == 30
    clock.advance(days=5)
    client.put_secret_value(SecretId="app", SecretString="by hand")
    described = client.describe_secret(SecretId="app")
    assert (described["NextRotationDate"].date() - clock().date()).days == 30


@pytest.mark.parametrize("given", ["right", "none", "wrong"])
def test_an_assumed_role_must_pass_the_rotation_token(given: str) -> None:
    """Where it is required, PutSecretValue without the rotation's own token is denied."""
    with EmulatedSecretsManager(require_rotation_token=True) as emulator:
        client = emulator.client()
        client.create_secret(Name="app", SecretString="one")
        function = MinimalFunction(client, pass_rotation_token=given != "none")

        def invoke(event: dict[str, str]) -> None:
            function(event | ({"RotationToken": "w" * 36} if given == "wrong" else {}))

        result = RotationPlayer(emulator, invoke).rotate("app")
        outcomes = [call.outcome for call in emulator.calls("PutSecretValue")]
    assert result.succeeded == (given == "right")
    assert outcomes == (["ok"] if given == "right" else ["AccessDeniedException"])
