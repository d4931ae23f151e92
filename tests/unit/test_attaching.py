"""The ways to attach a function that the README shows: parsed, and their schedules as the service takes them."""

from __future__ import annotations

import ast
import re
from typing import Final

import hcl2
import pytest

from tests.support.cloudformation import ROOT
from tests.support.secretsmanager.errors import ServiceError
from tests.support.secretsmanager.schedule import check_rules

README: Final = (ROOT / "README.md").read_text("utf-8")


def block(language: str) -> str:
    """Give the only block of a language, or of a language and a kind."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return str(text)


def test_the_terraform_is_hcl_with_the_providers_arguments() -> None:
    """Parsed by python-hcl2, not by Terraform, whose provider is not at hand; no variable is used undeclared."""
    text = block("hcl")
    assert hcl2.loads(text)["resource"]
    assert set(re.findall(r"var\.(\w+)", text)) == set(re.findall(r'variable "(\w+)"', text))
    assert 'resource "aws_secretsmanager_secret_rotation"' in text
    given = set(re.findall(r"^ {2,4}(\w+) +(?:=|\{)", text, re.MULTILINE)) - {"type", "description"}
    assert given == {
        "secret_id",
        "rotation_lambda_arn",
        "rotate_immediately",
        "rotation_rules",
        "schedule_expression",
        "duration",
    }


def test_the_cdk_is_python_with_the_properties_of_cloudformation() -> None:
    """Parsed only: the library is not installed for a dozen lines. The names are those of the resource's properties."""
    tree = ast.parse(block("python cdk"))
    (schedule,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".CfnRotationSchedule")
    )
    named = {"".join(part.title() for part in str(it.arg).split("_")) for it in schedule.keywords}
    properties = {"SecretId", "RotationLambdaArn", "RotateImmediatelyOnUpdate", "RotationRules"}
    assert named == properties


SCHEDULES: Final = sorted(set(re.findall(r"(?:cron|rate)\([^)]+\)", README)))


@pytest.mark.parametrize("expression", SCHEDULES)
def test_a_schedule_is_one_that_the_service_takes(expression: str) -> None:
    check_rules({"ScheduleExpression": expression})


@pytest.mark.parametrize("expression", ["cron(30 3 ? * SUN *)", "rate(1 hour)", "cron(0 3 ? * SUN 2030)"])
def test_a_schedule_that_the_service_refuses_is_found(expression: str) -> None:
    with pytest.raises(ServiceError):
        check_rules({"ScheduleExpression": expression})
