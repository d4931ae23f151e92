"""What PutParameter accepts, keeps and refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.emulators.ssm.worlds import LeftOut, World

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

    from tests.support.emulators.ssm.server import EmulatedParameterStore
    from tests.support.emulators.wire.clock import ManualClock


def refusal(client: SSMClient, operation: str, **request: Any) -> str:  # noqa: ANN401 any request
    """Expect a refusal, and give its code."""
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**request)
    assert "canary" not in str(error.value)
    return str(error.value.response["Error"]["Code"])


def key_of(client: SSMClient) -> str:
    """Return the key of the newest version."""
    return client.get_parameter_history(Name="/app/db")["Parameters"][-1]["KeyId"]


def test_versions_count_from_one(client: SSMClient) -> None:
    """Each put answers the number that it made."""
    assert client.put_parameter(Name="/app/db", Value="two", Overwrite=True)["Version"] == 2
    made = client.put_parameter(Name="/app/other", Value="x", Type="String")
    assert (made["Version"], made["Tier"]) == (1, "Standard")


def test_creation_is_the_one_condition(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """Without Overwrite a put creates or fails."""
    assert refusal(client, "put_parameter", Name="/app/db", Value="canary", Type="SecureString") == (
        "ParameterAlreadyExists"
    )
    assert emulator.value("/app/db") == "one"


def test_a_key_that_is_not_named_again(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """The trap: an overwrite without KeyId falls back to the account's key, or keeps the old one; both are played."""
    client.put_parameter(Name="/app/db", Value="two", Overwrite=True)
    assert key_of(client) == "alias/aws/ssm"
    client.put_parameter(Name="/app/db", Value="three", Overwrite=True, KeyId="alias/own")
    emulator.state.world = World(key=LeftOut.KEPT)
    client.put_parameter(Name="/app/db", Value="four", Overwrite=True)
    assert key_of(client) == "alias/own"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an ARN": ({"Name": "arn:aws:ssm:eu-west-1:123456789012:parameter/a"}, "ValidationException"),
    "a reserved prefix": ({"Name": "/SSM/a"}, "ValidationException"),
    "a path of the service's own": ({"Name": "/aws/a"}, "AccessDeniedException"),
    "a path without its slash": ({"Name": "a/b"}, "ValidationException"),
    "an empty level": ({"Name": "/a//b"}, "ValidationException"),
    "too long with its ARN": ({"Name": "/" + "a" * 1000}, "ValidationException"),
    "sixteen levels": ({"Name": "/a" * 16}, "HierarchyLevelLimitExceededException"),
    "no type": ({"Type": None}, "ValidationException"),
    "a type that is none": ({"Type": "Secret"}, "ValidationException"),
    "nothing": ({"Value": ""}, "ValidationException"),
    "too big": ({"Value": "canary" * 700}, "ValidationException"),
    "too big for the other tier": ({"Value": "canary" * 1400, "Tier": "Advanced"}, "ValidationException"),
    "a reference to another": ({"Value": "canary{{ssm:a}}"}, "ValidationException"),
    "not of the pattern": ({"AllowedPattern": "[0-9]+"}, "ParameterPatternMismatchException"),
    "a pattern that is none": ({"AllowedPattern": "["}, "InvalidAllowedPatternException"),
    "an unknown key": ({"KeyId": "alias/gone"}, "InvalidKeyId"),
    "policies on a standard one": ({"Policies": "[]"}, "ValidationException"),
    "tags on an overwrite": ({"Overwrite": True, "Tags": [{"Key": "a", "Value": "b"}]}, "ValidationException"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(client: SSMClient, emulator: EmulatedParameterStore, case: str) -> None:
    """Nothing is written, and no value is repeated."""
    changed, code = REFUSED[case]
    whole = {"Name": "/new", "Value": "canary", "Type": "SecureString"} | changed
    request = {key: value for key, value in whole.items() if value is not None}
    assert refusal(client, "put_parameter", **request) == code
    assert list(emulator.state.parameters) == ["/app/db"]
    assert len(emulator.journal.writes) == 1


def test_neither_type_nor_tier_goes_back(client: SSMClient) -> None:
    """The type never changes, and an advanced parameter does not become a standard one, not by omission either."""
    assert refusal(client, "put_parameter", Name="/app/db", Value="two", Type="String", Overwrite=True) == (
        "HierarchyTypeMismatchException"
    )
    client.put_parameter(Name="/app/db", Value="two", Tier="Advanced", Policies="[]", Overwrite=True)
    assert refusal(client, "put_parameter", Name="/app/db", Value="three", Overwrite=True) == "ValidationException"
    made = client.put_parameter(Name="/app/db", Value="three", Tier="Intelligent-Tiering", Overwrite=True)
    assert made["Tier"] == "Advanced"
    assert client.put_parameter(Name="n", Value="v", Type="String", Tier="Intelligent-Tiering")["Tier"] == "Standard"


def test_the_hundred_and_first_version(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """The oldest version goes, unless it has a label: then nothing is written."""
    for number in range(99):
        emulator.put("/app/db", f"value {number}")
    client.label_parameter_version(Name="/app/db", ParameterVersion=1, Labels=["kept"])
    assert refusal(client, "put_parameter", Name="/app/db", Value="x", Overwrite=True) == (
        "ParameterMaxVersionLimitExceeded"
    )
    client.label_parameter_version(Name="/app/db", ParameterVersion=2, Labels=["kept"])
    assert emulator.put("/app/db", "x") == 101
    assert refusal(client, "get_parameter", Name="/app/db:1") == "ParameterVersionNotFound"


def test_as_many_as_the_account_may_have(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """One more is refused; an overwrite is not."""
    emulator.state.limit = 1
    assert refusal(client, "put_parameter", Name="b", Value="x", Type="String") == "ParameterLimitExceeded"
    client.put_parameter(Name="/app/db", Value="x", Overwrite=True)


def test_deleted_and_made_again(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """Versions begin at one anew; what is not there is an error for one, and named for many."""
    client.put_parameter(Name="/app/db", Value="two", Overwrite=True)
    answer = client.delete_parameters(Names=["/app/db", "/nobody"])
    assert (answer["DeletedParameters"], answer["InvalidParameters"]) == (["/app/db"], ["/nobody"])
    assert refusal(client, "delete_parameter", Name="/app/db") == "ParameterNotFound"
    assert refusal(client, "get_parameter", Name="/app/db") == "ParameterNotFound"
    assert emulator.put("/app/db", "anew") == 1
    assert [change.operation for change in emulator.journal.changes] == ["Create", "Update", "Delete", "Create"]


@pytest.mark.parametrize("rests", [True, False])
def test_a_name_that_was_just_deleted(
    client: SSMClient, emulator: EmulatedParameterStore, clock: ManualClock, *, rests: bool
) -> None:
    """It is refused to clients for half a minute, or it is not; both are played."""
    emulator.state.world = World(names_rest=rests)
    client.delete_parameter(Name="/app/db")
    again: dict[str, Any] = {"Name": "/app/db", "Value": "canary", "Type": "SecureString"}
    if rests:
        assert refusal(client, "put_parameter", **again) == "TooManyUpdates"
        clock.advance(seconds=30)
    assert client.put_parameter(**again)["Version"] == 1


@pytest.mark.parametrize("moved", [True, False])
def test_the_date_of_what_is_labelled(
    client: SSMClient, emulator: EmulatedParameterStore, clock: ManualClock, *, moved: bool
) -> None:
    """Labels move it, or they do not; both are played."""
    emulator.state.world = World(labels_date=moved)
    dates = [client.get_parameter(Name="/app/db")["Parameter"]["LastModifiedDate"]]
    for operation in ("label_parameter_version", "unlabel_parameter_version"):
        clock.advance(days=1)
        getattr(client, operation)(Name="/app/db", ParameterVersion=1, Labels=["good"])
        dates.append(client.get_parameter(Name="/app/db")["Parameter"]["LastModifiedDate"])
    assert len({*dates}) == (3 if moved else 1)


def test_labels(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """One version for each label, ten for each version; bad ones come back with success."""
    emulator.put("/app/db", "two")
    answer = client.label_parameter_version(Name="/app/db", Labels=["good", "1st", "awsome", "SSM"])
    assert (answer["ParameterVersion"], answer["InvalidLabels"]) == (2, ["1st", "awsome", "SSM"])
    client.label_parameter_version(Name="/app/db", ParameterVersion=1, Labels=["good"])
    assert client.get_parameter(Name="/app/db:good")["Parameter"]["Version"] == 1
    nine = [f"l{number}" for number in range(9)]
    client.label_parameter_version(Name="/app/db", ParameterVersion=1, Labels=nine)
    for version, code in [(1, "ParameterVersionLabelLimitExceeded"), (7, "ParameterVersionNotFound")]:
        request = {"Name": "/app/db", "ParameterVersion": version, "Labels": ["more"]}
        assert refusal(client, "label_parameter_version", **request) == code
    gone = client.unlabel_parameter_version(Name="/app/db", ParameterVersion=1, Labels=["good", "absent"])
    assert (gone["RemovedLabels"], gone["InvalidLabels"]) == (["good"], ["absent"])


def test_tags(client: SSMClient) -> None:
    """Tags are the parameter's, and an overwrite keeps them."""
    client.add_tags_to_resource(
        ResourceType="Parameter", ResourceId="/app/db", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    )
    client.put_parameter(Name="/app/db", Value="two", Overwrite=True)
    client.remove_tags_from_resource(ResourceType="Parameter", ResourceId="/app/db", TagKeys=["b"])
    tags = client.list_tags_for_resource(ResourceType="Parameter", ResourceId="/app/db")["TagList"]
    assert tags == [{"Key": "a", "Value": "1"}]
    assert refusal(client, "list_tags_for_resource", ResourceType="Parameter", ResourceId="/no") == "InvalidResourceId"
    assert refusal(client, "list_tags_for_resource", ResourceType="Document", ResourceId="d") == "InvalidResourceType"
