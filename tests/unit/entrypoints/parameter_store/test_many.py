"""Events about many parameters: what is found, a message for each that is due, and messages that fail."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from rotation.entrypoints.parameter_store.queue import SOON
from rotation.errors import InvalidSettings, StoreError, StoreUnavailable
from tests.support.emulators.ssm.worlds import World
from tests.support.memory.engine import Account
from tests.unit.entrypoints.parameter_store.conftest import ADMINS, FIRST, NAME, Context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.entrypoints.parameter_store.conftest import Scene


class Messages:
    """The queue, as whoever receives from it."""

    def __init__(self, client: Any, url: str) -> None:  # noqa: ANN401 boto3 makes its clients' classes at run time
        self._client, self._url = client, url

    def receive(self) -> list[dict[str, Any]]:
        """Take what is there, as Lambda gives it to a function (developer guide, "Using Lambda with Amazon SQS")."""
        answer = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return [
            {
                "messageId": it["MessageId"],
                "receiptHandle": it["ReceiptHandle"],
                "body": it["Body"],
                "attributes": it["Attributes"],
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:rotation.fifo",
                "awsRegion": "eu-west-1",
            }
            for it in answer.get("Messages", [])
        ]


@pytest.fixture
def queue(scene: Scene) -> Iterator[Messages]:
    """Start SQS with a first-in-first-out queue."""
    with mock_aws():
        client = boto3.client("sqs", "eu-west-1")
        url = client.create_queue(QueueName="rotation.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        scene.environment["ROTATION_QUEUE_URL"] = url
        yield Messages(client, url)


def names_of(records: list[dict[str, Any]]) -> list[str]:
    """Return the parameters that messages are about."""
    return sorted(json.loads(it["body"])["Parameters"][0] for it in records)


def batch(scene: Scene, records: list[dict[str, Any]]) -> list[str]:
    """Let the function take messages, and return which of them failed."""
    answer = scene.handler({"Records": records}, Context())
    failures: Any = answer["batchItemFailures"]
    return [it["itemIdentifier"] for it in failures]


@pytest.mark.parametrize("short", [False, True])
def test_a_path(scene: Scene, queue: Messages, *, short: bool) -> None:
    """Every SecureString below it that is due has a message; no value was decrypted, the journal is left alone."""
    scene.emulator.state.world = World(short_pages=short)
    scene.put("/orders/deep/er")
    scene.emulator.execute("PutParameter", {"Name": "/orders/note", "Value": "x", "Type": "String"})
    scene.environment["ROTATION_JOURNAL"] = "/orders/journal"
    scene.put("/orders/journal/x/1-1-1")
    scene.emulator.journal.reads.clear()
    answer = scene.handler({"Paths": ["/orders"], "WrittenBefore": scene.leak()}, Context())
    assert answer == {"Outcome": "queued", "Parameters": ["/orders/database", "/orders/deep/er"]}
    records = queue.receive()
    assert names_of(records) == ["/orders/database", "/orders/deep/er"]
    assert len({it["attributes"]["MessageGroupId"] for it in records}) == 2
    assert scene.emulator.journal.reads == []


def test_what_it_costs_when_nothing_is_due(scene: Scene, queue: Messages) -> None:
    """One call for ten parameters, by path and by name."""
    names = [f"/fresh/{number}" for number in range(10)]
    for name in names:
        scene.put(name)
    scene.calls()
    for event in ({"Paths": ["/fresh"]}, {"Parameters": names}):
        assert scene.handler(event, Context()) == {"Outcome": "queued", "Parameters": []}
        assert len(scene.calls()) == 1
    assert queue.receive() == []


def test_tags(scene: Scene, queue: Messages) -> None:
    """All of them must be there; a path narrows it further."""
    for name, tags in {"/a/1": {"t": "x"}, "/a/2": {"t": "x", "u": "y"}, "/b/3": {"t": "x"}, "/a/4": {}}.items():
        scene.put(name)
        scene.emulator.state.own(name).tags = tags
    before = {"WrittenBefore": scene.leak()}
    found = [
        scene.handler({**event, **before}, Context())["Parameters"]
        for event in ({"Tags": {"t": "x"}}, {"Tags": {"t": "x", "u": "y"}}, {"Tags": {"t": "x"}, "Paths": ["/b"]})
    ]
    assert found == [["/a/1", "/a/2", "/b/3"], ["/a/2"], ["/b/3"]]
    assert len(queue.receive()) == 3, "the same message counts once"


def test_more_than_a_message_may_hold(scene: Scene, queue: Messages) -> None:
    """Ten at once; what has no parameter has a message, too, which fails by itself."""
    names = [f"/many/{number:02}" for number in range(23)]
    for name in names[:-1]:
        scene.put(name)
    scene.clock.advance(minutes=1)
    scene.calls()
    answer = scene.handler({"Parameters": names, "WrittenBefore": scene.leak()}, Context())
    assert sorted(answer["Parameters"]) == names  # type: ignore[call-overload]
    assert scene.calls() == ["GetParameters"] * 3
    assert sorted(names_of([*queue.receive(), *queue.receive(), *queue.receive()])) == names


def test_messages_are_rotated(scene: Scene, queue: Messages) -> None:
    """What a message says is one event; what fails is given back, and nothing else is."""
    scene.server.accounts["billing"] = Account(FIRST, {"read"})
    scene.put("/orders/billing", username="billing")
    scene.put("/orders/broken", engine="none")
    before = {"WrittenBefore": scene.clock().isoformat()}
    scene.clock.advance(seconds=1)
    for version in scene.emulator.state.own("/orders/billing").versions:
        object.__setattr__(version, "at", version.at - timedelta(days=1))
    for version in scene.emulator.state.own("/orders/broken").versions:
        object.__setattr__(version, "at", version.at - timedelta(days=1))
    scene.handler({"Paths": ["/orders"], **before}, Context())
    records = queue.receive()
    broken = [it["messageId"] for it in records if "broken" in it["body"]]
    assert len(records) == 3
    assert batch(scene, records) == broken
    assert scene.current("/orders/billing")["password"] != FIRST
    assert scene.current()["password"] != FIRST
    scene.calls()
    assert batch(scene, records) == broken, "a repeated message finds nothing due"
    assert "PutParameter" not in scene.calls()


@pytest.mark.parametrize(("engine", "times", "asked"), [("none", 1, [SOON]), ("none", 2, []), ("memory", 1, [])])
def test_when_a_message_that_failed_is_tried_again(
    scene: Scene, queue: Messages, engine: str, times: int, asked: list[int]
) -> None:
    """Soon after its first failure, then at the queue's own time; what is too new waits for that time at once."""
    scene.handler({"Paths": ["/orders"]}, Context())
    (record,) = queue.receive()
    record["attributes"]["ApproximateReceiveCount"] = str(times)
    scene.put(engine=engine)
    written = datetime.now(UTC) - (timedelta(seconds=1) if engine == "memory" else timedelta(days=50))
    object.__setattr__(scene.emulator.state.own(NAME).newest, "at", written)
    record["body"] = json.dumps({"Parameters": [NAME], "WrittenBefore": scene.leak()})
    seen: list[int] = []

    def note(params: dict[str, Any], **_: object) -> None:
        seen.append(params["VisibilityTimeout"])
        assert params["ReceiptHandle"] == record["receiptHandle"]

    scene.handler._queue._client.meta.events.register(  # noqa: SLF001 to see what is asked of SQS
        "provide-client-params.sqs.ChangeMessageVisibility", note
    )
    assert batch(scene, [record]) == [record["messageId"]]
    assert seen == asked


def test_a_message_whose_time_cannot_be_changed(scene: Scene, queue: Messages) -> None:
    """It comes back at the queue's own time: the failure is told all the same."""
    scene.handler({"Paths": ["/orders"]}, Context())
    (record,) = queue.receive()
    scene.put(engine="none")
    object.__setattr__(scene.emulator.state.own(NAME).newest, "at", datetime.now(UTC) - timedelta(days=50))
    assert batch(scene, [record | {"receiptHandle": "of another queue"}]) == [record["messageId"]]


def test_messages_that_are_no_events(scene: Scene, queue: Messages, capsys: pytest.CaptureFixture[str]) -> None:
    """They fail alone, and what they hold is not shown."""
    scene.handler({"Paths": ["/orders"]}, Context())
    records = queue.receive()
    wrong = [records[0] | {"messageId": text, "body": text} for text in ("canary no json", '{"canary": 1}', "[]")]
    wrong = [it | {"attributes": {"MessageGroupId": it["messageId"]}} for it in wrong]
    assert batch(scene, [*wrong, *records]) == [it["messageId"] for it in wrong]
    assert "canary no" not in capsys.readouterr().out
    assert scene.current()["password"] != FIRST


def test_a_parameters_messages_wait_for_each_other(scene: Scene, queue: Messages) -> None:
    """Once one has failed, those after it of the same parameter are not tried."""
    scene.put(engine="none")
    scene.clock.advance(days=1)
    scene.emulator.state.own(NAME).versions[:] = [scene.emulator.state.own(NAME).newest]
    object.__setattr__(scene.emulator.state.own(NAME).newest, "at", scene.clock() - timedelta(days=50))
    scene.handler({"Paths": ["/orders"]}, Context())
    (record,) = queue.receive()
    scene.calls()
    assert batch(scene, [record, record | {"messageId": "second"}]) == [record["messageId"], "second"]
    assert scene.calls().count("GetParameter") == 1


def test_the_service_has_no_queue(scene: Scene) -> None:
    """Many parameters need one."""
    with pytest.raises(InvalidSettings, match="no queue"):
        scene.handler({"Paths": ["/orders"]}, Context())


def test_messages_that_are_not_taken(scene: Scene, queue: Messages, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event fails as a whole, and its repetition sends the rest."""
    del queue
    scene.handler({"Paths": ["/orders"]}, Context())
    sender = scene.handler._queue._client  # noqa: SLF001 to fail as the service can
    with monkeypatch.context() as patch:
        patch.setattr(sender, "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}], "Successful": []})
        with pytest.raises(StoreUnavailable, match="1 of 1 messages"):
            scene.handler({"Paths": ["/orders"]}, Context())
    scene.handler._queue._url += "nowhere"  # noqa: SLF001 as above
    with pytest.raises(StoreUnavailable, match="not every parameter that is due has a message"):
        scene.handler({"Paths": ["/orders"]}, Context())


def test_nobody_takes_messages(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way to the queue is named."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    scene.environment["ROTATION_QUEUE_URL"] = "http://127.0.0.1:9/queue"
    with pytest.raises(StoreUnavailable, match="EndpointConnectionError") as error:
        scene.handler({"Paths": ["/orders"]}, Context())
    assert "endpoint for sqs" in error.value.remedy


@pytest.mark.parametrize(
    ("operation", "event"),
    [
        ("GetParameters", {"Parameters": [NAME, ADMINS]}),
        ("GetParametersByPath", {"Paths": ["/orders"]}),
        ("DescribeParameters", {"Tags": {"a": "b"}}),
    ],
)
def test_a_search_that_is_denied(scene: Scene, queue: Messages, operation: str, event: dict[str, object]) -> None:
    """The permission is named."""
    del queue
    scene.emulator.faults.deny(operation)
    with pytest.raises(StoreError, match=f"{operation} was denied") as error:
        scene.handler(event, Context())
    assert f"ssm:{operation}" in error.value.remedy


def test_a_search_that_somebody_else_answers(scene: Scene, queue: Messages) -> None:
    """What is not of the API is not believed."""
    del queue

    def answered(parsed: dict[str, Any], **_: object) -> None:
        for it in parsed["Parameters"]:
            it["LastModifiedDate"] = "yesterday"

    client = scene.handler._clients.client  # noqa: SLF001 to answer as nobody should
    client.meta.events.register("after-call.ssm.GetParametersByPath", answered)
    with pytest.raises(StoreUnavailable, match="not Parameter Store"):
        scene.handler({"Paths": ["/orders"]}, Context())
