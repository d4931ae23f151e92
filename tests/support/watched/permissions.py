"""What the watch needs to be allowed, as calls that IAM decides on, and calls that it must refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tests.support.template.cloudformation import ACCOUNT, REGION
from tests.support.template.iam import Request
from tests.support.template.permissions import ELSEWHERE, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWN_TOPIC: Final = f"arn:aws:sns:{REGION}:{ACCOUNT}:ours"
OWN_KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/4b5a6978"
MODES: Final[Mapping[str, Mapping[str, str]]] = {
    "a topic of the stack": {},
    "a topic of one's own": {"AlarmTopicArn": OWN_TOPIC},
}
VIA: Final = {"kms:ViaService": f"sns.{REGION}.amazonaws.com"}

_LOGS: Final = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/"
TAKES: Final = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
"""What Lambda does with the role (Lambda developer guide, "Using Lambda with Amazon SQS", execution role)."""
_REMEMBERS: Final = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem")
ENCRYPTS: Final = ("kms:Decrypt", "kms:GenerateDataKey")
"""What SNS does for who publishes to an encrypted topic (SNS developer guide, "Managing encryption keys and costs")."""
_WRITES: Final = ("logs:CreateLogStream", "logs:PutLogEvents")


def needed(parameters: Mapping[str, str]) -> Iterator[Request]:
    """Return every call that telling of each kind of event needs, by the function and by others for it."""
    topic, key = _topic_and_key(parameters)
    yield from (Request(it, f"{_LOGS}secret-rotation-watch:log-stream:any") for it in _WRITES)
    yield from (Request(it, "EventQueue.Arn") for it in TAKES)
    yield Request("secretsmanager:DescribeSecret", SECRET)
    yield from (Request("logs:FilterLogEvents", f"{_LOGS}secret-rotation-{it}") for it in ("mysql", "postgresql"))
    yield from (Request(it, "Memory.Arn") for it in _REMEMBERS)
    yield Request("sns:Publish", topic)
    yield from (Request(it, key, VIA) for it in ENCRYPTS)


def forbidden(parameters: Mapping[str, str]) -> Iterator[Request]:
    """Return calls that the role may not make, each a hair's breadth from one that it may."""
    topic, key = _topic_and_key(parameters)
    yield from (Request(it, f"{_LOGS}secret-rotation-mysql:log-stream:any") for it in _WRITES)
    yield from (Request(it, queue) for it in TAKES for queue in ("Untold.Arn", "AnotherQueue.Arn"))
    yield from (Request(f"sqs:{it}", "EventQueue.Arn") for it in ("SendMessage", "PurgeQueue", "DeleteQueue"))
    for elsewhere in (SECRET.replace(ACCOUNT, ELSEWHERE), SECRET.replace(REGION, "eu-central-1")):
        yield Request("secretsmanager:DescribeSecret", elsewhere)
    for action in ("GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage", "RotateSecret", "DeleteSecret"):
        yield Request(f"secretsmanager:{action}", SECRET)
    yield Request("logs:FilterLogEvents", f"{_LOGS}payroll")
    yield Request("logs:FilterLogEvents", f"{_LOGS}secret-rotation-mysql".replace(ACCOUNT, ELSEWHERE))
    yield from (Request(f"logs:{it}", f"{_LOGS}secret-rotation-mysql") for it in ("DeleteLogGroup", "PutLogEvents"))
    yield from (Request(it, "AnotherTable.Arn") for it in _REMEMBERS)
    yield from (Request(f"dynamodb:{it}", "Memory.Arn") for it in ("DeleteItem", "DeleteTable", "Scan"))
    yield Request("sns:Publish", "arn:aws:sns:eu-west-1:123456789012:another")
    yield from (Request(f"sns:{it}", topic) for it in ("AddPermission", "SetTopicAttributes", "Subscribe"))
    for action in ENCRYPTS:
        used = Request(action, key, VIA)
        yield replace(used, context={})
        yield replace(used, context={"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"})
        yield replace(used, resource=OWN_KEY.replace(ACCOUNT, ELSEWHERE))
        if not parameters:
            yield replace(used, resource=OWN_KEY)
    yield from (Request(f"kms:{it}", key, VIA) for it in ("Encrypt", "ScheduleKeyDeletion"))


def _topic_and_key(parameters: Mapping[str, str]) -> tuple[str, str]:
    return (OWN_TOPIC, OWN_KEY) if parameters else ("Topic", "TopicKey.Arn")


ALARMS: Final = "cloudwatch.amazonaws.com"
RULES: Final = "events.amazonaws.com"
OURS: Final = {"aws:SourceAccount": ACCOUNT}
SAFE: Final = {"aws:SecureTransport": "true"}


def of_topic() -> tuple[list[Request], list[Request]]:
    """Return what alarms need of the topic, and what nobody may do with it by its policy."""
    publish = Request("sns:Publish", "Topic", OURS | SAFE)
    return [publish], [
        replace(publish, context=SAFE | {"aws:SourceAccount": ELSEWHERE}),
        replace(publish, context=OURS | {"aws:SecureTransport": "false"}),
        replace(publish, action="sns:Subscribe"),
        replace(publish, resource="AnotherTopic"),
    ]


def of_key() -> tuple[list[Request], list[Request]]:
    """Return the same of the topic's key."""
    uses = [Request(it, "TopicKey", OURS) for it in ENCRYPTS]
    return uses, [
        *(replace(it, context={"aws:SourceAccount": ELSEWHERE}) for it in uses),
        replace(uses[0], action="kms:ScheduleKeyDeletion"),
    ]


def of_queues(rules: list[str]) -> tuple[list[Request], list[Request]]:
    """Return what the rules need of both queues, and what no other rule may do."""
    queues = ("EventQueue.Arn", "Untold.Arn")
    sent = [Request("sqs:SendMessage", queue, {"aws:SourceArn": rule}) for queue in queues for rule in rules]
    return sent, [
        *(replace(it, context={"aws:SourceArn": "AnotherRule.Arn"}) for it in sent),
        *(replace(it, context={}) for it in sent),
        *(replace(it, resource="AnotherQueue.Arn") for it in sent),
        *(replace(it, action="sqs:ReceiveMessage") for it in sent),
    ]
