"""The audit's own template: a role that reads what is asked for and nothing else, and alarms that hear silence."""

from __future__ import annotations

import copy
import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import cfnlint.api
import pytest
import yaml
from samtranslator.translator.transform import transform

from audit.calls import OPTIONAL, PERMISSIONS
from audit.settings import Settings
from tests.support.guides.pages import ROOT
from tests.support.template.cloudformation import REGION, Stack, of_type, parse
from tests.support.template.iam import listed, statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.template.cloudformation import Node

SOURCE: Final = parse((ROOT / "functions/audit/template.yaml").read_text("utf-8"))
ASKED: Final[dict[str, dict[str, str]]] = {
    "repair": {"DropEmptyPending": "true"},
    "values": {"ReadValues": "true"},
}
"""What the parameters must say so that the role may what is optional, by its area."""
EVERYTHING: Final = {
    "TopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms",
    "SendToSecurityHub": "true",
    "RoleArns": "arn:aws:iam::210987654321:role/secrets-audit",
}
TELLING: Final = {
    "LeaveFailures": {"sqs:SendMessage"},
    "KeepReportsAndMemory": {"s3:GetObject", "s3:PutObject"},
    "LookAtAccounts": {"sts:AssumeRole"},
    "SeeWhetherThereWasARun": {"s3:ListBucket"},
    "TellOfChanges": {"sns:Publish"},
    "TellSecurityHub": {"securityhub:BatchImportFindings"},
    "WriteLogs": {"logs:CreateLogStream", "logs:PutLogEvents"},
}
"""What the role may besides looking: each statement for one thing that the function does with its result."""


def resources(parameters: Mapping[str, str]) -> dict[str, Node]:
    return dict(Stack(parameters, SOURCE).resources)


def granted(parameters: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    made = resources(parameters)
    yield from (dict(it) for it in statements(made["AuditRole"], made))


def looking(**more: str) -> dict[str, set[str]]:
    return {it["Sid"]: set(listed(it["Action"])) for it in granted(EVERYTHING | more) if it["Sid"] not in TELLING}


def test_the_role_may_look_at_what_is_asked_and_at_nothing_else() -> None:
    """Both ways: each call that the audit makes is granted, and each grant is a call that it makes."""
    may = set().union(*looking().values())
    assert may == {action for actions in PERMISSIONS.values() for action in actions}


@pytest.mark.parametrize("area", ASKED)
def test_the_role_may_what_is_optional_only_where_a_parameter_asks_for_it(area: str) -> None:
    """Both ways: with it that call and no other comes on top, and by default none does."""
    may, more = set().union(*looking().values()), set().union(*looking(**ASKED[area]).values())
    assert more - may == set(OPTIONAL[area])
    assert not may & set(OPTIONAL[area])


def test_what_it_may_look_at_holds_no_value_and_changes_nothing() -> None:
    for action in set().union(*looking().values()):
        verb = action.partition(":")[2]
        assert verb.startswith(("Describe", "Filter", "Get", "List", "Lookup"))
        assert verb not in {"GetSecretValue", "BatchGetSecretValue", "GetParameter", "GetFunction"}


def test_it_may_tell_where_it_is_told_to_and_no_more() -> None:
    told = {it["Sid"]: set(listed(it["Action"])) for it in granted(EVERYTHING) if it["Sid"] in TELLING}
    assert told == TELLING
    by_default = {it["Sid"] for it in granted({}) if it["Sid"] in TELLING}
    assert by_default == TELLING.keys() - {"LookAtAccounts", "TellOfChanges", "TellSecurityHub"}


EVERYTHING_ASKED: Final = EVERYTHING | {name: it for asked in ASKED.values() for name, it in asked.items()}


def test_what_is_optional_reaches_the_accounts_own_secrets_alone() -> None:
    """And a key through Secrets Manager alone."""
    by_default = [it["Sid"] for it in granted(EVERYTHING)]
    more = {it["Sid"]: it for it in granted(EVERYTHING_ASKED) if it["Sid"] not in by_default}
    secrets = "arn:aws:secretsmanager:*:123456789012:secret:*"
    keys = "arn:aws:kms:*:123456789012:key/*"
    assert {sid: it["Resource"] for sid, it in more.items()} == {
        "ReadValues": secrets,
        "UseTheirKeys": keys,
        "TakeEmptyPendingAway": secrets,
    }
    conditions = {sid: it["Condition"] for sid, it in more.items() if "Condition" in it}
    assert conditions == {"UseTheirKeys": {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}}}


@pytest.mark.parametrize("statement", list(granted(EVERYTHING_ASKED)), ids=lambda it: str(it["Sid"]))
def test_only_what_takes_no_resource_speaks_of_everything(statement: dict[str, Any]) -> None:
    assert statement["Effect"] == "Allow"
    assert ("*" in listed(statement["Resource"])) is (statement["Sid"] == "List")


FANNED: Final = {"FanOut": "true"}


def test_one_by_one_there_is_no_state_machine() -> None:
    """Whoever does not fan out gets no role and no machine more; whoever does, no permission of the schedule's."""
    more = resources(FANNED).keys() - resources({}).keys()
    assert more == {"AuditStateMachine", "AuditStateMachineRole", "AuditScheduleRole"}
    assert resources({}).keys() - resources(FANNED).keys() == {"AuditPermission"}
    target = resources(FANNED)["AuditSchedule"]["Properties"]["Targets"][0]
    assert "RoleArn" in target
    assert "RoleArn" not in resources({})["AuditSchedule"]["Properties"]["Targets"][0]


def states(definition: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in definition["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def test_the_state_machine_asks_for_what_the_function_does() -> None:
    """Plan, every part in an execution of its own, and join whatever became of the parts."""
    definition = resources(FANNED)["AuditStateMachine"]["Properties"]["Definition"]
    found = dict(states(definition))
    tasks = {name: state for name, state in found.items() if state["Type"] == "Task"}
    assert [it["Parameters"]["Payload"]["task"] for it in tasks.values()] == ["plan", "look", "join"]
    assert {it["Resource"] for it in tasks.values()} == {"arn:aws:states:::lambda:invoke"}
    assert all(it["Retry"] for it in tasks.values())
    look = found["Look"]
    assert look["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert (look["ToleratedFailurePercentage"], look["ResultPath"], look["Next"]) == (100, None, "Join")


def test_the_state_machine_may_do_what_it_does_and_nothing_else() -> None:
    """
    Both ways: it invokes this function alone, and a distributed map starts, follows and stops its own children.

    Step Functions developer guide, "IAM policies for Distributed Map states".
    """
    made = resources(FANNED)
    function, machine = made["AuditFunction"], "stateMachine:"
    assert function
    granted = {
        it["Sid"]: (set(listed(it["Action"])), it["Resource"]) for it in statements(made["AuditStateMachineRole"])
    }
    assert {sid: actions for sid, (actions, _) in granted.items()} == {
        "Look": {"lambda:InvokeFunction"},
        "RunParts": {"states:StartExecution"},
        "FollowParts": {"states:DescribeExecution", "states:StopExecution"},
    }
    assert "function:" in granted["Look"][1]
    assert machine in granted["RunParts"][1]
    assert not [resource for _, resource in granted.values() if resource == "*"]
    ((started),) = statements(made["AuditScheduleRole"])
    assert started["Action"] == "states:StartExecution"
    for role, service in (("AuditStateMachineRole", "states"), ("AuditScheduleRole", "events")):
        (trusted,) = made[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trusted["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert "aws:SourceAccount" in trusted["Condition"]["StringEquals"]


def translated() -> dict[str, Node]:
    class ManagedPolicies:
        def load(self) -> dict[str, str]:
            return {}

    source = copy.deepcopy(SOURCE)
    source["Resources"]["AuditFunction"]["Properties"]["CodeUri"] = "s3://bucket/function.zip"
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        return dict(transform(source, {}, ManagedPolicies()))


def test_what_sam_makes_of_it_has_no_finding() -> None:
    config = cfnlint.config.ManualArgs(regions=[REGION])
    assert cfnlint.api.lint(yaml.safe_dump(translated()), config=config) == []


def test_the_bucket_is_private_encrypted_versioned_and_tidied_up() -> None:
    bucket = resources({})["AuditReports"]
    properties = bucket["Properties"]
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["BucketEncryption"]
    assert {it["Id"] for it in properties["LifecycleConfiguration"]["Rules"]} == {"days", "versions", "uploads"}
    assert bucket["DeletionPolicy"] == "Retain"
    (statement,) = resources({})["AuditReportsPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_silence_is_an_alarm() -> None:
    """No metric at all means that the audit did not finish."""
    alarm = resources(EVERYTHING)["AuditSilent"]["Properties"]
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["AlarmActions"] == [EVERYTHING["TopicArn"]]
    assert "AlarmActions" not in resources({})["AuditSilent"]["Properties"]


def test_nobody_but_the_schedule_invokes_it() -> None:
    (permission,) = of_type({"Resources": resources({})}, "AWS::Lambda::Permission").values()
    assert permission["Properties"]["Principal"] == "events.amazonaws.com"
    assert permission["Properties"]["SourceArn"]


def test_a_setting_left_alone_is_the_audits_default() -> None:
    variables = SOURCE["Resources"]["AuditFunction"]["Properties"]["Environment"]["Variables"]
    known = {f"AUDIT_{it.name.upper()}" for it in fields(Settings)}
    defaults = {}
    for name in variables.keys() & known:
        value = variables[name]
        parameter = value["Ref"] if "Ref" in value else value["Fn::Join"][1]["Ref"]
        defaults[name] = str(SOURCE["Parameters"][parameter]["Default"])
    assert len(defaults) == 11
    assert Settings.of(defaults) == Settings()


@pytest.mark.parametrize("name", sorted(SOURCE["Parameters"]))
def test_a_parameter_is_described_and_grouped(name: str) -> None:
    grouped = SOURCE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert SOURCE["Parameters"][name]["Description"].endswith(".")
    assert [name in group["Parameters"] for group in grouped].count(True) == 1
    assert "Default" in SOURCE["Parameters"][name]
