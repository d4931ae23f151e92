"""The function for parameters: what its role allows, what fires it, and where its failures go."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.entrypoints.parameter_store.events import Event
from rotation.entrypoints.parameter_store.handler import QUIET
from rotation.entrypoints.parameter_store.settings import ParameterSettings
from rotation.settings import Settings
from tests.support.template.cloudformation import ACCOUNT, REGION, Stack, fits
from tests.support.template.iam import Request, Statement, allows, listed, statements
from tests.support.template.permissions import CALLER, LOGGING, NETWORK, arn_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION: Final = "parameter_store"
PARAMETERS: Final = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
LIVE, OTHER, ENTRY = f"{PARAMETERS}/rotated/db", f"{PARAMETERS}/payroll/db", f"{PARAMETERS}/rotation/0a1b/1-1-1"
ADMIN, SECRET = f"{PARAMETERS}/admins/db", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:admins/db-a1B2c3"
REFERENCE: Final = f"{PARAMETERS}/aws/reference/secretsmanager/admins/db"
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f1e2d3c"
VIA: Final = f"ssm.{REGION}.amazonaws.com"
QUEUE: Final = "ParameterStoreQueue.Arn"
ALARMS: Final = {
    "ParameterStoreAlarm": "ParameterStoreFailures",
    "ParameterStoreUndeliveredAlarm": "ParameterStoreUndelivered",
}
COMPLETE: Final = {
    "ParameterPath": "/rotated",
    "ParameterAdminArns": f"{ADMIN},{SECRET}",
    "FollowLabels": "live",
    "KmsKeyArns": KEY,
    "SubnetIds": "subnet-1",
    "SecurityGroupIds": "sg-1",
}
WITHOUT: Final = {
    "KmsKeyArns": {"UseKeysForParameters", "UseKeysForAdminParameters", "UseKeysForAdminSecrets"},
    "ParameterAdminArns": {
        "ReadAdminCredentials",
        "ReadSecretsByReference",
        "FindDatabasesOfManagedAdminSecrets",
        "UseKeysForAdminParameters",
        "UseKeysForAdminSecrets",
    },
}


def policy(**parameters: str) -> list[Statement]:
    """Return the statements of the role, for the parameters."""
    return copy.deepcopy(_policy(tuple(sorted(parameters.items()))))


@cache
def _policy(parameters: tuple[tuple[str, str], ...]) -> list[Statement]:
    resources = Stack({**COMPLETE, **dict(parameters)}).resources
    return statements(resources["ParameterStoreRole"], resources)


def put(arn: str, *, overwrite: bool) -> Request:
    """Return a put; the library says each time whether it overwrites."""
    return Request("ssm:PutParameter", arn, {"ssm:Overwrite": str(overwrite).lower()})


def key(action: str, arn: str, via: str = VIA) -> Request:
    """Return a call on the key, as a service makes it for the caller."""
    named = "SecretARN" if ":secretsmanager:" in arn else "PARAMETER_ARN"
    return Request(f"kms:{action}", KEY, {"kms:ViaService": via, f"kms:EncryptionContext:{named}": arn})


def needed() -> Iterator[Request]:
    """Return every call that rotations need, by the function and by Lambda for it."""
    log = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/secret-rotation-parameter-store:log-stream:any"
    yield from (Request(action, log) for action in LOGGING)
    yield from (Request(action, "*") for action in NETWORK)
    yield from (Request(f"sqs:{it}", QUEUE) for it in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage"))
    yield from (replace(it, context={**it.context, CALLER: arn_of(FUNCTION)}) for it in _by_its_code())


def _by_its_code() -> Iterator[Request]:
    yield from (Request(f"sqs:{it}", QUEUE) for it in ("ChangeMessageVisibility", "SendMessage"))
    for action in ("GetParameter", "GetParameters", "GetParameterHistory", "LabelParameterVersion"):
        yield Request(f"ssm:{action}", LIVE)
    yield Request("ssm:DescribeParameters", f"arn:aws:ssm:{REGION}:{ACCOUNT}:*")
    yield from (Request("ssm:GetParametersByPath", it) for it in (f"{PARAMETERS}/rotated", LIVE, ENTRY))
    yield from (put(LIVE, overwrite=it) for it in (True, False))
    yield put(ENTRY, overwrite=False)
    yield from (Request(f"ssm:{action}", ENTRY) for action in ("DeleteParameters", "GetParameter"))
    yield from (Request(f"ssm:{it}", ADMIN) for it in ("GetParameter", "ListTagsForResource"))
    yield from (Request(f"secretsmanager:{it}", SECRET) for it in ("DescribeSecret", "GetSecretValue"))
    yield Request("ssm:GetParameter", REFERENCE)
    yield Request("rds:DescribeDBClusters", f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:orders")
    yield Request("rds:DescribeDBInstances", f"arn:aws:rds:{REGION}:{ACCOUNT}:db:orders")
    for arn in (LIVE, ENTRY):
        yield from (key(action, arn) for action in ("Decrypt", "Encrypt", "GenerateDataKey"))
    yield key("Decrypt", ADMIN)
    yield key("Decrypt", SECRET, f"secretsmanager.{REGION}.amazonaws.com")


def forbidden() -> Iterator[Request]:
    """Return calls that the role may not make, each a hair's breadth from one that it may."""
    yield put(ENTRY, overwrite=True)
    for arn in (OTHER, ADMIN, LIVE.replace(ACCOUNT, "210987654321"), LIVE.replace(REGION, "eu-central-1")):
        yield from (put(arn, overwrite=it) for it in (True, False))
        yield from (Request(f"ssm:{it}", arn) for it in ("LabelParameterVersion", "DeleteParameters"))
        yield Request("ssm:GetParameterHistory", arn)
        yield from (key(it, arn) for it in ("Encrypt", "GenerateDataKey"))
    yield from (Request(f"ssm:{it}", OTHER) for it in ("GetParameter", "GetParameters", "ListTagsForResource"))
    yield from (Request("ssm:GetParametersByPath", it) for it in (PARAMETERS, f"{PARAMETERS}/", OTHER))
    yield from (Request(f"ssm:{it}", LIVE) for it in ("DeleteParameter", "DeleteParameters", "AddTagsToResource"))
    yield from (Request(f"secretsmanager:{it}", SECRET) for it in ("PutSecretValue", "UpdateSecretVersionStage"))
    yield Request("secretsmanager:GetSecretValue", SECRET.replace("admins", "others"))
    yield from (
        Request(f"sqs:{it}", f"{name}.Arn")
        for it in ("ChangeMessageVisibility", "SendMessage", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
        for name in ("ParameterStoreFailures", "AnyQueue")
    )
    for action in ("Decrypt", "Encrypt", "GenerateDataKey"):
        yield key(action, OTHER)
        yield key(action, LIVE, "secretsmanager.eu-west-1.amazonaws.com")
        yield key(action, SECRET)
        yield replace(key(action, LIVE), resource=KEY.replace("0f1e", "4b5a"))
        yield replace(key(action, ADMIN), resource=KEY.replace("0f1e", "4b5a"))
    yield key("Decrypt", ADMIN, "secretsmanager.eu-west-1.amazonaws.com")
    yield key("Decrypt", SECRET.replace("admins", "others"), f"secretsmanager.{REGION}.amazonaws.com")
    yield replace(key("Decrypt", SECRET, f"secretsmanager.{REGION}.amazonaws.com"), resource=f"{KEY}9")
    yield Request("rds:DescribeDBClusters", f"arn:aws:rds:{REGION}:210987654321:cluster:orders")
    yield Request("rds:DescribeDBInstances", f"arn:aws:rds:{REGION}:210987654321:db:orders")
    yield Request("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/other:log-stream:any")
    yield Request("logs:CreateLogStream", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/other:log-stream:any")
    for action in NETWORK:
        yield Request(action, "*", {CALLER: arn_of(FUNCTION)})


def missing(of: list[Statement]) -> list[Request]:
    """Return what is needed and not allowed."""
    return [request for request in needed() if not allows(of, request)]


def surplus(of: list[Statement]) -> list[Request]:
    """Return what is allowed though it is forbidden."""
    return [request for request in forbidden() if allows(of, request)]


def test_the_role_allows_what_is_needed_and_nothing_else() -> None:
    assert missing(policy()) == []
    assert surplus(policy()) == []


@pytest.mark.parametrize("place", range(len(policy())))
def test_a_permission_taken_out_is_missed(place: int) -> None:
    """Each action of each statement that allows; each of a denial keeps something out."""
    for action in listed(policy()[place]["Action"]):
        less = policy()
        less[place]["Action"] = [it for it in listed(less[place]["Action"]) if it != action]
        found = missing(less) if less[place]["Effect"] == "Allow" else surplus(less)
        assert action in {request.action for request in found}, less[place]["Sid"]


@pytest.mark.parametrize("place", range(len(policy())))
def test_a_resource_or_a_condition_less_lets_something_in(place: int) -> None:
    statement = policy()[place]
    if statement["Effect"] == "Deny":
        return
    wider = policy()
    if statement["Resource"] != "*":
        wider[place]["Resource"] = "*"
        assert surplus(wider) or statement["Sid"] == "ReadSecretsByReference", statement["Sid"]
    for operator, keys in statement.get("Condition", {}).items():
        for name in keys:
            relaxed = policy()
            del relaxed[place]["Condition"][operator][name]
            assert surplus(relaxed), (statement["Sid"], name)


def test_a_wider_path_of_the_journal_would_let_it_be_overwritten_elsewhere() -> None:
    """The denial is of the journal alone: the live parameter is overwritten."""
    harder = policy()
    (denial,) = (it for it in harder if it["Sid"] == "NeverOverwriteTheJournal")
    denial["Resource"] = "*"
    assert put(LIVE, overwrite=True).resource in {it.resource for it in missing(harder)}


@pytest.mark.parametrize("parameter", WITHOUT)
def test_what_a_parameter_leaves_out_is_not_granted(parameter: str) -> None:
    gone = {it["Sid"] for it in policy()} - {it["Sid"] for it in policy(**{parameter: ""})}
    assert gone == WITHOUT[parameter]


def test_labels_may_be_moved_only_where_they_follow() -> None:
    found = missing(policy(FollowLabels=""))
    assert {request.action for request in found} == {"ssm:LabelParameterVersion"}


# What fires it, and where failures go


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return Stack(COMPLETE).resources


def test_nothing_is_made_without_a_path() -> None:
    stack = Stack({})
    assert not [name for name in {**stack.resources, **stack.outputs} if name.startswith("ParameterStore")]


def test_the_schedules_event_is_one(made: dict[str, Any]) -> None:
    """The Scheduler puts the time in (user guide, "Context attributes")."""
    target = made["ParameterStoreSchedule"]["Properties"]["Target"]
    text = target["Input"].replace("<aws.scheduler.scheduled-time>", "2026-01-31T06:00:00Z")
    event = Event.parse(json.loads(text), 30, datetime(2026, 2, 1, tzinfo=UTC))
    assert event.paths == ("/rotated",)
    assert "<" not in text
    assert target["Arn"] == QUEUE
    assert target["SqsParameters"]["MessageGroupId"]


def test_the_rule_takes_policies_and_no_change(made: dict[str, Any]) -> None:
    pattern = made["ParameterStoreRule"]["Properties"]["EventPattern"]
    assert pattern["detail-type"] == ["Parameter Store Policy Action"]
    assert pattern["detail"]["parameter-name"] == [{"prefix": "/rotated/"}]
    assert "Expiration" not in pattern["detail"]["policy-type"], "then the parameter is gone"
    (statement,) = made["ParameterStoreQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": "ParameterStoreRule.Arn"}}


def test_both_ways_have_a_dead_letter_queue_and_an_alarm(made: dict[str, Any]) -> None:
    undelivered = "ParameterStoreUndelivered.Arn"
    schedule, rule = made["ParameterStoreSchedule"]["Properties"], made["ParameterStoreRule"]["Properties"]
    assert schedule["Target"]["DeadLetterConfig"] == rule["Targets"][0]["DeadLetterConfig"] == {"Arn": undelivered}
    redrive = made["ParameterStoreQueue"]["Properties"]["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == "ParameterStoreFailures.Arn"
    for alarm, queue in ALARMS.items():
        (dimension,) = made[alarm]["Properties"]["Dimensions"]
        assert dimension == {"Name": "QueueName", "Value": f"{queue}.QueueName"}
    # A standard queue for the Scheduler (user guide, "Configuring a dead-letter queue"), FIFO for a FIFO queue.
    assert "FifoQueue" not in made["ParameterStoreUndelivered"]["Properties"]
    assert made["ParameterStoreFailures"]["Properties"]["FifoQueue"] is True


def test_one_run_of_a_parameter_at_a_time(made: dict[str, Any]) -> None:
    """Messages of one group come one after the other, and are hidden for longer than an invocation lasts."""
    queue, mapping = made["ParameterStoreQueue"]["Properties"], made["ParameterStoreMapping"]["Properties"]
    assert queue["FifoQueue"] is True
    assert queue["QueueName"].endswith(".fifo")
    assert mapping["BatchSize"] == 1
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    longest = next(it for it in range(2000, 0, -1) if fits("Timeout", str(it)))
    for parameters in (COMPLETE, {**COMPLETE, "Timeout": str(longest)}):
        stack = Stack(parameters)
        hidden = stack.resources["ParameterStoreQueue"]["Properties"]["VisibilityTimeout"]
        assert hidden >= int(stack.function("ParameterStoreFunction")["Timeout"]) + QUIET
    assert "ReservedConcurrentExecutions" not in Stack(COMPLETE).function("ParameterStoreFunction")


def test_who_is_told(made: dict[str, Any]) -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:operators"
    nobody = Stack({**COMPLETE, "Watch": "none"}).resources
    told = Stack({**COMPLETE, "AlarmTopicArn": topic}).resources
    for alarm in ALARMS:
        assert "AlarmActions" not in nobody[alarm]["Properties"]
        assert len(made[alarm]["Properties"]["AlarmActions"]) == 1
        assert told[alarm]["Properties"]["AlarmActions"] == [topic]


def test_its_settings_are_declared_and_left_alone_are_the_librarys_default() -> None:
    variables = Stack({"ParameterPath": "/rotated"}).function("ParameterStoreFunction")["Environment"]["Variables"]
    own = ParameterSettings.from_environment({**variables, "ROTATION_QUEUE_URL": ""})
    assert own == ParameterSettings.from_environment({})
    assert variables["ROTATION_QUEUE_URL"] == "ParameterStoreQueue.QueueUrl"
    assert Settings.from_environment(variables).admin_secret_arns == ()


@pytest.mark.parametrize(
    ("parameter", "value", "taken"),
    [
        ("ParameterPath", "/a/b.c-d_e", True),
        ("ParameterPath", "/a/", False),
        ("ParameterPath", "a", False),
        ("ParameterPath", "/", False),
        ("ParameterAdminArns", f"{ADMIN},{SECRET}", True),
        ("ParameterAdminArns", f"{ADMIN}*", True),
        ("ParameterAdminArns", f"{PARAMETERS}/*", False),
        ("ParameterAdminArns", SECRET[:-7], False),
        ("ParameterSchedule", "rate(1 day)", True),
        ("ParameterSchedule", "cron(0 6 ? * MON-FRI *)", True),
        ("ParameterSchedule", "hourly", False),
        ("FollowLabels", "live,blue", True),
        ("FollowLabels", "1st", False),
        ("ParameterJournal", "/rotation", True),
        ("ParameterJournal", "", False),
    ],
)
def test_what_a_parameter_may_be(parameter: str, value: str, *, taken: bool) -> None:
    assert fits(parameter, value) is taken


def test_what_the_library_takes_is_what_the_template_takes() -> None:
    """An entry that the template lets pass does not stop the function."""
    arns = f"{ADMIN},{SECRET},{ADMIN}*,{SECRET[:-7]}-??????"
    assert fits("ParameterAdminArns", arns)
    assert len(Settings.from_environment({"ADMIN_SECRET_ARNS": arns}).admin_secret_arns) == arns.count(",") + 1
    assert re.fullmatch(r"/[a-z]+", ParameterSettings.from_environment({}).root)
