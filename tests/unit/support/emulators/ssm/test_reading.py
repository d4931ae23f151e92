"""What readers see, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.support.emulators.ssm.model import ARN
from tests.support.emulators.ssm.worlds import World

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

    from tests.support.emulators.ssm.server import EmulatedParameterStore
    from tests.support.emulators.wire.clock import ManualClock


def newest(client: SSMClient, name: str = "/app/db") -> str:
    """Read as a client does."""
    return client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """Return a refusal's code."""
    return str(error.value.response["Error"]["Code"])


def test_by_name_number_and_arn(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """Without a selector the newest version is given; a number leads to that one for ever."""
    emulator.put("/app/db", "two")
    assert newest(client) == newest(client, f"{ARN}app/db") == "two"
    old = client.get_parameter(Name="/app/db:1", WithDecryption=True)["Parameter"]
    assert (old["Value"], old["Selector"]) == ("one", ":1")


def test_one_level_with_and_without_its_slash(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """They are one parameter (recorded)."""
    emulator.put("x", "value")
    assert newest(client, "/x") == newest(client, "x") == "value"


def test_what_is_not_decrypted_shows_nothing(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """The value is not in the answer, and no key is needed; decrypting needs it."""
    emulator.state.keys.remove("alias/own")
    assert "one" not in client.get_parameter(Name="/app/db")["Parameter"]["Value"]
    assert "one" not in str(client.get_parameter_history(Name="/app/db"))
    assert emulator.journal.reads == []
    with pytest.raises(ClientError) as error:
        newest(client)
    assert code(error) == "InvalidKeyId"


def test_several_by_name(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """What is not there is no error; the rest is sorted; a key that is gone is one."""
    emulator.put("/a", "value")
    answer = client.get_parameters(Names=["/app/db", "/nobody", "/a", "/a:9"])
    assert [it["Name"] for it in answer["Parameters"]] == ["/a", "/app/db"]
    assert answer["InvalidParameters"] == ["/nobody", "/a:9"]
    emulator.state.keys.clear()
    with pytest.raises(ClientError) as error:
        client.get_parameters(Names=["/app/db"], WithDecryption=True)
    assert code(error) == "InvalidKeyId"


@pytest.mark.parametrize("short", [False, True])
def test_by_path(client: SSMClient, emulator: EmulatedParameterStore, *, short: bool) -> None:
    """Ten a page at most, or fewer; one level, or all."""
    emulator.state.world = World(short_pages=short)
    for number in range(11):
        emulator.put(f"/app/more/{number:02}", "x")
    pages = list(client.get_paginator("get_parameters_by_path").paginate(Path="/app", Recursive=True))
    assert [it["Name"] for page in pages for it in page["Parameters"]] == [
        "/app/db",
        *(f"/app/more/{number:02}" for number in range(11)),
    ]
    assert max(len(page["Parameters"]) for page in pages) == (1 if short else 10)
    (one, *_) = list(client.get_paginator("get_parameters_by_path").paginate(Path="/app"))
    assert [it["Name"] for it in one["Parameters"]] == ["/app/db"]


def test_by_path_and_label(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """The labelled version is given, whichever is newest."""
    emulator.put("/app/db", "two")
    client.label_parameter_version(Name="/app/db", ParameterVersion=1, Labels=["live"])
    filters = [{"Key": "Label", "Values": ["live"]}]
    (found,) = client.get_parameters_by_path(Path="/app", ParameterFilters=filters)["Parameters"]  # type: ignore[arg-type]
    assert found["Version"] == 1


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("get_parameters_by_path", {"Path": "app"}),
        ("get_parameters_by_path", {"Path": "/app", "NextToken": "x"}),
        ("get_parameters_by_path", {"Path": "/app", "ParameterFilters": [{"Key": "Type", "Values": ["String"]}]}),
        ("get_parameters_by_path", {"Path": "/app", "MaxResults": 11}),
        ("get_parameters", {"Names": ["a"] * 11}),
        ("describe_parameters", {"ParameterFilters": [{"Key": "KeyId", "Values": ["b"]}]}),
        ("get_parameter_history", {"Name": "/nobody"}),
        ("label_parameter_version", {"Name": "/nobody", "Labels": ["a"]}),
    ],
)
def test_refused_reads(client: SSMClient, operation: str, request_: dict[str, object]) -> None:
    """What is out of bounds is an error, and leaves no ghost behind."""
    with pytest.raises(ClientError):
        getattr(client, operation)(**request_)
    assert newest(client) == "one"


def test_history(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """Oldest first, fifty a page, with who wrote it."""
    for number in range(2, 52):
        emulator.put("/app/db", str(number), caller="ann")
    first, second = client.get_paginator("get_parameter_history").paginate(Name="/app/db", WithDecryption=True)
    assert [it["Version"] for it in first["Parameters"]] == list(range(1, 51))
    assert second["Parameters"][0]["LastModifiedUser"].endswith("user/ann")
    assert second["Parameters"][0]["Value"] == "51"


def test_described(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """By name, or by how it begins."""
    emulator.put("/b", "x")
    exact = client.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": ["/app/db"]}])["Parameters"]
    assert [it["KeyId"] for it in exact] == ["alias/own"]
    begins = client.describe_parameters(ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": ["/"]}])
    assert len(begins["Parameters"]) == 2


def test_a_read_may_be_stale(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """The next read sees nothing of the last write: an older version, no list entry, or what was deleted."""
    emulator.put("/app/db", "two")
    emulator.state.stale = 1
    assert [newest(client), newest(client)] == ["one", "two"]
    emulator.put("/app/fresh", "x")
    emulator.state.stale = 2
    with pytest.raises(ClientError) as error:
        newest(client, "/app/fresh")
    assert code(error) == "ParameterNotFound"
    assert len(client.get_parameters_by_path(Path="/app")["Parameters"]) == 1
    emulator.execute("DeleteParameter", {"Name": "/app/db"})
    emulator.state.stale = 1
    assert newest(client) == "two"


def test_reads_lag(client: SSMClient, emulator: EmulatedParameterStore, clock: ManualClock) -> None:
    """A write is seen after the lag; a read by its number does not find it sooner. Writes see it at once."""
    clock.advance(seconds=10)
    emulator.state.lag = timedelta(seconds=5)
    assert client.put_parameter(Name="/app/db", Value="two", Overwrite=True, KeyId="alias/own")["Version"] == 2
    assert newest(client) == "one"
    with pytest.raises(ClientError) as error:
        newest(client, "/app/db:2")
    assert code(error) == "ParameterVersionNotFound"
    assert client.put_parameter(Name="/app/db", Value="three", Overwrite=True)["Version"] == 3
    clock.advance(seconds=5)
    assert newest(client) == "three"


def test_the_journal_knows_what_each_reader_saw(client: SSMClient, emulator: EmulatedParameterStore) -> None:
    """Reads and writes by caller, name and version; no value shows."""
    emulator.put("/app/db", "canary")
    newest(client)
    newest(emulator.client(access_key="app"))
    assert [(it.caller, it.name, it.version, it.value) for it in emulator.journal.reads] == [
        ("test", "/app/db", 2, "canary"),
        ("app", "/app/db", 2, "canary"),
    ]
    assert [(it.caller, it.version) for it in emulator.journal.writes] == [("test", 1), ("operator", 2)]
    assert "canary" not in repr(emulator.journal)
    assert emulator.journal.counted("app") == ["GetParameter"]
