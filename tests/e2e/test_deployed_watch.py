"""`sam deploy` of the suite with its watch: events go through the deployed rules, and come as messages, once."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.lab import builds, runtime
from tests.support.emulators.ministack import Account, account
from tests.support.template.cloudformation import parse
from tests.support.watched import events
from tests.support.watched.events import ACCOUNT, ADA, KEY, TAMPERING, assumed, of_call, of_key, of_service, user

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.servers.tls import Authority

FUNCTION: Final = "secret-rotation-postgresql"
LOG: Final = f"/aws/lambda/{FUNCTION}"
READER: Final = f"arn:aws:iam::{ACCOUNT}:role/shop"
LEFT_OUT: Final = ("Mysql", "Documentdb", "Redshift", "Aurora")
PARAMETERS: Final = {
    "Watch": "all",
    "WatchReaders": f"{READER},arn:aws:iam::{ACCOUNT}:user/backup",
    "WatchWithoutTrail": "true",
    "KmsKeyArns": KEY,
    **{f"Deploy{one}": "false" for one in LEFT_OUT},
}
SECONDS: Final = 60.0
NOW: Final = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Deployed:
    """The stack, a secret that its function rotates, and whoever subscribed to the topic."""

    account: Account
    secret: str
    queue: str
    dead: str
    mail: str
    role: str

    def send(self, *sent: dict[str, Any]) -> None:
        """Have AWS's services send events, as its bus takes them."""
        entries = [
            {
                "Source": one["source"],
                "DetailType": one["detail-type"],
                "Detail": json.dumps(one["detail"]),
                "Resources": one["resources"],
            }
            for one in sent
        ]
        assert self.account.client("events").put_events(Entries=entries)["FailedEntryCount"] == 0

    def told(self) -> list[str]:
        """Wait until the queue is empty, and return what the topic told since it was asked last."""
        sqs, until = self.account.client("sqs"), time.monotonic() + SECONDS
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        while (waits := self._waiting(names)) and time.monotonic() < until:
            time.sleep(0.1)
        assert not waits
        got: list[str] = []
        while found := sqs.receive_message(QueueUrl=self.mail, MaxNumberOfMessages=10).get("Messages", []):
            for one in found:
                got.append(json.loads(one["Body"])["Message"])
                sqs.delete_message(QueueUrl=self.mail, ReceiptHandle=one["ReceiptHandle"])
        return got

    def _waiting(self, names: list[str]) -> bool:
        found = self.account.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)
        return any(map(int, found["Attributes"].values()))

    def call(self, name: str, who: dict[str, Any] | None = None, **request: str) -> dict[str, Any]:
        """Return a call on the secret."""
        asked = {"secretId": self.secret, **request}
        return of_call(name, who, at=NOW, request=asked, response={"arn": self.secret})

    def writes(self, **line: str) -> None:
        """Let the rotation's function write an error."""
        logs = self.account.client("logs")
        text = json.dumps({"level": "ERROR", "secret": self.secret, **line})
        at = int((NOW - timedelta(seconds=9)).timestamp() * 1000)
        logs.put_log_events(logGroupName=LOG, logStreamName="one", logEvents=[{"timestamp": at, "message": text}])


def _for_this_server(built: Path) -> Path:
    """
    Leave out what it does not know, alarms of other alarms and of sums of metrics, and give the template's place.

    For a function that is left out a small file is uploaded.
    """
    nested = parse((built / "WatchStack/template.yaml").read_text("utf-8"))
    unknown = {"AWS::CloudWatch::CompositeAlarm", "AWS::CloudWatch::Dashboard"}
    left = {
        name: one
        for name, one in nested["Resources"].items()
        if one["Type"] not in unknown and "Metrics" not in one.get("Properties", {})
    }
    (built / "WatchStack/known.yaml").write_text(json.dumps({**nested, "Resources": left}), "utf-8")
    place = built / "known.yaml"
    text = (built / "template.yaml").read_text("utf-8")
    for one in (*LEFT_OUT, "ParameterStore"):
        text = text.replace(f"CodeUri: {one}Function\n", "CodeUri: WatchStack/WatchFunction\n")
    place.write_text(
        text.replace("TemplateURL: WatchStack/template.yaml", "TemplateURL: WatchStack/known.yaml"), "utf-8"
    )
    return place


@pytest.fixture(scope="module")
def deployed(authority: Authority) -> Iterator[Deployed]:
    """Deploy, subscribe, and attach a secret; the topic takes TLS alone, and the queue's delay is not waited for."""
    with account(authority, python=runtime.python(), sends=True, MINISTACK_ACCOUNT_ID=ACCOUNT) as here:
        here.deploy(_for_this_server(builds.ready()), {"Arch": builds.architecture(), **PARAMETERS})
        (nested,) = [
            it for it in here.client("cloudformation").describe_stacks()["Stacks"] if "Watch" in it["StackName"]
        ]
        found = here.client("cloudformation").describe_stack_resources(StackName=nested["StackName"])["StackResources"]
        made = {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}
        sqs = here.client("sqs")
        sqs.set_queue_attributes(QueueUrl=made["EventQueue"], Attributes={"DelaySeconds": "0"})
        mail = sqs.create_queue(QueueName="mail")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=mail, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement | {"Resource": arn}]})
        sqs.set_queue_attributes(QueueUrl=mail, Attributes={"Policy": policy})
        here.client("sns").subscribe(TopicArn=here.outputs["WatchTopicArn"], Protocol="sqs", Endpoint=arn)
        # The state of a rule that hears of reads is unknown to this server.
        here.client("events").enable_rule(Name=made["ReadsRule"])
        secret = here.create_secret("shop/db", {"password": "never read"})
        here.attach(secret, here.outputs["PostgresqlFunctionArn"])
        here.client("logs").create_log_stream(logGroupName=LOG, logStreamName="one")
        one = Deployed(here, secret, made["EventQueue"], made["Untold"], mail, here.outputs["PostgresqlRoleArn"])
        one.told()
        yield one


def test_a_rotation_that_fails_is_told_once_with_our_error_and_its_healing_too(deployed: Deployed) -> None:
    deployed.writes(error="PermissionDenied", message="The login may not change it. Run: GRANT a TO b;")
    fails = of_service("RotationFailed", deployed.secret, at=NOW)
    deployed.send(fails, fails, of_service("RotationFailed", deployed.secret, at=NOW + timedelta(seconds=5)))
    (message,) = deployed.told()
    assert message.startswith("Rotation begins to fail: shop/db")
    assert "PermissionDenied: The login may not change it. Run: GRANT a TO b;" in message
    healed = of_service("RotationSucceeded", deployed.secret, at=NOW + timedelta(seconds=9))
    deployed.send(healed, healed, fails)
    (message,) = deployed.told()
    assert message.startswith("Rotation is healed: shop/db")


def test_each_kind_of_event_comes_as_its_message_once(deployed: Deployed) -> None:
    sent = [deployed.call(name) for name in TAMPERING]
    sent += [of_key("DisableKey"), of_key("ScheduleKeyDeletion")]
    sent += [of_service("TestRotationSucceeded", deployed.secret, at=NOW)]
    sent += [deployed.call("PutSecretValue", who) for who in (assumed(ADA), user("eve"), events.ROOT_USER)]
    sent += [deployed.call("UpdateSecretVersionStage", versionStage="AWSCURRENT")]
    sent += [deployed.call("GetSecretValue", user("eve"))]
    for start in range(0, len(sent), 5):
        deployed.send(*sent[start : start + 5], *sent[start : start + 5])
    got = sorted(one.partition(":")[0] for one in deployed.told())
    assert got == sorted(
        [
            "Rotation was switched off",
            "Policy was removed",
            "Secret was deleted",
            "Policy was changed",
            "Replicas were removed",
            "Replica was made a secret of its own",
            "Key of secrets was disabled",
            "Key of secrets is to be deleted",
            "Dry run succeeded",
            *["Value was changed by hand"] * 3,
            "AWSCURRENT was moved by hand",
            "Secret was read by somebody else",
        ]
    )


def test_what_must_not_match_is_not_even_queued(deployed: Deployed) -> None:
    ours = assumed(deployed.role, FUNCTION)
    refused = of_call("DeleteSecret", errorCode="AccessDenied")
    sent = [deployed.call("PutSecretValue", ours), deployed.call("UpdateSecretVersionStage", ours), refused]
    sent += [deployed.call("GetSecretValue", who) for who in (ours, assumed(READER), user("backup"))]
    sent += [deployed.call("DescribeSecret"), of_service("RotationStarted", deployed.secret), of_key("EnableKey")]
    sent += [of_key("DisableKey", KEY.replace("0f1e", "ffff"))]
    deployed.send(*sent)
    sqs = deployed.account.client("sqs")
    assert "Messages" not in sqs.receive_message(QueueUrl=deployed.queue)
    assert deployed.told() == []


def test_a_move_without_a_trail_is_told_where_no_function_made_it(deployed: Deployed) -> None:
    """The server itself sends this event when a value is put."""
    deployed.account.client("secretsmanager").put_secret_value(SecretId=deployed.secret, SecretString="{}")
    (message,) = deployed.told()
    assert message.startswith("Current value was changed by somebody: shop/db")


def test_nothing_was_left_untold(deployed: Deployed) -> None:
    """After all that was sent, the queue of what could not be told is empty."""
    assert "Messages" not in deployed.account.client("sqs").receive_message(QueueUrl=deployed.dead)
