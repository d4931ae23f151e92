"""Secrets of the emulated Secrets Manager: made, described, listed, tagged, deleted; policies, passwords."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.emulators.secretsmanager.expectations import error_code, refusal
from tests.support.emulators.secretsmanager.schedule import next_rotation
from tests.support.emulators.wire.clock import ManualClock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager

ONE, TWO = "1" * 32, "2" * 32
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:rotation"


def test_a_name_is_taken_once(client: SecretsManagerClient) -> None:
    """A second secret of the same name is refused; the same request again is a repetition."""
    assert error_code(client.create_secret, Name="app", SecretString="x") == "ResourceExistsException"
    again = client.create_secret(Name="app", SecretString="one", ClientRequestToken=ONE)
    assert again["VersionId"] == ONE
    code, message = refusal(client.create_secret, Name="app", SecretString="other", ClientRequestToken=ONE)
    assert code == "ResourceExistsException"
    assert message.startswith(f"You can't use ClientRequestToken {ONE} because that value is already in use")


def test_a_secret_may_begin_without_a_value(client: SecretsManagerClient) -> None:
    """Without a value there is no version, and reading finds none."""
    assert "VersionId" not in client.create_secret(Name="empty")
    assert "VersionIdsToStages" not in client.describe_secret(SecretId="empty")
    assert error_code(client.get_secret_value, SecretId="empty") == "ResourceNotFoundException"


def test_a_name_has_few_characters(client: SecretsManagerClient) -> None:
    """Names hold ASCII letters, numbers and /_+=.@- only."""
    assert client.create_secret(Name="a/B_c+d=e.f@g-h")["Name"] == "a/B_c+d=e.f@g-h"
    assert error_code(client.create_secret, Name="with space") == "ValidationException"


def test_a_description_shows_only_what_has_a_value(client: SecretsManagerClient) -> None:
    """DescribeSecret leaves out what was never set."""
    described = client.describe_secret(SecretId="app")
    assert described.keys() - {"ResponseMetadata"} == {
        "ARN",
        "Name",
        "LastChangedDate",
        "CreatedDate",
        "VersionIdsToStages",
    }


def test_a_deleted_secret_refuses_everything_but_describe_and_restore(client: SecretsManagerClient) -> None:
    """A secret that is scheduled for deletion can be described and restored, nothing else."""
    client.delete_secret(SecretId="app", RecoveryWindowInDays=7)
    policy = json.dumps({"Statement": [{"Effect": "Deny", "Action": "*", "Principal": "*"}]})
    attempts: list[tuple[str, dict[str, object]]] = [
        ("get_secret_value", {}),
        ("put_secret_value", {"SecretString": "x"}),
        ("update_secret", {"Description": "x"}),
        ("update_secret_version_stage", {"VersionStage": "blue", "MoveToVersionId": ONE}),
        ("list_secret_version_ids", {}),
        ("rotate_secret", {"RotationLambdaARN": FUNCTION}),
        ("cancel_rotate_secret", {}),
        ("delete_secret", {}),
        ("tag_resource", {"Tags": []}),
        ("untag_resource", {"TagKeys": []}),
        ("put_resource_policy", {"ResourcePolicy": policy}),
        ("get_resource_policy", {}),
        ("delete_resource_policy", {}),
    ]
    codes = {name: error_code(getattr(client, name), SecretId="app", **ask) for name, ask in attempts}
    assert set(codes.values()) == {"InvalidRequestException"}
    assert "DeletedDate" in client.describe_secret(SecretId="app")
    client.restore_secret(SecretId="app")
    assert client.get_secret_value(SecretId="app")["SecretString"] == "one"
    assert "DeletedDate" not in client.describe_secret(SecretId="app")


def test_the_name_of_a_deleted_secret_is_taken_until_its_window_ends(
    client: SecretsManagerClient, clock: ManualClock
) -> None:
    """The recovery window keeps the name; after it the secret is gone and the ARN of a new one differs."""
    arn = client.delete_secret(SecretId="app")["ARN"]
    assert error_code(client.create_secret, Name="app") == "InvalidRequestException"
    clock.advance(days=30)
    assert error_code(client.describe_secret, SecretId="app") == "ResourceNotFoundException"
    assert client.create_secret(Name="app")["ARN"] != arn


def test_a_forced_deletion_is_at_once(client: SecretsManagerClient) -> None:
    """ForceDeleteWithoutRecovery removes the secret, and is no error for one that is deleted or does not exist."""
    client.create_secret(Name="going")
    client.delete_secret(SecretId="going")
    client.delete_secret(SecretId="going", ForceDeleteWithoutRecovery=True)
    assert error_code(client.describe_secret, SecretId="going") == "ResourceNotFoundException"
    for _ in range(2):
        client.delete_secret(SecretId="app", ForceDeleteWithoutRecovery=True)
    assert error_code(client.describe_secret, SecretId="app") == "ResourceNotFoundException"


def test_what_the_service_does_late(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager, clock: ManualClock
) -> None:
    """Where it is asked to, a forced deletion takes a while, and a new secret is listed after one."""
    emulator.state.behaviour.deleted_after = emulator.state.behaviour.listed_after = timedelta(seconds=20)
    clock.advance(seconds=20)
    client.create_secret(Name="fresh")
    clock.advance(seconds=19)
    assert names(client) == ["app"]
    client.delete_secret(SecretId="app", ForceDeleteWithoutRecovery=True)
    clock.advance(seconds=1)
    assert names(client) == ["fresh"]
    assert client.describe_secret(SecretId="app")["Name"] == "app"
    assert error_code(client.create_secret, Name="app") == "InvalidRequestException"
    clock.advance(seconds=20)
    assert error_code(client.describe_secret, SecretId="app") == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("an secret", "a secret", True),
        ("one and two", "o t", True),
        ("one and two", "o x", False),
        ("MySecretOne", "secret one", True),
        ("team/blue_green", "green", True),
        ("TEAM", "team", True),
        ("teams", "eam", False),
        ("anything", "/", False),
    ],
)
def test_descriptions_are_found_by_words(client: SecretsManagerClient, field: str, value: str, *, found: bool) -> None:
    """Each word of the filter begins a word of the field, which ends at blanks, special characters and capitals."""
    client.create_secret(Name="other", Description=field)
    for key in ("description", "all"):
        asked = names(client, Filters=[{"Key": key, "Values": [value]}])
        assert ("other" in asked) is found
        assert ("other" in names(client, Filters=[{"Key": key, "Values": [f"!{value}"]}])) is not found


@pytest.mark.parametrize(
    "window", [{"RecoveryWindowInDays": 6}, {"RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True}]
)
def test_a_recovery_window_has_7_to_30_days(client: SecretsManagerClient, window: dict[str, object]) -> None:
    """The window is 7 to 30 days and contradicts a forced deletion."""
    assert error_code(client.delete_secret, SecretId="app", **window) == "InvalidParameterException"


def test_tags_are_added_and_removed(client: SecretsManagerClient) -> None:
    """Tags add up, a key once; removing a key that is not there is no error."""
    client.tag_resource(SecretId="app", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    client.tag_resource(SecretId="app", Tags=[{"Key": "a", "Value": "3"}])
    client.untag_resource(SecretId="app", TagKeys=["b", "c"])
    assert client.describe_secret(SecretId="app")["Tags"] == [{"Key": "a", "Value": "3"}]
    client.untag_resource(SecretId="app", TagKeys=["a"])
    assert client.describe_secret(SecretId="app")["Tags"] == []


def names(client: SecretsManagerClient, **ask: Any) -> list[str]:  # noqa: ANN401 - the client checks them
    return [entry["Name"] for entry in client.list_secrets(**ask)["SecretList"]]


def test_secrets_are_listed_and_filtered(client: SecretsManagerClient) -> None:
    """ListSecrets filters by prefix, leaves out deleted ones unless asked, and goes on from NextToken."""
    client.create_secret(Name="other", Description="The Other", Tags=[{"Key": "team", "Value": "blue"}])
    client.create_secret(Name="gone")
    client.delete_secret(SecretId="gone")
    assert names(client) == ["other", "app"]
    assert names(client, SortOrder="asc", IncludePlannedDeletion=True) == ["app", "other", "gone"]
    assert names(client, Filters=[{"Key": "description", "Values": ["the o"]}]) == ["other"]
    assert names(client, Filters=[{"Key": "tag-value", "Values": ["blue"]}]) == ["other"]
    assert names(client, Filters=[{"Key": "all", "Values": ["OTHER"]}]) == ["other"]
    assert names(client, Filters=[{"Key": "name", "Values": ["!app"]}]) == ["other"]
    first = client.list_secrets(MaxResults=1)
    assert names(client, MaxResults=1, NextToken=first["NextToken"]) == ["app"]


def policy(effect: str = "Allow", principal: object = "*") -> str:
    return json.dumps({"Statement": [{"Effect": effect, "Action": "*", "Principal": principal}]})


def test_a_policy_is_kept_and_removed(client: SecretsManagerClient) -> None:
    """A resource policy comes back as it was put, until it is deleted."""
    client.put_resource_policy(SecretId="app", ResourcePolicy=policy())
    assert client.get_resource_policy(SecretId="app")["ResourcePolicy"] == policy()
    client.delete_resource_policy(SecretId="app")
    assert "ResourcePolicy" not in client.get_resource_policy(SecretId="app")


def test_a_public_policy_is_found(client: SecretsManagerClient) -> None:
    """BlockPublicPolicy refuses a policy for everybody, and validation reports it."""
    ask = {"SecretId": "app", "BlockPublicPolicy": True}
    assert error_code(client.put_resource_policy, **ask, ResourcePolicy=policy()) == "PublicPolicyException"
    client.put_resource_policy(SecretId="app", BlockPublicPolicy=True, ResourcePolicy=policy("Deny"))
    assert not client.validate_resource_policy(ResourcePolicy=policy())["PolicyValidationPassed"]
    own = policy(principal={"AWS": "arn:aws:iam::123456789012:root"})
    assert client.validate_resource_policy(ResourcePolicy=own)["PolicyValidationPassed"]


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"Statement": [{"Effect": "Maybe", "Action": "*"}]}'])
def test_a_malformed_policy_is_refused(client: SecretsManagerClient, text: str) -> None:
    """A policy must be JSON with statements."""
    ask = {"SecretId": "app", "ResourcePolicy": text}
    assert error_code(client.put_resource_policy, **ask) == "MalformedPolicyDocumentException"


def test_a_random_password_has_every_class(client: SecretsManagerClient) -> None:
    """By default 32 characters, at least one of each class, and none that is excluded."""
    for _ in range(20):
        password = client.get_random_password(ExcludeCharacters="aB3$")["RandomPassword"]
        assert len(password) == 32
        assert not set(password) & set("aB3$")
        for characters in (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation):
            assert set(password) & set(characters)


def test_a_random_password_needs_characters_and_room(client: SecretsManagerClient) -> None:
    """Excluding everything, or a length below the number of required classes, is refused."""
    everything = {f"Exclude{name}": True for name in ("Lowercase", "Uppercase", "Numbers", "Punctuation")}
    assert error_code(client.get_random_password, **everything) == "InvalidParameterException"
    assert error_code(client.get_random_password, PasswordLength=3) == "InvalidParameterException"
    short = client.get_random_password(PasswordLength=3, RequireEachIncludedType=False)["RandomPassword"]
    assert len(short) == 3


@pytest.mark.parametrize(
    "rules",
    [
        {"AutomaticallyAfterDays": 1, "ScheduleExpression": "rate(5 days)"},
        {"ScheduleExpression": "rate(3 hours)"},
        {"ScheduleExpression": "cron(5 4 * * ? *)"},
        {"ScheduleExpression": "cron(0 4 * * ? 2030)"},
        {"ScheduleExpression": "every day"},
    ],
)
def test_a_schedule_has_rules_of_its_own(client: SecretsManagerClient, rules: dict[str, object]) -> None:
    """Days or an expression, not both; at least four hours; cron with minute 0 in every year."""
    ask = {"SecretId": "app", "RotationLambdaARN": FUNCTION, "RotationRules": rules}
    code, _ = refusal(client.rotate_secret, **ask)
    assert code == "InvalidParameterException"
    assert "RotationEnabled" not in client.describe_secret(SecretId="app")


@pytest.mark.parametrize(
    ("rules", "due"),
    [
        ({"AutomaticallyAfterDays": 30}, "2026-03-31T23:59:59"),
        ({"ScheduleExpression": "rate(10 days)"}, "2026-03-11T23:59:59"),
        ({"ScheduleExpression": "rate(4 hours)"}, "2026-03-01T15:30:00"),
        ({"ScheduleExpression": "cron(0 4 * * ? *)"}, "2026-03-02T04:00:00"),
        ({"ScheduleExpression": "cron(0 8/8 ? JAN-JUN MON,WED *)"}, "2026-03-02T08:00:00"),
        ({"ScheduleExpression": "cron(0 0 1 */3 ? *)"}, "2026-04-01T00:00:00"),
        ({"ScheduleExpression": "cron(0 0 L * ? *)"}, None),
        ({}, None),
    ],
)
def test_the_next_rotation_follows_the_schedule(rules: dict[str, object], due: str | None) -> None:
    """The next date comes from days, a rate or a cron expression, counted from the last rotation."""
    last = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    expected = None if due is None else datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert next_rotation(rules, last) == expected


def test_a_manual_clock_moves_when_told() -> None:
    """Time stands still between two calls of `advance`."""
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    clock.advance(hours=25)
    assert clock() - datetime(2026, 1, 1, tzinfo=UTC) == timedelta(hours=25)


def test_a_list_is_sorted_as_it_is_asked_for(client: SecretsManagerClient, clock: ManualClock) -> None:
    """By the date of creation, the newest first, or by name and the other dates."""
    for name in ("b", "a", "c"):
        clock.advance(days=1)
        client.create_secret(Name=name, SecretString="x")
    clock.advance(days=1)
    client.tag_resource(SecretId="b", Tags=[{"Key": "k", "Value": "v"}])
    client.get_secret_value(SecretId="a")

    def names(**asked: Any) -> str:  # noqa: ANN401 parameters of the call
        return "".join(it["Name"] for it in client.list_secrets(**asked)["SecretList"] if len(it["Name"]) == 1)

    assert names() == names(SortBy="created-date", SortOrder="desc") == "cab"
    assert names(SortBy="name", SortOrder="asc") == "abc"
    assert names(SortBy="last-changed-date") == "bca"
    assert names(SortBy="last-accessed-date")[0] == "a"


def test_what_describe_and_list_say_differently(client: SecretsManagerClient, clock: ManualClock) -> None:
    """Of a secret whose rotation was switched off, and of one that is deleted."""
    client.rotate_secret(SecretId="app", RotationLambdaARN=FUNCTION, ClientRequestToken=TWO)
    client.put_secret_value(SecretId="app", SecretString="x", ClientRequestToken=TWO)
    client.cancel_rotate_secret(SecretId="app")
    described = client.describe_secret(SecretId="app")
    assert described["RotationEnabled"] is False
    assert described["RotationLambdaARN"] == FUNCTION
    assert "NextRotationDate" not in described
    client.delete_secret(SecretId="app", RecoveryWindowInDays=7)
    (listed,) = (it for it in client.list_secrets(IncludePlannedDeletion=True)["SecretList"] if it["Name"] == "app")
    assert listed["DeletedDate"] < clock() + timedelta(hours=1)
    assert client.describe_secret(SecretId="app")["DeletedDate"] > clock() + timedelta(days=6)


def test_taking_a_tag_off_that_is_not_there_changes_nothing(client: SecretsManagerClient, clock: ManualClock) -> None:
    """The date of the last change stays, too."""
    before = client.describe_secret(SecretId="app")["LastChangedDate"]
    clock.advance(hours=1)
    client.untag_resource(SecretId="app", TagKeys=["none"])
    assert client.describe_secret(SecretId="app")["LastChangedDate"] == before
