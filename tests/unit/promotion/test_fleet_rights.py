"""What the state machine and the runbook may do, both ways, and what the runbook sends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.promotion.request import Promotion, parse
from tests.support.template.cloudformation import ACCOUNT, REGION, Stack, of_type
from tests.support.template.iam import Request, allows, listed, statements
from tests.unit.promotion.test_template import EVERYTHING, NEEDED, SECRET, SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

TOPIC: Final = f"arn:aws:sns:{REGION}:{ACCOUNT}:approvals"
APPROVER: Final = f"arn:aws:iam::{ACCOUNT}:role/on-call"
ON: Final = {**EVERYTHING, "ApprovalTopicArn": TOPIC, "ApproverArns": APPROVER}
STATES: Final = f"arn:aws:states:{REGION}:{ACCOUNT}"
FLEET: Final = "secret-rotation-promotion-fleet"
ACTION_OF: Final = {
    "arn:aws:states:::aws-sdk:secretsmanager:listSecrets": "secretsmanager:ListSecrets",
    "arn:aws:states:::lambda:invoke": "lambda:InvokeFunction",
    "arn:aws:states:::sns:publish": "sns:Publish",
    "arn:aws:states:::sns:publish.waitForTaskToken": "sns:Publish",
}
OF_A_DISTRIBUTED_MAP: Final = {"states:StartExecution", "states:DescribeExecution", "states:StopExecution"}
"""Step Functions developer guide, "IAM policies for using Distributed Map states"."""


def made(parameters: dict[str, str] = ON) -> dict[str, Any]:
    return {"Resources": Stack(parameters, SOURCE).resources}


def policy(role: str) -> list[dict[str, Any]]:
    return statements(made()["Resources"][role])


def granted(role: str) -> set[str]:
    return {action for it in policy(role) for action in listed(it["Action"])}


def function_arn() -> str:
    """Return the function as the resolved policies name it."""
    (one,) = {it["Resource"] for it in policy("PromotionFleetRole") if it["Action"] == "lambda:InvokeFunction"}
    return str(one)


def tasks(states: dict[str, Any]) -> Iterator[str]:
    """Return what the states call, also those within a Map."""
    for state in states.values():
        if "Resource" in state:
            yield state["Resource"]
        yield from tasks(state.get("ItemProcessor", {}).get("States", {}))


def test_the_state_machine_may_do_what_its_definition_calls_and_nothing_else() -> None:
    definition = made()["Resources"]["PromotionFleet"]["Properties"]["Definition"]
    called = {ACTION_OF[resource] for resource in tasks(definition["States"])}
    assert granted("PromotionFleetRole") == called | OF_A_DISTRIBUTED_MAP


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("secretsmanager:ListSecrets", "*", True),
        ("secretsmanager:GetSecretValue", SECRET, False),
        ("sns:Publish", TOPIC, True),
        ("sns:Publish", f"{TOPIC}-others", False),
        ("states:StartExecution", f"{STATES}:stateMachine:{FLEET}", True),
        ("states:StartExecution", f"{STATES}:stateMachine:other", False),
        ("states:StopExecution", f"{STATES}:execution:{FLEET}/secrets:0a1b", True),
        ("states:StopExecution", f"{STATES}:execution:other/secrets:0a1b", False),
        ("states:SendTaskSuccess", f"{STATES}:stateMachine:{FLEET}", False),
        ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:other", False),
    ],
)
def test_the_state_machine_reaches_this_and_not_that(action: str, resource: str, *, allowed: bool) -> None:
    """It approves nothing itself, and reads no value."""
    assert allows(policy("PromotionFleetRole"), Request(action, resource)) is allowed


def test_both_invoke_the_promotion_alone() -> None:
    for role in ("PromotionFleetRole", "PromotionRunbookRole"):
        assert allows(policy(role), Request("lambda:InvokeFunction", function_arn()))
    assert granted("PromotionRunbookRole") == {"lambda:InvokeFunction", "sns:Publish"}
    assert not allows(policy("PromotionRunbookRole"), Request("sns:Publish", f"{TOPIC}-others"))


@pytest.mark.parametrize(("role", "service"), [("PromotionFleetRole", "states"), ("PromotionRunbookRole", "ssm")])
def test_a_role_is_assumed_by_its_service_for_this_account_alone(role: str, service: str) -> None:
    (trust,) = made()["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": f"{service}.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


@pytest.mark.parametrize(
    ("parameters", "kinds"),
    [
        (NEEDED, set()),
        ({**NEEDED, "ApproverArns": APPROVER}, set()),
        ({**NEEDED, "ApprovalTopicArn": TOPIC}, {"AWS::StepFunctions::StateMachine"}),
        (ON, {"AWS::StepFunctions::StateMachine", "AWS::SSM::Document"}),
    ],
)
def test_nothing_is_there_that_was_not_asked_for(parameters: dict[str, str], kinds: set[str]) -> None:
    """A role comes with what needs it."""
    both = ("AWS::StepFunctions::StateMachine", "AWS::SSM::Document")
    assert {kind for kind in both if of_type(made(parameters), kind)} == kinds
    assert len(of_type(made(parameters), "AWS::IAM::Role")) == 1 + len(kinds)


def runbook() -> dict[str, Any]:
    return dict(made()["Resources"]["PromotionRunbook"]["Properties"]["Content"])


def test_the_runbook_rehearses_asks_and_promotes() -> None:
    """What it sends is what the function takes; between the two somebody approves, and a refusal ends it."""
    rehearse, _, approve, promote, _ = runbook()["mainSteps"]
    assert approve["action"] == "aws:approve"
    assert approve["inputs"]["Approvers"] == [APPROVER]
    assert {step["onFailure"] for step in runbook()["mainSteps"]} == {"Abort"}
    for step, dry in ((rehearse, True), (promote, False)):
        sent = step["inputs"]["Payload"]
        for name, value in (("SecretId", SECRET), ("From", "us-east-1"), ("Force", "true")):
            sent = sent.replace(f"{{{{ {name} }}}}", value)
        asked = parse(json.loads(sent))
        assert isinstance(asked, Promotion)
        assert (asked.secret_id, asked.former, asked.dry_run, asked.force) == (SECRET, "us-east-1", dry, True)
        assert step["inputs"]["InvocationType"] == "RequestResponse"


def test_nothing_said_to_the_runbook_becomes_another_field() -> None:
    """Each parameter has a form, in which no quotation mark and no brace has a place."""
    for parameter in runbook()["parameters"].values():
        form = parameter.get("allowedPattern")
        assert form or parameter["allowedValues"] == ["false", "true"]
        assert not form or ('"' not in form and form[0] == "^" and form[-1] == "$")
