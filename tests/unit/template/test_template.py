"""The template: what linters do not look at, as statements about the file and about what SAM makes of it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from rotation.credentials.password_policy import policy_for
from rotation.engines.aurora.engine import Aurora
from rotation.engines.documentdb import DocumentDB
from rotation.engines.mysql import MySQL
from rotation.engines.postgresql import PostgreSQL
from rotation.engines.redshift import Redshift
from rotation.settings import Settings
from tests.support.guides.pages import column
from tests.support.template import functions, translation
from tests.support.template.cloudformation import REGION, ROOT, Node, load, of_type, parse
from tests.support.template.functions import named
from tests.support.template.iam import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Statements that may speak of every resource, each with its reason.
EVERYTHING: Mapping[str, str] = {
    "FindParametersByTag": "DescribeParameters takes no resource",
    "FindWorkgroupsOfManagedAdminSecrets": "ListNamespaces and ListWorkgroups take no resource",
    "ConnectToTheVpc": "nor what describes in EC2, nor what makes an interface that is not there yet",
}


def statements(made: Mapping[str, Node]) -> Iterator[dict[str, Node]]:
    """Yield every statement of a role or a policy, those behind a condition of the template too."""
    properties = made["Properties"]
    for policy in properties.get("Policies", [properties]):
        document = (policy["Fn::If"][1] if "Fn::If" in policy else policy)["PolicyDocument"]
        for statement in document["Statement"]:
            yield statement["Fn::If"][1] if "Fn::If" in statement else statement


ENGINES = (Aurora, DocumentDB, MySQL, PostgreSQL, Redshift)
SOURCE = load()
FUNCTIONS = sorted(of_type(SOURCE, "AWS::Serverless::Function"))
ROTATING = [named(function, "Function") for function in functions.ROTATING]
STATEMENTS = [
    pytest.param(statement, id=f"{name}-{statement['Sid']}")
    for kind in ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy")
    for name, made in of_type(SOURCE, kind).items()
    for statement in statements(made)
]


@pytest.fixture(scope="module")
def translated() -> dict[str, Node]:
    return translation.translated(REGION)


def test_there_is_a_function_for_every_folder() -> None:
    folders = {f"functions/{name}" for name in functions.ALL}
    assert {SOURCE["Resources"][name]["Properties"]["CodeUri"] for name in FUNCTIONS} == folders


def test_sam_carries_out_what_the_template_says_once() -> None:
    """CloudFormation takes neither anchors nor merge keys (user guide, "CloudFormation template formats")."""
    code = (
        "from samcli.yamlhelper import parse_yaml_file, yaml_dump; print(yaml_dump(parse_yaml_file('template.yaml')))"
    )
    python = ROOT / ".tools/sam/bin/python"
    text = subprocess.run([python, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603
    assert not [token for token in yaml.scan(text) if isinstance(token, yaml.AnchorToken | yaml.AliasToken)]
    assert parse(text) == SOURCE


def test_sam_adds_no_role_of_its_own(translated: dict[str, Node]) -> None:
    assert of_type(translated, "AWS::IAM::Role").keys() == of_type(SOURCE, "AWS::IAM::Role").keys()


@pytest.mark.parametrize("function", ROTATING)
def test_a_function_is_invoked_by_secrets_manager_for_this_account_only(function: str) -> None:
    found = [
        one["Properties"]
        for one in of_type(SOURCE, "AWS::Lambda::Permission").values()
        if one["Properties"]["FunctionName"] == {"Fn::GetAtt": [function, "Arn"]}
    ]
    assert found == [
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Fn::GetAtt": [function, "Arn"]},
            "Principal": "secretsmanager.amazonaws.com",
            "SourceAccount": {"Ref": "AWS::AccountId"},
        }
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_its_log_group_with_a_retention(function: str) -> None:
    properties = SOURCE["Resources"][function]["Properties"]
    group = SOURCE["Resources"][properties["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]
    assert group["LogGroupName"] == {"Fn::Sub": "/aws/lambda/" + properties["FunctionName"]["Fn::Sub"]}
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_statement_speaks_of_everything(statement: dict[str, Node]) -> None:
    if statement["Effect"] == "Deny":
        return
    assert "Condition" in statement or "*" not in listed(statement["Resource"]) or statement["Sid"] in EVERYTHING
    assert "NotAction" not in statement
    assert "NotResource" not in statement


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_statement_allows_a_whole_service(statement: dict[str, Node]) -> None:
    assert not [action for action in listed(statement["Action"]) if "*" in action]


class Recorder(dict[str, str]):
    """An empty environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: Node = None) -> Node:
        self.asked.add(key)
        return super().get(key, default)


@pytest.mark.parametrize("function", ROTATING)
def test_every_setting_of_the_library_is_declared(translated: dict[str, Node], function: str) -> None:
    environment = Recorder()
    Settings.from_environment(environment)
    declared = translated["Resources"][function]["Properties"]["Environment"]["Variables"]
    assert environment.asked | {"LOG_LEVEL", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"} <= set(declared)


@pytest.mark.parametrize("function", ROTATING)
def test_a_setting_left_alone_is_the_librarys_default(translated: dict[str, Node], function: str) -> None:
    declared = translated["Resources"][function]["Properties"]["Environment"]["Variables"]
    referred = {name: value["Ref"] for name, value in declared.items() if "Ref" in value}
    assert referred.pop("SEAL_KEY") == "AWS::StackId"
    defaults = {name: SOURCE["Parameters"][parameter]["Default"] for name, parameter in referred.items()}
    assert defaults.pop("LOG_LEVEL") == "INFO"
    assert defaults.pop("POWERTOOLS_METRICS_NAMESPACE")
    ours, own = Settings.from_environment(defaults | {"ADMIN_SECRET_ARNS": ""}), Settings.from_environment({})
    assert replace(ours, password=own.password) == own
    for engine in ENGINES:
        assert policy_for(engine.traits.limits, ours.password) == policy_for(engine.traits.limits, own.password)


@pytest.mark.parametrize("name", sorted(SOURCE["Parameters"]))
def test_a_parameter_is_described_grouped_and_used(name: str) -> None:
    grouped = SOURCE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert SOURCE["Parameters"][name]["Description"].endswith(".")
    assert [name in group["Parameters"] for group in grouped].count(True) == 1
    assert re.search(rf"!Ref {name}\b|\$\{{{name}\}}", (ROOT / "template.yaml").read_text("utf-8"))


def test_the_questions_come_in_groups_that_belong_together() -> None:
    """`sam deploy --guided` asks in the order of the template, the console shows the groups: both are the guide's."""
    groups = SOURCE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    asked = [name for group in groups for name in group["Parameters"]]
    assert list(SOURCE["Parameters"]) == asked
    assert column("| parameter | meaning |") == asked


@pytest.mark.parametrize("name", sorted(SOURCE["Parameters"]))
def test_a_question_can_be_answered_by_enter(name: str) -> None:
    """SAM shows the name, and in brackets the default: a choice has one that can be seen, and each one is valid."""
    declared = SOURCE["Parameters"][name]
    default = str(declared["Default"])
    assert re.search(declared.get("AllowedPattern", ""), default)
    choices = [str(it) for it in declared.get("AllowedValues", [default])]
    assert default in choices
    assert "" not in choices or len(choices) == 1
    # Nothing in brackets is explained in the words that the console shows.
    assert default or re.search(r"Empty - |Needed |in those subnets", declared["Description"])


def test_the_layer_is_built_for_the_functions_processor() -> None:
    layer = SOURCE["Resources"]["SharedLayer"]
    assert layer["Metadata"]["BuildArchitecture"] == {"Ref": "Arch"}
    assert layer["Properties"]["CompatibleArchitectures"] == [{"Ref": "Arch"}]
    assert SOURCE["Globals"]["Function"]["Architectures"] == [{"Ref": "Arch"}]
    assert SOURCE["Globals"]["Function"]["Runtime"] in layer["Properties"]["CompatibleRuntimes"]


def test_make_builds_what_the_template_deploys() -> None:
    defaults = dict(
        re.findall(r"^(ARCH|LAMBDA_PYTHON) \?= (\S+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    )
    assert SOURCE["Globals"]["Function"]["Runtime"] == f"python{defaults['LAMBDA_PYTHON']}"
    assert SOURCE["Parameters"]["Arch"]["Default"] == defaults["ARCH"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_outputs_name_every_function(function: str) -> None:
    assert SOURCE["Outputs"][f"{function}Arn"]["Value"] == {"Fn::GetAtt": [function, "Arn"]}
