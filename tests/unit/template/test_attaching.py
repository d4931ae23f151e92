"""The ways to attach a function that the examples show: parsed, and their schedules as the service takes them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.emulators.secretsmanager.errors import ServiceError
from tests.support.emulators.secretsmanager.schedule import check_rules
from tests.support.guides.pages import ROOT, TEXT
from tests.support.template.attaching import EXAMPLES, arguments_of, attributes_of
from tests.support.template.functions import ROTATING, named
from tests.support.template.terraform import Module, arguments, complaints, inner, modules

if TYPE_CHECKING:
    from pathlib import Path

FUNCTIONS, SECRETS = "functions", "secrets"
TERRAFORM: Final = {it.folder.name: it for it in modules()}


@pytest.mark.parametrize("module", TERRAFORM.values(), ids=TERRAFORM)
def test_the_terraform_is_of_one_piece(module: Module) -> None:
    """What it names is declared, what is declared is used, and each module gets what it needs."""
    assert list(module.faults()) == []


def test_faults_of_terraform_are_found(tmp_path: Path) -> None:
    """A name that nobody declares, a variable that nobody uses, an argument too few and one too many."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/main.tf").write_text('variable "needed" {}\noutput "given" { value = var.needed }\n')
    (tmp_path / "main.tf").write_text(
        'variable "idle" {}\nmodule "one" {\n  source = "./inner"\n  other  = local.nobody\n}\n'
        'output "all" { value = [var.unknown, module.one.nothing, data.aws_secretsmanager_secret.each.arn] }\n'
    )
    assert sorted(Module(tmp_path).faults()) == [
        "data.aws_secretsmanager_secret.each is not declared",
        "local.nobody is not declared",
        "module.one has no argument other",
        "module.one has no output nothing",
        "module.one needs the argument needed",
        "var.idle is not used",
        "var.unknown is not declared",
    ]


def test_terraform_attaches_a_function_to_each_of_many_secrets() -> None:
    """With the arguments that the provider has; `make check-examples` holds them against its own list."""
    (attached,) = (it for it in TERRAFORM[SECRETS].resources if it.kind == "aws_secretsmanager_secret_rotation")
    given = {"for_each", "secret_id", "rotation_lambda_arn", "rotate_immediately", "rotation_rules"}
    assert arguments(attached.given) == given
    assert arguments(inner(attached.given)["rotation_rules"]) == {"schedule_expression", "duration"}


def test_terraform_reads_outputs_that_the_stack_has() -> None:
    """The functions' module names the ARN of each function that a secret is attached to, Aurora's excepted."""
    read = set(re.findall(r'outputs\["(\w+)"\]', TERRAFORM[FUNCTIONS].text))
    assert read == {named(function, "FunctionArn") for function in ROTATING if function != "aurora"}
    template = (ROOT / "template.yaml").read_text("utf-8").split("\nOutputs:\n")[1]
    assert read <= set(re.findall(r"^  (\w+):$", template, re.MULTILINE))


def test_an_argument_that_the_provider_has_not_is_found() -> None:
    """The list is read from the provider's bindings; what is needed and not given is found, too."""
    bindings = "class Config:\n    def __init__(self, *, secret_id: str, rotate_immediately: bool | None = None): ..."
    taken = arguments_of(bindings, "Config")
    assert complaints("it", {"secret_id"}, taken) == []
    wrong = ["it has no argument rotate_at_once", "it needs the argument secret_id"]
    assert complaints("it", {"rotate_at_once"}, taken) == wrong
    assert attributes_of(bindings, "Config") == {"__init__"}


def test_the_cdk_is_python_with_the_properties_of_cloudformation() -> None:
    """Parsed only, with the names of the resource's properties; `make check-examples` synthesises it."""
    tree = ast.parse((EXAMPLES / "cdk/rotated_secret.py").read_text("utf-8"))
    (schedule,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".CfnRotationSchedule")
    )
    given = {"".join(part.title() for part in str(it.arg).split("_")) for it in schedule.keywords}
    properties = {"SecretId", "RotationLambdaArn", "RotateImmediatelyOnUpdate", "RotationRules"}
    assert given == properties


# ParameterSchedule is an expression of EventBridge's, which takes others than Secrets Manager does.
OF_SECRETS: Final = "\n".join(line for line in TEXT.splitlines() if "ParameterSchedule" not in line)
EXPRESSION: Final = re.compile(r"(?:cron|rate)\([^)]+\)")
CHOSEN: Final = re.compile(r"\$\{each\.value\.hour\}")
"""Where the example of Terraform puts an hour."""
SCHEDULES: Final = sorted({CHOSEN.sub("5", it) for it in EXPRESSION.findall(OF_SECRETS)})


@pytest.mark.parametrize("expression", SCHEDULES)
def test_a_schedule_is_one_that_the_service_takes(expression: str) -> None:
    check_rules({"ScheduleExpression": expression})


@pytest.mark.parametrize("expression", ["cron(30 3 ? * SUN *)", "rate(1 hour)", "cron(0 3 ? * SUN 2030)"])
def test_a_schedule_that_the_service_refuses_is_found(expression: str) -> None:
    with pytest.raises(ServiceError):
        check_rules({"ScheduleExpression": expression})
