"""
The ways to attach a function of docs/attach.md, tried with the tools that they are written for.

``make check-examples``: CloudFormation by cfn-lint, CDK synthesised, Terraform formatted, held against the arguments
that its AWS provider takes, and validated. `terraform validate` needs the provider itself: where the program is
not there, or the provider cannot be fetched, the line says so.
"""

# ruff: noqa: S603, T201 (the programs and their arguments are ours; the lines are for people)
from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import cfnlint.api
import hcl2

from tests.support.guides.pages import block, blocks
from tests.support.template.cloudformation import REGION, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS: Final = ROOT / ".tools/attach"
RESOURCE: Final = "aws_secretsmanager_secret_rotation"
PROVIDER_SECONDS: Final = 300

# A stack of each class that the block defines; the template of the one that there is goes to standard output.
SYNTHESIS: Final = """
import json, sys
import aws_cdk
block = {"__name__": "block"}
exec(sys.stdin.read(), block)
(kind,) = (it for it in block.values() if isinstance(it, type) and it.__module__ == "block")
app = aws_cdk.App()
kind(app, "Example")
print(json.dumps(app.synth().get_stack_by_name("Example").template))
"""


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
    for number, text in enumerate(blocks("yaml"), 1):
        yield Outcome(f"CloudFormation, block {number}: cfn-lint", findings(text))


def synthesised(text: str) -> dict[str, Any]:
    """Return the template that CDK makes of a program. Raises CalledProcessError where it makes none."""
    done = subprocess.run(
        [TOOLS / "bin/python", "-c", SYNTHESIS], input=text, stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def cdk() -> Iterator[Outcome]:
    """Synthesise the program, and lint what comes out: it makes the schedule that the CloudFormation block has."""
    made = synthesised(block("python", "cdk"))
    yield Outcome("CDK: what it makes, by cfn-lint", findings(json.dumps(made)))
    (schedule,) = made["Resources"].values()
    rules = {"ScheduleExpression": "cron(0 3 ? * SUN *)", "Duration": "3h"}
    expected = {
        "Type": "AWS::SecretsManager::RotationSchedule",
        "Properties": {
            "SecretId": {"Ref": "DatabaseSecretId"},
            "RotationLambdaARN": {"Ref": "RotationFunctionArn"},
            "RotateImmediatelyOnUpdate": False,
            "RotationRules": rules,
        },
    }
    yield Outcome("CDK: it makes a rotation schedule", "" if schedule == expected else json.dumps(schedule, indent=2))


def arguments_of(source: str, name: str) -> dict[str, bool]:
    """Return the arguments of a class of the provider's Python bindings, and whether each is needed."""
    (kind,) = (it for it in ast.parse(source).body if isinstance(it, ast.ClassDef) and it.name == name)
    (init,) = (it for it in kind.body if isinstance(it, ast.FunctionDef) and it.name == "__init__")
    pairs = zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)
    return {argument.arg: default is None for argument, default in pairs}


def complaints(given: set[str], taken: dict[str, bool]) -> list[str]:
    """Return which arguments the provider does not know, and which it misses."""
    needed = {name for name, is_needed in taken.items() if is_needed}
    return [f"unknown: {name}" for name in sorted(given - taken.keys())] + [
        f"missing: {name}" for name in sorted(needed - given)
    ]


def given_to(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of the one resource in a piece of HCL, and those of its rules."""
    (resource,) = hcl2.loads(text)["resource"]
    ((kind, named),) = resource.items()
    assert kind.strip('"') == RESOURCE
    (body,) = ({k: v for k, v in it.items() if not k.startswith("__")} for it in named.values())
    return body, {k: v for k, v in body["rotation_rules"][0].items() if not k.startswith("__")}


def provider_arguments(text: str) -> Iterator[Outcome]:
    """Hold the resource against the provider's bindings, which are made of its schema."""
    (package,) = TOOLS.glob("lib/python*/site-packages/cdktf_cdktf_provider_aws")
    source = (package / "secretsmanager_secret_rotation/__init__.py").read_text("utf-8")
    name = "SecretsmanagerSecretRotation"
    found = [
        complaint
        for given, kind in zip(given_to(text), ("Config", "RotationRules"), strict=True)
        for complaint in complaints(set(given), arguments_of(source, f"{name}{kind}"))
    ]
    version = re.search(r"hashicorp/aws/([0-9.]+)/", source)
    assert version
    yield Outcome(f"Terraform: arguments of {RESOURCE}, AWS provider {version[1]}", "\n".join(found))


def terraform() -> Iterator[Outcome]:
    """Run the program where it is there, and its validation where it gets the provider."""
    text = block("hcl")
    yield from provider_arguments(text)
    program = shutil.which("terraform")
    if program is None:
        yield Outcome("Terraform: the program is not on PATH; neither fmt nor validate was run", "")
        return
    with tempfile.TemporaryDirectory() as name:
        Path(name, "main.tf").write_text(text, "utf-8")
        yield Outcome("Terraform: fmt -check", _said(program, name, "fmt", "-check", "-diff"))
        if _said(program, name, "init", "-input=false", "-no-color"):
            yield Outcome("Terraform: validate was not run, since the AWS provider cannot be fetched here", "")
        else:
            yield Outcome("Terraform: validate", _said(program, name, "validate", "-no-color"))


def _said(program: str, folder: str, *arguments: str) -> str:
    """Run Terraform, and give what it says if it fails."""
    done = subprocess.run(
        [program, f"-chdir={folder}", *arguments],
        env={**os.environ, "CHECKPOINT_DISABLE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PROVIDER_SECONDS,
    )
    return (done.stdout or "failed") if done.returncode else ""


def main() -> int:
    """Try all, say how each ended, and give the command's exit code."""
    wrong = False
    for check in (cloudformation, cdk, terraform):
        for outcome in check():
            print(f"    {outcome.tried}{': WRONG' if outcome.wrong else ''}")
            print(outcome.wrong, end="\n" if outcome.wrong else "")
            wrong = wrong or bool(outcome.wrong)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
