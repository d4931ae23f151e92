"""The example stack of the Region that takes over: what it makes is lint-free, and fits the promotion's stack."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any, Final

import cfnlint.api
import pytest

from tests.support.guides.pages import ROOT
from tests.support.template.cloudformation import ACCOUNT, REGION, Stack, of_type, parse
from tests.support.template.iam import Request, allows, statements
from tests.unit.entrypoints.test_promotion import EVENT, Scene, prepare
from tests.unit.promotion.test_template import SOURCE

FILE: Final = ROOT / "docs/examples/regions.yaml"
EXAMPLE: Final = parse(FILE.read_text("utf-8"))
GIVEN: Final = {"OldRegion": "us-east-1", "SecretPath": "orders/", "ApproverAddress": "on-call@example.com"}
FLEET: Final = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:secret-rotation-promotion-fleet"


def made() -> dict[str, Any]:
    return Stack(GIVEN, EXAMPLE).resources


@pytest.mark.no_cover  # it runs nothing of the library
def test_it_has_no_finding() -> None:
    config = cfnlint.config.ManualArgs(regions=[REGION])
    assert cfnlint.api.lint(FILE.read_text("utf-8"), config=config) == []


def test_the_block_starts_an_execution_with_an_input_that_the_machine_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The code in the template is run: whatever the plan sends, the input is the one of the stack."""
    plan = made()["Plan"]["Properties"]
    started: list[dict[str, str]] = []

    class Fleet:
        def start_execution(self, **request: str) -> dict[str, str]:
            started.append(request)
            return {"executionArn": "execution"}

    monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(client=lambda _: Fleet()))
    for name, value in plan["Environment"]["Variables"].items():
        monkeypatch.setenv(name, value)
    code: dict[str, Any] = {}
    exec(plan["Code"]["ZipFile"], code)  # noqa: S102 the template's own
    assert code["handler"]({"plan": "whatever"}, None) == {"execution": "execution"}
    (request,) = started
    example = json.loads((ROOT / "events/promote-fleet.json").read_text("utf-8"))
    assert request["stateMachineArn"] == FLEET
    assert json.loads(request["input"]) == {**example, "From": "us-east-1", "DryRun": False}


def test_it_names_the_state_machine_as_the_promotions_stack_does() -> None:
    named = SOURCE["Resources"]["PromotionFleet"]["Properties"]["StateMachineName"]["Fn::Sub"]
    assert FLEET.endswith(named.replace("${FunctionPrefix}", EXAMPLE["Parameters"]["FunctionPrefix"]["Default"]))


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("states:StartExecution", FLEET, True),
        ("states:StartExecution", f"{FLEET}-other", False),
        ("states:SendTaskSuccess", FLEET, False),
        ("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:123456789012:function:any", False),
    ],
)
def test_the_block_starts_and_does_not_approve(action: str, resource: str, *, allowed: bool) -> None:
    assert allows(statements(made()["PlanRole"]), Request(action, resource)) is allowed


def test_the_plan_may_invoke_its_block_alone() -> None:
    """As ARC's sample policy has it."""
    (statement,) = made()["PlanMayInvoke"]["Properties"]["PolicyDocument"]["Statement"]
    assert set(statement["Action"]) == {"lambda:GetFunction", "lambda:InvokeFunction"}
    assert "*" not in str(statement["Resource"])


def test_its_alarms_look_at_metrics_that_the_function_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Namespace, name and dimensions are those of lines that a refused promotion and an event of RDS leave."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    scene = Scene("alternating-users")
    service = SOURCE["Resources"]["ReplicaPromotionFunction"]["Properties"]["Environment"]["Variables"]
    with scene.regions:
        prepare(scene, monkeypatch)
        environment = {"POWERTOOLS_SERVICE_NAME": service["POWERTOOLS_SERVICE_NAME"]}
        function = scene.function(**environment, PROMOTION_SECRETS=str(scene.event()["SecretId"]))
        function(EVENT)
        with pytest.raises(Exception, match="primary secret"):
            function(scene.event())
    written = set()
    for line in capsys.readouterr().out.splitlines():
        for told in json.loads(line).get("_aws", {}).get("CloudWatchMetrics", ()):
            fields = json.loads(line)
            for dimensions in told["Dimensions"]:
                named = tuple(sorted((name, fields[name]) for name in dimensions))
                written |= {(told["Namespace"], metric["Name"], named) for metric in told["Metrics"]}
    for alarm in of_type({"Resources": made()}, "AWS::CloudWatch::Alarm").values():
        it = alarm["Properties"]
        named = tuple(sorted((one["Name"], one["Value"]) for one in it["Dimensions"]))
        assert (it["Namespace"], it["MetricName"], named) in written
