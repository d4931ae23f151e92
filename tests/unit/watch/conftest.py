"""An account with the watch's table, topic and a subscriber, and its function."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import boto3
import pytest
from moto import mock_aws
from moto.secretsmanager.models import secretsmanager_backends

from tests.support.template.cloudformation import ROOT, parse
from tests.support.watched.events import ACCOUNT, REGION
from watch.entrypoint import lambda_handler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

FUNCTION = "secret-rotation-postgresql"
TABLE: Final = parse((ROOT / "functions/watch/template.yaml").read_text("utf-8"))["Resources"]["Memory"]["Properties"]
CLIENT: Final[Any] = cache(boto3.client)
"""It makes each client once: they differ in nothing, and each takes longer to make than what it is asked."""


class Watched:
    """The account, and what its subscriber got."""

    def __init__(self) -> None:
        """Make what the template makes."""
        self.secrets = CLIENT("secretsmanager", region_name=REGION)
        self.logs = CLIENT("logs", region_name=REGION)
        made = {name: TABLE[name] for name in ("BillingMode", "AttributeDefinitions", "KeySchema")}
        CLIENT("dynamodb", region_name=REGION).create_table(TableName="memory", **made)
        sns, self._sqs = CLIENT("sns", region_name=REGION), CLIENT("sqs", region_name=REGION)
        self.topic = sns.create_topic(Name="watch")["TopicArn"]
        self._queue = self._sqs.create_queue(QueueName="people")["QueueUrl"]
        queue = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]
        # The message alone: about it SNS would tell what is signed by a key that each subscription makes.
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=queue["QueueArn"], Attributes=raw)
        self.logs.create_log_group(logGroupName=f"/aws/lambda/{FUNCTION}")
        self.logs.create_log_stream(logGroupName=f"/aws/lambda/{FUNCTION}", logStreamName="2026/10/04/[$LATEST]1f")
        self.secret = self.made("shop/db")
        self.failed: list[str] = []

    def made(self, name: str, function: str = FUNCTION) -> str:
        """Make a secret that a function rotates, and return its ARN."""
        arn = str(self.secrets.create_secret(Name=name, SecretString="{}")["ARN"])
        if function:
            self.attach(arn, function)
        return arn

    def attach(self, arn: str, function: str) -> None:
        """Give a secret to a function, by the backend: RotateSecret of moto would invoke it."""
        secret: Any = secretsmanager_backends[ACCOUNT][REGION].secrets[arn]
        secret.rotation_requested = secret.rotation_enabled = True
        secret.rotation_lambda_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"

    def writes(self, at: datetime, **line: Any) -> None:  # noqa: ANN401 what a line holds
        """Let the function write a line about the secret."""
        whole = {"level": "ERROR", "secret": self.secret, **line}
        event = {"timestamp": int(at.timestamp() * 1000), "message": json.dumps(whole)}
        self.logs.put_log_events(
            logGroupName=f"/aws/lambda/{FUNCTION}", logStreamName="2026/10/04/[$LATEST]1f", logEvents=[event]
        )

    def told(self, *events: dict[str, Any] | str, chat: bool = False) -> list[str]:
        """Deliver events in one batch, and return what the subscriber got of them."""
        records = [{"messageId": str(number), "body": json.dumps(one)} for number, one in enumerate(events)]
        environment = {
            "AWS_REGION": REGION,
            "WATCH_TOPIC": self.topic,
            "WATCH_MEMORY": "memory",
            "WATCH_FUNCTIONS": "secret-rotation-",
            "WATCH_CHAT": str(chat).lower(),
        }
        with mock.patch.dict("os.environ", environment):
            answer = lambda_handler({"Records": records}, None)
        self.failed = [it["itemIdentifier"] for it in answer["batchItemFailures"]]
        return self.messages()

    def messages(self) -> list[str]:
        """Return what the subscriber got since the last time."""
        got: list[str] = []
        while found := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                got.append(one["Body"])
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=one["ReceiptHandle"])
        return got


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield Watched()
