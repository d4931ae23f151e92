"""The ways to attach a function that the guides show: parsed, and their schedules as the service takes them."""

from __future__ import annotations

import ast
import re
from typing import Final

import pytest

from tests.support.emulators.secretsmanager.errors import ServiceError
from tests.support.emulators.secretsmanager.schedule import check_rules
from tests.support.guides.pages import TEXT, block
from tests.support.template.attaching import arguments_of, complaints, given_to


def test_the_terraform_is_hcl_with_the_providers_arguments() -> None:
    """No variable is used undeclared; `make check-examples` holds the arguments against the provider's own list."""
    text = block("hcl")
    assert set(re.findall(r"var\.(\w+)", text)) == set(re.findall(r'variable "(\w+)"', text))
    resource, rules = given_to(text)
    assert set(resource) == {"secret_id", "rotation_lambda_arn", "rotate_immediately", "rotation_rules"}
    assert set(rules) == {"schedule_expression", "duration"}


def test_an_argument_that_the_provider_has_not_is_found() -> None:
    """The list is read from the provider's bindings; what is needed and not given is found, too."""
    bindings = "class Config:\n    def __init__(self, *, secret_id: str, rotate_immediately: bool | None = None): ..."
    taken = arguments_of(bindings, "Config")
    assert complaints({"secret_id"}, taken) == []
    assert complaints({"rotate_at_once"}, taken) == ["unknown: rotate_at_once", "missing: secret_id"]


def test_the_cdk_is_python_with_the_properties_of_cloudformation() -> None:
    """Parsed only, with the names of the resource's properties; `make check-examples` synthesises it."""
    tree = ast.parse(block("python", "cdk"))
    (schedule,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".CfnRotationSchedule")
    )
    named = {"".join(part.title() for part in str(it.arg).split("_")) for it in schedule.keywords}
    properties = {"SecretId", "RotationLambdaArn", "RotateImmediatelyOnUpdate", "RotationRules"}
    assert named == properties


# ParameterSchedule is an expression of EventBridge's, which takes others than Secrets Manager does.
OF_SECRETS: Final = "\n".join(line for line in TEXT.splitlines() if "ParameterSchedule" not in line)
SCHEDULES: Final = sorted(set(re.findall(r"(?:cron|rate)\([^)]+\)", OF_SECRETS)))


@pytest.mark.parametrize("expression", SCHEDULES)
def test_a_schedule_is_one_that_the_service_takes(expression: str) -> None:
    check_rules({"ScheduleExpression": expression})


@pytest.mark.parametrize("expression", ["cron(30 3 ? * SUN *)", "rate(1 hour)", "cron(0 3 ? * SUN 2030)"])
def test_a_schedule_that_the_service_refuses_is_found(expression: str) -> None:
    with pytest.raises(ServiceError):
        check_rules({"ScheduleExpression": expression})
