"""What the watch's role, topic, key and queues allow: all that is needed, nothing else, and each condition counts."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.template.cloudformation import ROOT, Stack, parse
from tests.support.template.iam import (
    Policy,
    Request,
    allows,
    conditions,
    granted_to,
    grants,
    listed,
    relaxed,
    statements,
    without,
)
from tests.support.watched.permissions import (
    ALARMS,
    MODES,
    OURS,
    RULES,
    forbidden,
    needed,
    of_key,
    of_queues,
    of_topic,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SOURCE: Final = parse((ROOT / "functions/watch/template.yaml").read_text("utf-8"))
EVERYTHING: Final = {"KmsKeyArns": "arn:1", "WatchReaders": "arn:2", "WatchWithoutTrail": "true"}
RESOURCES: Final = Stack(EVERYTHING, SOURCE).resources
RULE_ARNS: Final = [f"{name}.Arn" for name, it in RESOURCES.items() if it["Type"] == "AWS::Events::Rule"]


def role(parameters: Mapping[str, str]) -> Policy:
    return copy.deepcopy(statements(Stack({**EVERYTHING, **parameters}, SOURCE).resources["WatchRole"]))


def missing(policy: Policy, wanted: Iterable[Request]) -> list[Request]:
    return [it for it in wanted if not allows(policy, it)]


def surplus(policy: Policy, unwanted: Iterable[Request]) -> list[Request]:
    return [it for it in unwanted if allows(policy, it)]


def idle(policy: Policy, wanted: Iterable[Request]) -> list[tuple[str, str]]:
    asked = list(wanted)
    given = [(it["Sid"], action) for it, action in grants(policy)]
    return [(sid, action) for sid, action in given if is_idle(policy, asked, sid, action)]


def is_idle(policy: Policy, wanted: Iterable[Request], sid: str, action: str) -> bool:
    less = without(policy, sid, action)
    return all(allows(less, it) for it in wanted)


@pytest.mark.parametrize("mode", MODES)
def test_the_role_allows_what_is_needed_and_nothing_else(mode: str) -> None:
    policy, parameters = role(MODES[mode]), MODES[mode]
    assert missing(policy, needed(parameters)) == []
    assert idle(policy, needed(parameters)) == []
    assert surplus(policy, forbidden(parameters)) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_permission_taken_out_is_missed_by_name(mode: str) -> None:
    policy = role(MODES[mode])
    for statement, action in grants(policy):
        found = missing(without(policy, statement["Sid"], action), needed(MODES[mode]))
        assert {it.action for it in found} == {action}


@pytest.mark.parametrize("mode", MODES)
def test_a_condition_taken_out_lets_something_in(mode: str) -> None:
    policy = role(MODES[mode])
    found = list(conditions(policy))
    assert found == [("EncryptWhatIsTold", "StringEquals", "kms:ViaService")]
    for condition in found:
        assert surplus(relaxed(policy, *condition), forbidden(MODES[mode]))


@pytest.mark.parametrize("added", ["secretsmanager:GetSecretValue", "secretsmanager:*", "sqs:SendMessage"])
@pytest.mark.parametrize("mode", MODES)
def test_a_permission_too_many_is_found(mode: str, added: str) -> None:
    for place, statement in enumerate(role(MODES[mode])):
        policy = role(MODES[mode])
        policy[place]["Action"] = [*listed(statement["Action"]), added]
        assert is_idle(policy, needed(MODES[mode]), statement["Sid"], added)


@pytest.mark.parametrize("mode", MODES)
def test_a_resource_too_many_is_found(mode: str) -> None:
    for place, statement in enumerate(role(MODES[mode])):
        policy = role(MODES[mode])
        policy[place]["Resource"] = "*"
        assert surplus(policy, forbidden(MODES[mode])), statement["Sid"]


POLICIES: Final = {
    "topic": (RESOURCES["TopicPolicy"]["Properties"]["PolicyDocument"]["Statement"], ALARMS, of_topic()),
    "key": (RESOURCES["TopicKey"]["Properties"]["KeyPolicy"]["Statement"], ALARMS, of_key()),
    "queues": (RESOURCES["EventQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"], RULES, of_queues(RULE_ARNS)),
}
"""By what it protects: its policy, the service that may use it, and what that may and may not do."""


@pytest.mark.parametrize("name", POLICIES)
def test_what_is_shared_is_used_by_its_service_and_nobody_else(name: str) -> None:
    policy, service, (wanted, unwanted) = POLICIES[name]
    assert wanted
    assert missing(granted_to(policy, service), wanted) == []
    assert surplus(granted_to(policy, service), unwanted) == []
    assert surplus(granted_to(policy, "lambda.amazonaws.com"), wanted) == []


@pytest.mark.parametrize("name", POLICIES)
def test_each_condition_of_what_is_shared_keeps_something_out(name: str) -> None:
    policy, service, (wanted, unwanted) = POLICIES[name]
    given = granted_to(policy, service)
    for sid, operator, key in conditions(given):
        less = relaxed(given, sid, operator, key)
        assert surplus(less, unwanted) or missing(less, wanted), sid


def test_a_grant_of_another_account_is_none() -> None:
    """The account's own policies rule its key; no service does without being told for this account."""
    policy, service, (wanted, _) = POLICIES["key"]
    assert not any(allows(granted_to(policy, service), Request(it.action, it.resource)) for it in wanted)
    assert OURS["aws:SourceAccount"] in str(policy)
