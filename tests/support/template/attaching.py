"""
The examples of docs/examples, tried with the tools that they are written for: ``make check-examples``.

CloudFormation by cfn-lint, and deployed on the emulated AWS. CDK synthesised. Terraform held against the arguments and
attributes of its AWS provider; where the program is there, formatted, validated and planned, with a stand-in for the
provider that has its schema (tests/support/template/provider.py). The shell script by shellcheck.
"""

# ruff: noqa: S603, T201 (the programs and their arguments are ours; the lines are for people)
from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cfnlint.api
import pytest

from tests.support.emulators import ministack
from tests.support.template.cloudformation import REGION, ROOT, parse
from tests.support.template.terraform import EXAMPLES as TERRAFORM
from tests.support.template.terraform import Resource, arguments, complaints, inner, modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLES: Final = ROOT / "docs/examples"
CLOUDFORMATION: Final = EXAMPLES / "cloudformation"
TOOLS: Final = ROOT / ".tools/attach"
PROVIDER_SECONDS: Final = 300

# A stack with the construct in it; its template goes to standard output.
SYNTHESIS: Final = """
import json, sys
import aws_cdk
sys.path.insert(0, sys.argv[1])
from rotated_secret import RotatedSecret
app = aws_cdk.App()
stack = aws_cdk.Stack(app, "Example")
RotatedSecret(stack, "Orders", secret_arn="arn:secret", function_arn="arn:function")
print(json.dumps(app.synth().get_stack_by_name("Example").template))
"""
SCHEDULE: Final = {
    "Type": "AWS::SecretsManager::RotationSchedule",
    "Properties": {
        "SecretId": "arn:secret",
        "RotationLambdaARN": "arn:function",
        "RotateImmediatelyOnUpdate": False,
        "RotationRules": {"ScheduleExpression": "cron(0 3 ? * SUN *)", "Duration": "3h"},
    },
}


class Outcome(NamedTuple):
    """What was tried, and what is wrong with it: nothing, if it is empty."""

    tried: str
    wrong: str


def findings(template: str) -> str:
    """Return what cfn-lint says of a template."""
    config = cfnlint.config.ManualArgs(regions=[REGION])
    return "\n".join(map(str, cfnlint.api.lint(template, config=config)))


def cloudformation() -> Iterator[Outcome]:
    """Lint each template."""
    for file in sorted(CLOUDFORMATION.iterdir()):
        yield Outcome(f"CloudFormation, {file.name}: cfn-lint", findings(file.read_text("utf-8")))


def deployed() -> Iterator[Outcome]:
    """Deploy the templates on the emulated AWS, which knows all of their resources except the schedules."""
    (database, alarm) = (parse((CLOUDFORMATION / f"{it}.yaml").read_text("utf-8")) for it in ("database", "alarm"))
    without = {name: it for name, it in database["Resources"].items() if it["Type"] != SCHEDULE["Type"]}
    with ministack.account() as account:
        rds, secrets, network = (account.client(service) for service in ("rds", "secretsmanager", "ec2"))
        subnets = [it["SubnetId"] for it in network.describe_subnets()["Subnets"]]
        (group, *_) = network.describe_security_groups()["SecurityGroups"]
        rds.create_db_subnet_group(DBSubnetGroupName="orders", DBSubnetGroupDescription="-", SubnetIds=subnets)
        given = {"RotationFunctionArn": "arn:function", "SubnetGroup": "orders", "SecurityGroup": group["GroupId"]}
        _create(account, "database", {**database, "Resources": without}, given)
        admin, value = (json.loads(secrets.get_secret_value(SecretId=f"orders/{it}")["SecretString"]) for it in KEYS)
        (made,) = rds.describe_db_instances()["DBInstances"]
        wrong = [
            f"orders/{name} has no {key}"
            for name, it in zip(KEYS, (admin, value), strict=True)
            for key in KEYS[name] - it.keys()
        ]
        wrong += [] if made["MasterUsername"] == admin["username"] else ["the database's admin is another one"]
        yield Outcome("CloudFormation, database.yaml without its schedules: deployed on ministack", "\n".join(wrong))
        _create(account, "alarm", alarm, {"Topic": "arn:aws:sns:eu-west-1:123456789012:topic"})
        (one,) = account.client("cloudwatch").describe_alarms()["MetricAlarms"]
        said = "" if one["MetricName"] == "Errors" else json.dumps(one, default=str)
        yield Outcome("CloudFormation, alarm.yaml: deployed on ministack", said)


KEYS: Final = {
    "admin": {"username", "password", "engine", "host", "port"},
    "database": {"username", "password", "engine", "host", "port", "dbname", "masterarn"},
}
"""What the JSON of each secret has once it is attached."""


def _create(account: ministack.Account, name: str, template: dict[str, Any], given: dict[str, str]) -> None:
    """Create a stack, and wait for it."""
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
    client = account.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=json.dumps(template), Parameters=parameters)
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def cdk() -> Iterator[Outcome]:
    """Synthesise the construct, and lint what comes out: it makes the schedule."""
    done = subprocess.run(
        [TOOLS / "bin/python", "-c", SYNTHESIS, EXAMPLES / "cdk"], stdout=subprocess.PIPE, text=True, check=True
    )
    made = json.loads(done.stdout)
    yield Outcome("CDK: what it makes, by cfn-lint", findings(json.dumps(made)))
    (schedule,) = made["Resources"].values()
    yield Outcome("CDK: it makes a rotation schedule", "" if schedule == SCHEDULE else json.dumps(schedule, indent=2))


def arguments_of(source: str, name: str) -> dict[str, bool]:
    """Return the arguments of a class of the provider's Python bindings, and whether each is needed."""
    (init,) = (it for it in _class(source, name).body if isinstance(it, ast.FunctionDef) and it.name == "__init__")
    pairs = zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)
    return {argument.arg: default is None for argument, default in pairs}


def attributes_of(source: str, name: str) -> set[str]:
    """Return the attributes of a class of the provider's Python bindings."""
    return {it.name for it in _class(source, name).body if isinstance(it, ast.FunctionDef)}


def _class(source: str, name: str) -> ast.ClassDef:
    (kind,) = (it for it in ast.parse(source).body if isinstance(it, ast.ClassDef) and it.name == name)
    return kind


def provider_knows(resource: Resource, text: str, package: Path) -> Iterator[str]:
    """Hold a resource, and what the module reads of it, against the provider's bindings, made of its schema."""
    module = f"data_{resource.kind}" if resource.is_data else resource.kind.removeprefix("aws_")
    source = (package / module / "__init__.py").read_text("utf-8")
    name = "".join(part.title() for part in module.split("_"))
    yield from complaints(resource.kind, arguments(resource.given), arguments_of(source, f"{name}Config"))
    for block, given in inner(resource.given).items():
        kind = name + "".join(part.title() for part in block.split("_"))
        yield from complaints(f"{resource.kind}.{block}", arguments(given), arguments_of(source, kind))
    read = re.findall(rf"\b{resource.kind}\.{resource.name}(?:\[[^\]]*\])?\.(\w+)", text)
    yield from (f"{resource.kind} has no attribute {it}" for it in read if it not in attributes_of(source, name))


def terraform() -> Iterator[Outcome]:
    """Hold each module against the language and the provider, and run the program where it is there."""
    (package,) = TOOLS.glob("lib/python*/site-packages/cdktf_cdktf_provider_aws")
    source = (package / "secretsmanager_secret_rotation/__init__.py").read_text("utf-8")
    version = re.search(r"hashicorp/aws/([0-9.]+)/", source)
    assert version
    for module in modules():
        wrong = [*module.faults()]
        wrong += [it for resource in module.resources for it in provider_knows(resource, module.text, package)]
        said = f"Terraform, {module.folder.relative_to(EXAMPLES)}: names, and arguments of AWS provider {version[1]}"
        yield Outcome(said, "\n".join(wrong))
    program = shutil.which("terraform") or shutil.which("tofu")
    if program is None:
        yield Outcome("Terraform: the program is not on PATH; neither fmt nor validate was run", "")
        return
    yield Outcome("Terraform: fmt -check", _said(program, TERRAFORM, "fmt -check -diff -recursive"))
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        copied = Path(shutil.copytree(TERRAFORM, folder / "terraform"))
        patch.setenv("TF_CLI_CONFIG_FILE", str(stand_in(folder, package)))
        yield Outcome("Terraform: validate, by the provider's schema", _said(program, copied, "get", "validate"))
        (copied / "packaged.yaml").touch()
        plan = [program, f"-chdir={copied}", "plan", "-no-color", "-input=false", "-var=bucket=b", "-var=topic=t"]
        done = subprocess.run(plan, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        rotations = done.stdout.count(f"{ROTATION}.each")
        said = "" if (done.returncode, rotations) == (0, MANY) else done.stdout
        yield Outcome(f"Terraform: plan of {rotations} secrets", said)


MANY: Final = 40
"""Secrets in the example."""
ROTATION: Final = "# module.secrets.aws_secretsmanager_secret_rotation"


def stand_in(folder: Path, package: Path) -> Path:
    """Write what makes Terraform take our stand-in for the provider: a program, and the settings that name it."""
    kinds = {f"{'data.' * it.is_data}{it.kind}" for module in modules() for it in module.resources}
    command = [TOOLS / "bin/python", ROOT / "tests/support/template/provider.py", package, *sorted(kinds)]
    program = folder / "terraform-provider-aws"
    program.write_text(f"#!/bin/sh\nexec {shlex.join(map(str, command))}\n", "utf-8")
    program.chmod(0o755)
    settings = folder / "settings"
    overrides = f'dev_overrides {{ "hashicorp/aws" = "{folder}" }}'
    settings.write_text(f"provider_installation {{\n  {overrides}\n  direct {{}}\n}}\n", "utf-8")
    return settings


def _said(program: str | Path, folder: Path, *commands: str) -> str:
    """Run Terraform's commands, and give what the first one says that fails."""
    return next(filter(None, (said_by([program, f"-chdir={folder}", *it.split()]) for it in commands)), "")


def shell() -> Iterator[Outcome]:
    """Check each script."""
    for file in sorted(EXAMPLES.rglob("*.sh")):
        yield Outcome(f"Shell, {file.name}: shellcheck", said_by([TOOLS / "bin/shellcheck", file]))


def said_by(command: list[str | Path]) -> str:
    """Run a program, and give what it says if it fails."""
    done = subprocess.run(
        command,
        env={**os.environ, "CHECKPOINT_DISABLE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PROVIDER_SECONDS,
    )
    return (done.stdout or "failed") if done.returncode else ""


CHECKS: Final[tuple[Callable[[], Iterator[Outcome]], ...]] = (cloudformation, deployed, cdk, terraform, shell)


def main() -> int:
    """Try all, say how each ended, and give the command's exit code."""
    wrong = False
    for check in CHECKS:
        for outcome in check():
            print(f"    {outcome.tried}{': WRONG' if outcome.wrong else ''}", flush=True)
            print(outcome.wrong, end="\n" if outcome.wrong else "")
            wrong = wrong or bool(outcome.wrong)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
