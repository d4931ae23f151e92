"""The watch's own template: a role that may what its code calls, and patterns by a matcher of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.template.cloudformation import ROOT, Stack, load, parse
from tests.support.template.iam import listed
from tests.support.watched import events
from tests.support.watched.events import ADA, KEY, OUR_ROLE, TAMPERING, assumed, of_call, of_key, of_service, user
from watch.telling import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE: Final = parse((ROOT / "functions/watch/template.yaml").read_text("utf-8"))
GIVEN: Final = {"KmsKeyArns": KEY, "RotationRoleArns": OUR_ROLE, "WatchReaders": ADA, "WatchWithoutTrail": "true"}
SECRETS: Final = ["aws.secretsmanager"]
MAY: Final = {
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "logs:CreateLogStream",
    "logs:FilterLogEvents",
    "logs:PutLogEvents",
    "secretsmanager:DescribeSecret",
    "sns:Publish",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
}
"""What the code calls, and what Lambda and SNS do with the role for it: no value is read, no secret written."""


def test_the_role_may_what_is_called_and_nothing_else() -> None:
    (policy,) = SOURCE["Resources"]["WatchRole"]["Properties"]["Policies"]
    granted = policy["PolicyDocument"]["Statement"]
    assert {action for one in granted for action in listed(one["Action"])} == MAY
    assert all(one["Effect"] == "Allow" and one["Resource"] != "*" for one in granted)


def test_the_suite_passes_what_the_watch_declares_under_the_same_names() -> None:
    passed = load()["Resources"]["WatchStack"]["Properties"]["Parameters"]
    assert passed.keys() == SOURCE["Parameters"].keys()


def test_what_a_rule_lets_through_is_known_to_the_function() -> None:
    """What it does not know would fail, and end among what was told to nobody."""
    rules = [it["Properties"] for it in SOURCE["Resources"].values() if it["Type"] == "AWS::Events::Rule"]
    details = [it["EventPattern"]["detail"] for it in rules if it.get("EventPattern", {}).get("source") == SECRETS]
    names = {name for detail in details for name in detail.get("eventName", [])}
    assert {"GetSecretValue", "RotationFailed", "DeleteSecret"} <= names
    assert names <= KINDS.keys()


def matches(pattern: Any, value: Any) -> bool:  # noqa: ANN401 what JSON holds
    """Match as EventBridge does (user guide, "Event patterns"), as far as the watch's patterns go."""
    if isinstance(pattern, dict):
        there = value if isinstance(value, list) else [value if isinstance(value, dict) else {}]
        return any(all(matches(wanted, one.get(name)) for name, wanted in pattern.items()) for one in there)
    return any(_is(one, value) for one in pattern)


def _is(wanted: Any, value: Any) -> bool:  # noqa: ANN401 what JSON holds
    if not isinstance(wanted, dict):
        return bool(value == wanted)
    if "exists" in wanted:
        return (value is not None) is wanted["exists"]
    return value is not None and value not in wanted["anything-but"]


def let_in(event: Mapping[str, Any]) -> set[str]:
    made = Stack(GIVEN, SOURCE).resources
    rules = {
        name: one["Properties"].get("EventPattern") for name, one in made.items() if one["Type"] == "AWS::Events::Rule"
    }
    return {name for name, pattern in rules.items() if pattern and matches(pattern, event)}


OURS: Final = assumed(OUR_ROLE, "secret-rotation-postgresql")


@pytest.mark.parametrize(
    ("event", "rules"),
    [
        *((of_service(name), {"RotationsRule"}) for name in events.ENDS),
        *((of_call(name), {"TamperingRule"}) for name in TAMPERING),
        *((of_call("PutSecretValue", who), {"WritesRule"}) for who in (assumed(ADA), user("eve"), events.ROOT_USER)),
        *((of_key(name), {"KeysRule"}) for name in ("DisableKey", "ScheduleKeyDeletion")),
        (events.of_label("v"), {"LabelsRule"}),
        *((of_call("GetSecretValue", who), {"ReadsRule"}) for who in (user("eve"), events.ROOT_USER)),
        (of_call("PutSecretValue", OURS), set()),
        (of_call("GetSecretValue", OURS), set()),
        (of_call("GetSecretValue", assumed(ADA)), set()),
        (of_call("DeleteSecret", errorCode="AccessDenied"), set()),
        (of_key("EnableKey"), set()),
        (of_key("DisableKey", KEY.replace("0f1e", "ffff")), set()),
        (of_service("RotationStarted"), set()),
        (events.of_label("v", label="BLUE"), set()),
    ],
)
def test_each_event_is_let_in_by_its_rule_alone(event: dict[str, Any], rules: set[str]) -> None:
    assert let_in(event) == rules
