"""What is deployed by which parameters, and what a person who deploys is asked and told."""

from __future__ import annotations

import re
import shlex
import tomllib
from typing import TYPE_CHECKING

import pytest

from rotation import VERSION
from tests.support.template.cloudformation import ACCOUNT, REGION, ROOT, Stack, load, of_type
from tests.support.template.functions import ALL, ON, ROTATING, named
from tests.support.template.iam import statements
from tests.support.template.permissions import COMPLETE, arn_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.template.cloudformation import Node

SOURCE = load()
CONFIGURATION = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
ENVIRONMENTS = sorted(name for name in CONFIGURATION if name not in {"version", "default"})
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0f1e2d3c"
PARTS = ("Function", "LogGroup", "Permission", "Role")
"""What each function has of its own, where nothing is asked for."""
VPC = {"VpcId": "vpc-0a1b2c3d", "SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1,sg-2"}
ENDPOINTS = {
    "CreateSecretsManagerEndpoint": {"secretsmanager"},
    "CreateRdsEndpoint": {"rds"},
    "CreateRedshiftEndpoints": {"redshift", "redshift-serverless"},
    "CreateParameterStoreEndpoints": {"ssm", "sqs"},
}


@pytest.mark.parametrize("function", ALL)
def test_a_function_is_left_out_with_all_that_is_its_own(function: str) -> None:
    off = {} if function == "parameter_store" else {**ON, f"Deploy{named(function, '')}": "false"}
    everything, fewer = Stack(ON), Stack(off)
    parts = {name for name in everything.resources if name.startswith(named(function, ""))}
    assert parts >= {named(function, part) for part in PARTS if part != "Permission" or function in ROTATING}
    assert everything.resources.keys() - fewer.resources.keys() == parts
    told = {named(function, f"{part}Arn") for part in ("Function", "LogGroup", "Role")}
    assert everything.outputs.keys() - fewer.outputs.keys() >= told
    assert not [name for name in fewer.outputs if name.startswith(named(function, ""))]


def shape(function: str) -> str:
    """Return the parts of a function without its name and what only its engine has."""
    made = Stack(COMPLETE).resources
    own = [made[named(function, part)] for part in PARTS]
    particular = {"Description", "Timeout", "MemorySize"}
    own[0] = {key: value for key, value in own[0]["Properties"].items() if key not in particular}
    policy = [it for it in statements(own.pop()) if not it["Sid"].startswith("Find")]
    return str([own, policy]).replace(named(function, ""), "X").replace(function, "x")


def test_functions_differ_only_in_what_they_must() -> None:
    assert len({shape(function) for function in ROTATING}) == 1


@pytest.mark.parametrize("function", ALL)
def test_every_arn_is_an_output(function: str) -> None:
    outputs = Stack(ON).outputs
    assert outputs[named(function, "FunctionArn")]["Value"] == arn_of(function)
    assert outputs[named(function, "RoleArn")]["Value"] == f"{named(function, 'Role')}.Arn"
    name = arn_of(function).rpartition(":")[2]
    assert outputs[named(function, "LogGroupArn")]["Value"].endswith(f":/aws/lambda/{name}:*")


def globals_of(parameters: Mapping[str, str]) -> dict[str, object]:
    """Return what all functions have, resolved."""
    stack = Stack(parameters)
    return dict(stack.resolved(stack.template["Globals"]["Function"]))


def test_what_is_not_asked_for_is_not_set() -> None:
    assert not {"VpcConfig", "KmsKeyArn", "ReservedConcurrentExecutions"} & globals_of({}).keys()
    assert "KmsKeyId" not in Stack().resources["PostgresqlLogGroup"]["Properties"]
    assert not of_type({"Resources": Stack().resources}, "AWS::EC2::VPCEndpoint")


def test_what_is_asked_for_is_set() -> None:
    made = globals_of({**VPC, "EnvironmentKeyArn": KEY, "ReservedConcurrency": "5", "Arch": "x86_64"})
    assert made["KmsKeyArn"] == KEY
    assert made["ReservedConcurrentExecutions"] == "5"
    assert made["Architectures"] == ["x86_64"]
    assert made["VpcConfig"] == {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1", "sg-2"]}
    for function in ALL:
        log = Stack({**ON, "LogKeyArn": KEY, "LogRetentionDays": "7"}).resources[named(function, "LogGroup")]
        assert (log["Properties"]["KmsKeyId"], log["Properties"]["RetentionInDays"]) == (KEY, "7")


@pytest.mark.parametrize("function", ROTATING)
def test_a_function_has_time_for_its_engine(function: str) -> None:
    """Three tries of one call to AWS take 20 seconds; less than a minute would leave no room for the database."""
    made = Stack().function(named(function, "Function"))
    assert 60 <= made["Timeout"] <= 300
    assert made["MemorySize"] >= 256


@pytest.mark.parametrize("function", ROTATING)
def test_every_function_can_be_given_more_time(function: str) -> None:
    """The parameter replaces what the engine needs; AllowedPattern keeps it within what Lambda takes, 900 seconds."""
    made = Stack({"Timeout": "300"}).function(named(function, "Function"))
    assert made["Timeout"] == "300"


@pytest.mark.parametrize("kind", ["AWS::IAM::Role", "AWS::Logs::LogGroup", "AWS::EC2::SecurityGroup"])
def test_everything_that_costs_or_allows_is_tagged(kind: str) -> None:
    for made in of_type(SOURCE, kind).values():
        assert made["Properties"]["Tags"] == [{"Key": "application", "Value": "rotation-suite"}]
    assert SOURCE["Globals"]["Function"]["Tags"] == {"application": "rotation-suite"}


def test_every_queue_is_encrypted() -> None:
    """By SQS itself (CloudFormation user guide, AWS::SQS::Queue); checkov knows keys of KMS alone."""
    for made in of_type(SOURCE, "AWS::SQS::Queue").values():
        assert made["Properties"]["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("parameter", ENDPOINTS)
def test_an_endpoint_is_made_where_it_is_asked_for(parameter: str) -> None:
    stack = Stack({**VPC, parameter: "true"})
    assert stack.complaints() == []
    made = of_type({"Resources": stack.resources}, "AWS::EC2::VPCEndpoint").values()
    assert {it["Properties"]["ServiceName"].rpartition(f"{REGION}.")[2] for it in made} == ENDPOINTS[parameter]
    for one in (it["Properties"] for it in made):
        assert (one["VpcId"], one["SubnetIds"]) == ("vpc-0a1b2c3d", ["subnet-1", "subnet-2"])
        assert one["PrivateDnsEnabled"] is True
        (statement,) = one["PolicyDocument"]["Statement"]
        ours = {"aws:PrincipalAccount": ACCOUNT, "aws:ResourceAccount": ACCOUNT}
        assert statement["Condition"] == {"StringEquals": ours}
    (group,) = of_type({"Resources": stack.resources}, "AWS::EC2::SecurityGroup").values()
    (rule,) = group["Properties"]["SecurityGroupIngress"]
    assert (rule["SourceSecurityGroupId"], rule["FromPort"], rule["ToPort"]) == ("sg-1", 443, 443)


@pytest.mark.parametrize(
    ("parameters", "complaints"),
    [
        ({}, 0),
        (VPC, 0),
        ({"SubnetIds": "subnet-1"}, 1),
        ({"CreateRdsEndpoint": "true"}, 2),
        ({**VPC, "VpcId": "", "CreateSecretsManagerEndpoint": "true"}, 1),
        ({"SecretsLimitedBy": "name-or-tag"}, 1),
        ({"SecretsLimitedBy": "name-or-tag", "SecretNames": "orders/*"}, 0),
        ({"SecretsLimitedBy": "name-or-tag", "RotationGroup": "orders"}, 0),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(parameters: Mapping[str, str], complaints: int) -> None:
    assert len(Stack(parameters).complaints()) == complaints


def functions_in(node: Node) -> Iterator[str]:
    """Name every intrinsic function below a piece of the template."""
    if isinstance(node, dict):
        yield from (key for key in node if key.startswith("Fn::") or key in {"Ref", "Condition"})
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from functions_in(one)


def test_rules_use_functions_that_rules_know() -> None:
    """CloudFormation refuses a template otherwise, and no linter says so (user guide, "Rules", supported functions)."""
    known = {"And", "Contains", "EachMemberEquals", "EachMemberIn", "Equals", "Not", "Or", "RefAll", "ValueOf"}
    assert set(functions_in(SOURCE["Rules"])) <= {"Ref", "Fn::If", "Fn::ValueOfAll", *(f"Fn::{it}" for it in known)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AdminSecretArns", "orders/admin"),
        ("Timeout", "59"),
        ("Timeout", "901"),
        ("KmsKeyArns", "alias/orders"),
        ("LogKeyArn", "alias/aws/logs"),
        ("EnvironmentKeyArn", "0f1e2d3c"),
        ("ReservedConcurrency", "0"),
        ("SecretNames", ""),
        ("VpcId", "orders"),
    ],
)
def test_a_parameter_that_cannot_be_right_is_refused_with_words(name: str, value: str) -> None:
    declared = SOURCE["Parameters"][name]
    assert not re.search(declared["AllowedPattern"], value)
    assert re.search(declared["AllowedPattern"], declared["Default"])
    assert declared["ConstraintDescription"].endswith(".")


def test_an_admin_secret_may_be_named_by_its_arn_or_by_the_six_characters_left_open() -> None:
    form = SOURCE["Parameters"]["AdminSecretArns"]["AllowedPattern"]
    for ending in ("a1B2c3", "??????"):
        assert re.search(form, f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/admin-{ending}")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_deploys_with_parameters_that_exist(environment: str) -> None:
    settings = CONFIGURATION[environment]["deploy"]["parameters"]
    chosen = dict(word.split("=", 1) for word in shlex.split(settings["parameter_overrides"]))
    assert Stack(chosen).complaints() == []
    for name, value in chosen.items():
        declared = SOURCE["Parameters"][name]
        assert value in map(str, declared.get("AllowedValues", [value]))
    assert settings["stack_name"] == f"{CONFIGURATION['default']['global']['parameters']['stack_name']}-{environment}"
    assert settings["capabilities"] == CONFIGURATION["default"]["deploy"]["parameters"]["capabilities"]
    assert settings["tags"] == f"environment={environment}"


def test_everything_that_is_deployed_names_the_version() -> None:
    """In the console one sees which version runs, in the descriptions of the functions and of the layer."""
    deployed = [*of_type(SOURCE, "AWS::Serverless::Function").values(), SOURCE["Resources"]["SharedLayer"]]
    assert len(deployed) == len(ALL) + 1
    for one in deployed:
        assert f"rotation-suite {VERSION}" in one["Properties"]["Description"]
        assert len(one["Properties"]["Description"]) <= 256


def test_the_publication_names_what_is_there() -> None:
    """For the Serverless Application Repository: a name, words, licence and README, the project's version."""
    published = SOURCE["Metadata"]["AWS::ServerlessRepo::Application"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert published["SemanticVersion"] == project["version"] == VERSION
    assert published["SpdxLicenseId"] == project["license"]
    assert published["Name"] == project["name"]
    assert (ROOT / published["LicenseUrl"]).is_file()
    assert (ROOT / published["ReadmeUrl"]).is_file()
    assert len(published["Description"]) <= 256
    assert re.fullmatch(r"[A-Za-z0-9-]+", published["Name"])
    assert 0 < len(published["Labels"]) <= 10
