"""Values and versions of the emulated Secrets Manager, through a real client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.emulators.secretsmanager.expectations import error_code, refusal
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.secretsmanager.worlds import RepeatedPut, World

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.support.emulators.wire.clock import ManualClock

FIRST, SECOND, THIRD = ("1" * 32, "2" * 32, "3" * 32)


def put(client: SecretsManagerClient, token: str, value: str, *stages: str) -> None:
    if stages:
        client.put_secret_value(
            SecretId="app", ClientRequestToken=token, SecretString=value, VersionStages=list(stages)
        )
    else:
        client.put_secret_value(SecretId="app", ClientRequestToken=token, SecretString=value)


def test_get_returns_identity_value_labels_and_date(client: SecretsManagerClient, clock: ManualClock) -> None:
    """GetSecretValue answers with ARN, name, version, text, labels and the date of creation."""
    answer = client.get_secret_value(SecretId="app")
    assert answer["ARN"].startswith("arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-")
    assert (answer["Name"], answer["VersionId"], answer["SecretString"]) == ("app", FIRST, "one")
    assert answer["VersionStages"] == ["AWSCURRENT"]
    assert abs((answer["CreatedDate"] - clock()).total_seconds()) < 0.001


@pytest.mark.parametrize("cut", [0, 7])
def test_a_secret_is_found_by_name_and_by_both_arns(client: SecretsManagerClient, cut: int) -> None:
    """A secret is found by name, by its ARN, and by its ARN without the random part."""
    arn = client.describe_secret(SecretId="app")["ARN"]
    assert client.get_secret_value(SecretId=arn[: len(arn) - cut])["SecretString"] == "one"


def test_a_name_that_ends_like_a_suffix_is_not_found_by_its_partial_arn(client: SecretsManagerClient) -> None:
    """The service takes its last characters for the random ones."""
    arn = client.create_secret(Name="app-abc123", SecretString="two")["ARN"]
    assert client.get_secret_value(SecretId=arn)["SecretString"] == "two"
    assert error_code(client.get_secret_value, SecretId=arn[:-7]) == "ResourceNotFoundException"


@pytest.mark.parametrize("secret_id", ["with space", "a*", "a?", "a\\b", "arn:aws:secretsmanager:x:1:secret:a b"])
@pytest.mark.parametrize(
    "operation", ["describe_secret", "get_secret_value", "delete_secret", "list_secret_version_ids"]
)
def test_a_malformed_name_is_told_as_such(client: SecretsManagerClient, operation: str, secret_id: str) -> None:
    """It is refused before anything is looked for."""
    more: dict[str, object] = {"TagKeys": []} if operation == "untag_resource" else {}
    code, message = refusal(getattr(client, operation), SecretId=secret_id, **more)
    assert code == "ValidationException"
    assert message.endswith("any of the following: -/_+=.@!")


@pytest.mark.parametrize("kms_key", ["", "alias/own"])
def test_a_caller_of_another_account(emulator: EmulatedSecretsManager, kms_key: str) -> None:
    """Under the default key no other account reads or puts values; under a customer's key it does, by the ARN alone."""
    own, other = emulator.client(), emulator.client(access_key="210987654321")
    more = {"KmsKeyId": kms_key} if kms_key else {}
    arn = own.create_secret(Name="shared", SecretString="one", **more)["ARN"]  # type: ignore[arg-type]
    assert error_code(other.get_secret_value, SecretId="shared") == "ResourceNotFoundException"
    assert other.describe_secret(SecretId=arn)["Name"] == "shared"
    assert other.list_secret_version_ids(SecretId=arn)["Versions"]
    if kms_key:
        assert other.get_secret_value(SecretId=arn)["SecretString"] == "one"
        other.put_secret_value(SecretId=arn, SecretString="two")
        return
    for call, ask in ((other.get_secret_value, {}), (other.put_secret_value, {"SecretString": "two"})):
        code, message = refusal(call, SecretId=arn, **ask)
        assert code == "InvalidRequestException"
        assert message.startswith("You can't access a secret from a different AWS account")


def test_a_secret_of_another_service(emulator: EmulatedSecretsManager, client: SecretsManagerClient) -> None:
    """It is read and described as any other, and updated by that service alone."""
    emulator.state.any("app").owning_service = "rds"
    assert client.get_secret_value(SecretId="app")["SecretString"] == "one"
    assert client.describe_secret(SecretId="app")["OwningService"] == "rds"
    assert client.list_secrets(Filters=[{"Key": "owning-service", "Values": ["rds"]}])["SecretList"]
    for call in (client.put_secret_value, client.update_secret):
        assert error_code(call, SecretId="app", SecretString="two") == "InvalidRequestException"


@pytest.mark.parametrize("mode", RepeatedPut)
def test_whether_a_repeated_put_labels_is_a_switch(mode: RepeatedPut) -> None:
    """The manual says that it does nothing; what it does to a version that lost its label is not recorded."""
    with EmulatedSecretsManager(world=World(repeated_put=mode)) as emulator:
        client = emulator.client()
        client.create_secret(Name="app", SecretString="one", ClientRequestToken=FIRST)
        put(client, SECOND, "two", "AWSPENDING")
        ask = {"SecretId": "app", "VersionStage": "AWSPENDING", "RemoveFromVersionId": SECOND}
        client.update_secret_version_stage(**ask)
        put(client, SECOND, "two", "AWSPENDING")
        assert ("AWSPENDING" in emulator.labels("app")) is (mode is RepeatedPut.LABELS)
        assert emulator.stored_values() == ["one", "two"]


@pytest.mark.parametrize("secret_id", ["ap", "app-", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ap"])
def test_an_unknown_secret_is_not_found(client: SecretsManagerClient, secret_id: str) -> None:
    """Nothing but the whole name or ARN finds a secret, and the status of the refusal is 400."""
    code, message = refusal(client.get_secret_value, SecretId=secret_id)
    assert (code, message) == ("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")


def test_the_region_of_the_arn_is_configurable() -> None:
    """An emulator of another Region makes ARNs of that Region."""
    with EmulatedSecretsManager(region="us-east-2") as emulator:
        arn = emulator.client().create_secret(Name="app")["ARN"]
    assert arn.startswith("arn:aws:secretsmanager:us-east-2:123456789012:secret:app-")


def test_binary_values_come_back_as_bytes(client: SecretsManagerClient) -> None:
    """A binary value is returned as SecretBinary, and SecretString is left out."""
    client.put_secret_value(SecretId="app", SecretBinary=b"\x00\xff")
    answer = client.get_secret_value(SecretId="app")
    assert answer["SecretBinary"] == b"\x00\xff"
    assert "SecretString" not in answer


def test_a_version_and_a_label_that_disagree_are_refused(client: SecretsManagerClient) -> None:
    """VersionId and VersionStage must name the same version."""
    put(client, SECOND, "two", "AWSPENDING")
    ask = {"SecretId": "app", "VersionId": SECOND}
    assert error_code(client.get_secret_value, **ask, VersionStage="AWSCURRENT") == "InvalidRequestException"
    answer = client.get_secret_value(SecretId="app", VersionId=SECOND, VersionStage="AWSPENDING")
    assert answer["SecretString"] == "two"


@pytest.mark.parametrize("ask", [{"VersionStage": "AWSPENDING"}, {"VersionId": SECOND}])
def test_an_absent_label_or_version_is_not_found(client: SecretsManagerClient, ask: dict[str, str]) -> None:
    """A label that nobody carries and a version that does not exist are ResourceNotFoundException."""
    code, message = refusal(client.get_secret_value, SecretId="app", **ask)
    assert code == "ResourceNotFoundException"
    assert message.startswith("Secrets Manager can't find the specified secret value for ")


def test_an_unlabelled_version_is_read_by_its_id(client: SecretsManagerClient) -> None:
    """A version without a label is deprecated: hidden from the lists, but readable by its id."""
    put(client, SECOND, "two")
    put(client, THIRD, "three")
    assert client.get_secret_value(SecretId="app", VersionId=FIRST)["SecretString"] == "one"
    assert FIRST not in client.describe_secret(SecretId="app")["VersionIdsToStages"]
    shown = client.list_secret_version_ids(SecretId="app")["Versions"]
    everything = client.list_secret_version_ids(SecretId="app", IncludeDeprecated=True)["Versions"]
    assert [version["VersionId"] for version in shown] == [SECOND, THIRD]
    assert [version["VersionId"] for version in everything] == [FIRST, SECOND, THIRD]


def test_put_repeated_with_the_same_content_does_nothing(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager
) -> None:
    """The same token with the same value succeeds and changes nothing, whatever labels it names."""
    put(client, SECOND, "two", "AWSPENDING")
    before = emulator.labels("app")
    put(client, SECOND, "two")
    assert emulator.labels("app") == before
    assert emulator.stored_values() == ["one", "two"]


def test_put_repeated_with_other_content_is_refused(client: SecretsManagerClient) -> None:
    """A token's value can never be changed, under AWSPENDING neither."""
    put(client, SECOND, "two", "AWSPENDING")
    ask = {"SecretId": "app", "ClientRequestToken": SECOND, "VersionStages": ["AWSPENDING"]}
    assert error_code(client.put_secret_value, **ask, SecretString="other") == "ResourceExistsException"
    assert client.get_secret_value(SecretId="app", VersionStage="AWSPENDING")["SecretString"] == "two"


def test_put_without_labels_moves_current_and_previous(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager
) -> None:
    """A put without VersionStages becomes AWSCURRENT, and AWSPREVIOUS goes to the one before."""
    put(client, SECOND, "two")
    put(client, THIRD, "three")
    assert emulator.labels("app") == {"AWSCURRENT": THIRD, "AWSPREVIOUS": SECOND}


def test_put_moves_the_labels_that_it_names(client: SecretsManagerClient, emulator: EmulatedSecretsManager) -> None:
    """A label named in VersionStages leaves the version that had it."""
    put(client, SECOND, "two", "AWSPENDING", "blue")
    put(client, THIRD, "three", "AWSPENDING")
    assert emulator.labels("app") == {"AWSCURRENT": FIRST, "AWSPENDING": THIRD, "blue": SECOND}


def test_the_first_version_is_current_whatever_it_asks_for(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager
) -> None:
    """The first version of a secret gets AWSCURRENT beside the labels that the put names."""
    client.create_secret(Name="empty")
    client.put_secret_value(SecretId="empty", SecretString="x", VersionStages=["blue"])
    assert emulator.labels("empty").keys() == {"AWSCURRENT", "blue"}


def test_update_secret_makes_a_new_current_version(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager
) -> None:
    """UpdateSecret with a value is a put that moves AWSCURRENT; without one it makes no version."""
    answer = client.update_secret(SecretId="app", SecretString="two", ClientRequestToken=SECOND)
    assert answer["VersionId"] == SECOND
    assert emulator.labels("app") == {"AWSCURRENT": SECOND, "AWSPREVIOUS": FIRST}
    assert "VersionId" not in client.update_secret(SecretId="app", Description="the application's")
    assert client.describe_secret(SecretId="app")["Description"] == "the application's"


def test_a_value_has_at_most_65536_bytes(client: SecretsManagerClient) -> None:
    """The size of a value is measured in bytes."""
    put(client, SECOND, "ü" * 32768)
    ask = {"SecretId": "app", "ClientRequestToken": THIRD}
    code, message = refusal(client.put_secret_value, **ask, SecretString="ü" * 32768 + "x")
    assert code == "ValidationException"
    assert "ü" not in message
    assert error_code(client.put_secret_value, **ask, SecretBinary=b"x" * 65537) == "ValidationException"


def test_a_binary_value_may_fill_the_whole_size(client: SecretsManagerClient) -> None:
    """65,536 bytes are allowed in a binary value too, before it is encoded."""
    client.put_secret_value(SecretId="app", SecretBinary=b"x" * 65536)
    assert len(client.get_secret_value(SecretId="app")["SecretBinary"]) == 65536


@pytest.mark.parametrize("length", [33, 64])
def test_a_token_of_up_to_64_characters_is_accepted(client: SecretsManagerClient, length: int) -> None:
    """A ClientRequestToken becomes the version's id."""
    put(client, "t" * length, "two")
    assert client.get_secret_value(SecretId="app")["VersionId"] == "t" * length


def test_a_token_of_65_characters_is_refused(client: SecretsManagerClient) -> None:
    """A ClientRequestToken has 32 to 64 characters."""
    ask = {"SecretId": "app", "SecretString": "two", "ClientRequestToken": "t" * 65}
    assert error_code(client.put_secret_value, **ask) == "ValidationException"


def test_a_put_needs_exactly_one_value(client: SecretsManagerClient) -> None:
    """Text and binary together are refused, and so is neither."""
    assert error_code(client.put_secret_value, SecretId="app") == "InvalidRequestException"
    ask = {"SecretId": "app", "SecretString": "x", "SecretBinary": b"x"}
    assert error_code(client.put_secret_value, **ask) == "InvalidParameterException"


def test_old_versions_without_a_label_are_removed_beyond_100(
    client: SecretsManagerClient, clock: ManualClock, emulator: EmulatedSecretsManager
) -> None:
    """The oldest unlabelled versions go when there are more than 100; labelled ones never do."""
    client.update_secret_version_stage(SecretId="app", VersionStage="keep", MoveToVersionId=FIRST)
    for number in range(1, 104):
        clock.advance(hours=24)
        put(client, f"{number:032}", str(number))
    versions = emulator.state.any("app").versions
    assert len(versions) == 100
    assert FIRST in versions
    assert error_code(client.get_secret_value, SecretId="app", VersionId=f"{1:032}") == "ResourceNotFoundException"


def test_no_version_younger_than_a_day_is_removed(
    client: SecretsManagerClient, emulator: EmulatedSecretsManager
) -> None:
    """Versions made in the last 24 hours stay, however many they are."""
    for number in range(1, 130):
        put(client, f"{number:032}", str(number))
    assert len(emulator.state.any("app").versions) == 130


def test_a_batch_reads_several_secrets_and_reports_the_missing(client: SecretsManagerClient) -> None:
    """BatchGetSecretValue returns what it finds and an error entry for each that it does not."""
    client.create_secret(Name="other", SecretString="two")
    answer = client.batch_get_secret_value(SecretIdList=["app", "none", "other"])
    assert [entry["SecretString"] for entry in answer["SecretValues"]] == ["one", "two"]
    assert [entry["ErrorCode"] for entry in answer["Errors"]] == ["ResourceNotFoundException"]
    found = client.batch_get_secret_value(Filters=[{"Key": "name", "Values": ["oth"]}])
    assert [entry["Name"] for entry in found["SecretValues"]] == ["other"]
    assert error_code(client.batch_get_secret_value) == "InvalidParameterException"


def test_versions_are_listed_in_pages(client: SecretsManagerClient) -> None:
    """ListSecretVersionIds goes on from NextToken."""
    put(client, SECOND, "two")
    first = client.list_secret_version_ids(SecretId="app", MaxResults=1)
    second = client.list_secret_version_ids(SecretId="app", MaxResults=1, NextToken=first["NextToken"])
    assert [first["Versions"][0]["VersionId"], second["Versions"][0]["VersionId"]] == [FIRST, SECOND]
    assert "NextToken" not in second
    ask = {"SecretId": "app", "NextToken": "nonsense"}
    assert error_code(client.list_secret_version_ids, **ask) == "InvalidNextTokenException"
