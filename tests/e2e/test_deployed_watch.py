"""The suite is deployed with its watch: events go through the deployed rules, and come as messages, once."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.lab import builds, runtime
from tests.lab.nightly import NIGHTLY
from tests.support.cloudwatch.dashboard import complaints
from tests.support.cloudwatch.stack import alarms, made
from tests.support.emulators.ministack import Account, account
from tests.support.watched import events
from tests.support.watched.cases import FUNCTION, cases
from tests.support.watched.events import (
    ACCOUNT,
    ADA,
    KEY,
    TAMPERING,
    assumed,
    of_call,
    of_key,
    of_schedule,
    of_service,
    user,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.servers.tls import Authority

LOG: Final = f"/aws/lambda/{FUNCTION}"
READER: Final = f"arn:aws:iam::{ACCOUNT}:role/shop"
LEFT_OUT: Final = ("Mysql", "Documentdb", "Redshift", "Aurora")
PARAMETERS: Final = {
    "Watch": "all",
    "WatchReaders": f"{READER},arn:aws:iam::{ACCOUNT}:user/backup",
    "WatchWithoutTrail": "true",
    "KmsKeyArns": KEY,
    "WatchDashboard": "true",
    **{f"Deploy{one}": "false" for one in LEFT_OUT},
}
SECONDS: Final = 60.0
NOW: Final = datetime.now(UTC).replace(microsecond=0)


@dataclass
class Deployed:
    """The stack, what it made, a secret that its function rotates, and whoever subscribed to the topic."""

    account: Account
    secret: str
    another: str
    """Another one, which a rotation is abandoned of."""
    made: dict[str, str]
    """What the nested stack made, by the names of its template."""
    mail: str
    role: str

    @property
    def queue(self) -> str:
        """Where events wait for the function."""
        return self.made["EventQueue"]

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
        bus = self.account.client("events")
        for start in range(0, len(entries), 10):  # at most ten (EventBridge API reference, PutEvents)
            assert bus.put_events(Entries=entries[start : start + 10])["FailedEntryCount"] == 0

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

    def call(
        self,
        name: str,
        who: dict[str, Any] | None = None,
        at: datetime = NOW,
        **request: Any,  # noqa: ANN401 what a request holds
    ) -> dict[str, Any]:
        """Return a call on the secret."""
        asked = {"secretId": self.secret, **request}
        return of_call(name, who, at=at, request=asked, response={"arn": self.secret})

    def writes(self, **line: str) -> None:
        """Let the rotation's function write an error."""
        logs = self.account.client("logs")
        text = json.dumps({"level": "ERROR", "secret": self.secret, **line})
        at = int((NOW - timedelta(seconds=9)).timestamp() * 1000)
        logs.put_log_events(logGroupName=LOG, logStreamName="one", logEvents=[{"timestamp": at, "message": text}])


def _without_uploads(built: Path) -> Path:
    """Give the template's place; for a function that is left out a small file is uploaded."""
    place = built / "known.yaml"
    text = (built / "template.yaml").read_text("utf-8")
    for one in (*LEFT_OUT, "ParameterStore"):
        text = text.replace(f"CodeUri: {one}Function\n", "CodeUri: WatchStack/WatchFunction\n")
    place.write_text(text, "utf-8")
    return place


@pytest.fixture(scope="module")
def deployed(authority: Authority) -> Iterator[Deployed]:
    """Deploy, subscribe, and attach a secret; the topic takes TLS alone, and the queue's delays are not waited for."""
    python = runtime.python()
    with account(authority, python=python, sends=True, alarms=True, MINISTACK_ACCOUNT_ID=ACCOUNT) as here:
        deploy = here.deploy if NIGHTLY else here.change  # by night with `sam deploy`
        deploy(_without_uploads(builds.ready()), {"Arch": builds.architecture(), **PARAMETERS})
        (nested,) = [
            it for it in here.client("cloudformation").describe_stacks()["Stacks"] if "Watch" in it["StackName"]
        ]
        found = here.client("cloudformation").describe_stack_resources(StackName=nested["StackName"])["StackResources"]
        resources = {it["LogicalResourceId"]: it["PhysicalResourceId"] for it in found}
        sqs = here.client("sqs")
        sqs.set_queue_attributes(
            QueueUrl=resources["EventQueue"], Attributes={"DelaySeconds": "0", "VisibilityTimeout": "20"}
        )
        mail = sqs.create_queue(QueueName="mail")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=mail, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement | {"Resource": arn}]})
        sqs.set_queue_attributes(QueueUrl=mail, Attributes={"Policy": policy})
        here.client("sns").subscribe(TopicArn=here.outputs["WatchTopicArn"], Protocol="sqs", Endpoint=arn)
        # The state of a rule that hears of reads is unknown to this server.
        here.client("events").enable_rule(Name=resources["ReadsRule"])
        secret, another = (here.create_secret(f"shop/{it}", {"password": "never read"}) for it in ("db", "other"))
        for attached in (secret, another):
            here.attach(attached, here.outputs["PostgresqlFunctionArn"])
        here.client("logs").create_log_stream(logGroupName=LOG, logStreamName="one")
        one = Deployed(here, secret, another, resources, mail, here.outputs["PostgresqlRoleArn"])
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
    sent += [of_service(name, deployed.secret, at=NOW) for name in ("TestRotationSucceeded", "TestRotationFailed")]
    sent += [of_service("RotationAbandoned", deployed.another, at=NOW)]
    sent += [deployed.call("PutSecretValue", who) for who in (assumed(ADA), user("eve"), events.ROOT_USER)]
    sent += [deployed.call("UpdateSecretVersionStage", versionStage="AWSCURRENT")]
    sent += [deployed.call("UpdateSecret", kmsKeyId=KEY)]
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
            "Dry run failed",
            "Rotation begins to fail",
            *["Value was changed by hand"] * 3,
            "AWSCURRENT was moved by hand",
            "Value or key was changed by hand",
            "Secret was read by somebody else",
        ]
    )


def test_what_must_not_match_is_not_even_queued(deployed: Deployed) -> None:
    ours = assumed(deployed.role, FUNCTION)
    refused = of_call("DeleteSecret", errorCode="AccessDenied")
    sent = [deployed.call(name, ours) for name in ("PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage")]
    sent += [refused]
    sent += [deployed.call("GetSecretValue", who) for who in (ours, assumed(READER), user("backup"))]
    sent += [deployed.call("DescribeSecret"), of_service("RotationStarted", deployed.secret), of_key("EnableKey")]
    sent += [of_key("DisableKey", KEY.replace("0f1e", "ffff"))]
    deployed.send(*sent)
    sqs = deployed.account.client("sqs")
    assert "Messages" not in sqs.receive_message(QueueUrl=deployed.queue)
    assert deployed.told() == []


def test_what_changes_no_current_value_and_what_rotates_elsewhere_is_queued_and_not_told(deployed: Deployed) -> None:
    """A description, a label of one's own, and a secret that no function of the stack rotates."""
    strange = deployed.account.create_secret("strange", {})
    sent = [deployed.call("UpdateSecret", description="x"), deployed.call("PutSecretValue", versionStages=["BLUE"])]
    sent += [of_service("RotationFailed", strange, at=NOW), of_call("DeleteSecret", response={"arn": strange})]
    deployed.send(*sent)
    assert deployed.told() == []


def test_the_day_after_a_summary_tells_who_read(deployed: Deployed) -> None:
    """
    The schedule's rule has its own target, which is tried by what the schedule would send.

    Its minute is not waited for: for this test the rule takes that event by a pattern, too.
    """
    events_, rule = deployed.account.client("events"), deployed.made["ReadsSummary"]
    assert events_.describe_rule(Name=rule)["ScheduleExpression"] == "cron(15 0 * * ? *)"
    reads = [deployed.call("GetSecretValue", user("eve"), at=NOW - timedelta(days=1, seconds=it)) for it in range(2)]
    deployed.send(*reads, *reads)
    (notice,) = deployed.told()
    assert notice.startswith("Secret was read by somebody else: shop/db")
    pattern = json.dumps({"source": ["aws.events"], "detail-type": ["Scheduled Event"]})
    events_.put_rule(Name=rule, EventPattern=pattern, ScheduleExpression="cron(15 0 * * ? *)")
    deployed.send(of_schedule(NOW), of_schedule(NOW))
    (summary,) = deployed.told()
    assert summary.startswith("Reads by others on ")
    assert f"{deployed.secret} was read 2 times by arn:aws:iam::{ACCOUNT}:user/eve" in summary


def test_the_servers_own_matcher_lets_in_what_ours_does(deployed: Deployed) -> None:
    """Each event of tests/unit/template/test_watch.py, against the patterns as they are deployed."""
    events_ = deployed.account.client("events")
    patterns = {
        name: events_.describe_rule(Name=deployed.made[name]).get("EventPattern")
        for name in deployed.made
        if name.endswith("Rule")
    }
    for event, rules in cases(deployed.role, READER):
        text = json.dumps(event)
        asked = {it: events_.test_event_pattern(EventPattern=pattern, Event=text) for it, pattern in patterns.items()}
        assert {it for it, answer in asked.items() if answer["Result"]} == rules, text


FAILED: Final = ("RotationFailed", "TestRotationFailed")
DENIED: Final = [
    ("secretsmanager:DescribeSecret", "TestRotationFailed", "The secret cannot be described"),
    ("logs:FilterLogEvents", "TestRotationFailed", "The function's log cannot be read (AccessDenied"),
    ("dynamodb:GetItem", "RotationFailed", ""),
    ("dynamodb:PutItem", "TestRotationFailed", ""),
    ("dynamodb:UpdateItem", "GetSecretValue", ""),
    ("dynamodb:Query", "Scheduled Event", ""),
    ("sns:Publish", "TestRotationFailed", ""),
]


@pytest.mark.parametrize(("action", "name", "said"), DENIED, ids=lambda it: it)
def test_without_a_permission_nothing_is_silent(deployed: Deployed, action: str, name: str, said: str) -> None:
    """What it may not look at is named in the message; what it may not remember or tell comes again."""
    event = deployed.call(name, user("eve")) if name == "GetSecretValue" else of_schedule(NOW)
    if name in FAILED:
        event = of_service(name, deployed.secret, at=NOW)
    batch = json.dumps({"Records": [{"messageId": "1", "body": json.dumps(event)}]})
    with deployed.account.without(deployed.made["WatchRole"], action, named="watch"):
        answer = deployed.account.client("lambda").invoke(FunctionName=deployed.made["WatchFunction"], Payload=batch)
    failed = json.loads(answer["Payload"].read())["batchItemFailures"]
    told = deployed.told()
    assert failed == ([] if said else [{"itemIdentifier": "1"}])
    assert [said in one for one in told] == ([True] if said else [])


def test_the_dashboard_is_deployed_and_valid(deployed: Deployed) -> None:
    """With the alarms that there are, by their ARNs."""
    watch = deployed.account.client("cloudwatch")
    body = json.loads(watch.get_dashboard(DashboardName=deployed.made["Dashboard"])["DashboardBody"])
    assert list(complaints(body)) == []
    (shown,) = (it["properties"]["alarms"] for it in body["widgets"] if it["type"] == "alarm")
    assert sorted(shown) == sorted(it["AlarmArn"] for kind in _described(deployed).values() for it in kind)


def _described(deployed: Deployed) -> dict[str, list[dict[str, Any]]]:
    answer = deployed.account.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return {name: answer[name] for name in ("MetricAlarms", "CompositeAlarms")}


def _with_names(node: Any, names: dict[str, str]) -> Any:  # noqa: ANN401 what JSON holds
    """Put what a resource is called in place of its name in the template."""
    if isinstance(node, dict):
        return {key: _with_names(it, names) for key, it in node.items()}
    if isinstance(node, list):
        return [_with_names(it, names) for it in node]
    if not isinstance(node, str):
        return node
    text = {"Untold.QueueName": names["Untold"].rpartition("/")[2], **names}.get(node, node)
    return re.sub(r'ALARM\("(\w+)"\)', lambda it: f'ALARM("{names[it[1]]}")', text)


def test_every_alarm_is_deployed_as_it_is_evaluated(deployed: Deployed) -> None:
    """Also those over several metrics, and the one of alarms: with each property that test_alarms.py plays."""
    deployed_ones = {it["AlarmName"]: it for kind in _described(deployed).values() for it in kind}
    watch = {key: it for key, it in PARAMETERS.items() if key.startswith(("Watch", "Kms"))}
    evaluated = [it for it in made(**watch).values() if it["Type"].endswith(("::Alarm", "::CompositeAlarm"))]
    assert deployed_ones.keys() == {it["Properties"]["AlarmName"] for it in evaluated}
    for one in evaluated:
        properties = {key: it for key, it in one["Properties"].items() if key != "Tags"}
        properties |= {"Threshold": float(properties["Threshold"])} if "Threshold" in properties else {}
        found = deployed_ones[properties["AlarmName"]]
        assert {key: found[key] for key in properties} == _with_names(properties, deployed.made)


def test_one_alarm_tells_for_all(deployed: Deployed) -> None:
    """The server reads the rule's grammar by itself: a second evaluation beside that of tests/support/cloudwatch."""
    watch, found = deployed.account.client("cloudwatch"), _described(deployed)
    (one,), names = found["CompositeAlarms"], [it["AlarmName"] for it in found["MetricAlarms"]]
    assert len(names) == len(alarms(made()))
    for name in names:
        watch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="at first")
    deployed.told()

    def told(name: str, state: str) -> list[tuple[str, str]]:
        watch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="as the test says")
        notices = [json.loads(it) for it in deployed.told()]
        return [(it["AlarmName"], it["NewStateValue"]) for it in notices]

    for name in names:
        assert told(name, "ALARM") == [(one["AlarmName"], "ALARM")], name
        assert told(name, "OK") == [(one["AlarmName"], "OK")], name
    first, second = names[:2]
    told(first, "ALARM")
    assert told(second, "ALARM") == told(first, "OK") == []
    assert told(second, "OK") == [(one["AlarmName"], "OK")]


def test_a_move_without_a_trail_is_told_where_no_function_made_it(deployed: Deployed) -> None:
    """The server itself sends this event when a value is put."""
    deployed.account.client("secretsmanager").put_secret_value(SecretId=deployed.secret, SecretString="{}")
    (title,) = [it for it in (one.partition("(")[0] for one in deployed.told()) if it.startswith("Current value")]
    assert title == "Current value was changed by somebody: shop/db "


def test_nothing_was_left_untold(deployed: Deployed) -> None:
    """After all that was sent, the queue of what could not be told is empty."""
    assert "Messages" not in deployed.account.client("sqs").receive_message(QueueUrl=deployed.made["Untold"])
