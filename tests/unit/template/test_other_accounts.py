"""The template in accounts with guard rails, long names, many admins, aliases, other partitions, other networks."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import botocore.loaders
import botocore.session
import cfnlint.api
import cfnlint.config
import pytest
import yaml

from tests.support.guides.pages import commands
from tests.support.template.cloudformation import ACCOUNT, REGION, ROOT, Stack, fits, load, of_type
from tests.support.template.functions import ALL, ON, ROTATING, named
from tests.support.template.iam import allows, statements
from tests.support.template.permissions import (
    ELSEWHERE,
    OTHER_ADMIN,
    READING,
    SECRET,
    WRITING,
    arn_of,
    on_secret,
    with_key,
)
from tests.support.template.translation import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = load()
ACCOUNTS_GUIDE = (ROOT / "docs/accounts.md").read_text("utf-8")
PARAMETERS = SOURCE["Parameters"]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ours/rotation"
ADMIN_LISTS = sorted(name for name in PARAMETERS if name.endswith("AdminSecretArns"))
LONG = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/orders-service/database-admin-{{:04d}}-AbCdEf"
KEYS = ",".join(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{n:08d}-0000-0000-0000-000000000000" for n in range(4))
CHINA = {"AWS::Region": "cn-northwest-1", "AWS::Partition": "aws-cn", "AWS::URLSuffix": "amazonaws.com.cn"}
VPC = {"VpcId": "vpc-0a1b2c3d", "SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"}


# Guard rails


def test_each_role_has_the_boundary_and_the_path() -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    made = Stack({**ON, "PermissionsBoundaryArn": boundary, "RolePath": "/team/", "KmsKeyArns": KEYS, **VPC}).resources
    roles = of_type({"Resources": made}, "AWS::IAM::Role")
    assert roles.keys() == {*(named(it, "Role") for it in ALL), "ParameterStoreScheduleRole"}
    assert {one["Properties"]["PermissionsBoundary"] for one in roles.values()} == {boundary}
    policies = of_type({"Resources": made}, "AWS::IAM::ManagedPolicy")
    assert {one["Properties"]["Path"] for one in [*roles.values(), *policies.values()]} == {"/team/"}


def test_no_role_has_a_boundary_that_was_not_asked_for() -> None:
    for role in of_type({"Resources": Stack(ON).resources}, "AWS::IAM::Role").values():
        assert "PermissionsBoundary" not in role["Properties"]
        assert role["Properties"]["Path"] == "/"


@pytest.mark.parametrize("function", ALL)
def test_a_role_of_ones_own_is_used_and_none_is_made(function: str) -> None:
    stack = Stack({**ON, named(function, "RoleArn"): ROLE})
    assert named(function, "Role") not in stack.resources
    assert stack.resources[named(function, "Function")]["Properties"]["Role"] == ROLE
    assert stack.outputs[named(function, "RoleArn")]["Value"] == ROLE


def test_where_all_roles_are_ones_own_no_policy_is_made() -> None:
    stack = Stack({**ON, **{named(it, "RoleArn"): ROLE for it in ALL}, "KmsKeyArns": KEYS, **VPC})
    assert not [name for name, it in stack.resources.items() if it["Type"].startswith("AWS::IAM::")]


# Secrets of other accounts


def example(name: str) -> Any:  # noqa: ANN401 what JSON says
    """Return an example of the guides."""
    return json.loads((ROOT / "docs/examples" / name).read_text("utf-8"))


def test_the_policies_of_another_account_let_the_role_read_its_admin_secret() -> None:
    """The role's policy and the resource's must both allow it (IAM user guide, "Cross-account policy evaluation")."""
    key = f"arn:aws:kms:{REGION}:{ELSEWHERE}:key/0f1e2d3c"
    stack = Stack({"AdminSecretArns": OTHER_ADMIN, "KmsKeyArns": key})
    role = statements(stack.resources["PostgresqlRole"], stack.resources)
    secret = example("admin-secret-policy.json")["Statement"]
    decrypts = with_key("Decrypt", OTHER_ADMIN, key=key)
    for policy, request in [
        *((secret, on_secret(action, OTHER_ADMIN)) for action in READING),
        (example("admin-key-policy.json")["Statement"], decrypts),
    ]:
        assert allows(role, request)
        assert allows(policy, request)
    for request in (on_secret(action, OTHER_ADMIN) for action in WRITING):
        assert not allows(secret, request)
    assert not allows(example("admin-key-policy.json")["Statement"], with_key("Decrypt", SECRET, key=key))
    assert not allows(example("admin-key-policy.json")["Statement"], with_key("Decrypt", OTHER_ADMIN, via="", key=key))


# What a person writes


def by_sam(code: str, *arguments: str) -> Any:  # noqa: ANN401 what JSON says
    """Return what a program says that has SAM's own packages."""
    python = ROOT / ".tools/sam/bin/python"
    done = subprocess.run([python, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 ours
    return json.loads(done.stdout)


def parsed_by_sam(*overrides: str) -> dict[str, str]:
    """Return what SAM's own parser makes of --parameter-overrides, or of parameter_overrides in samconfig.toml."""
    code = (
        "import json, sys; from samcli.cli.types import CfnParameterOverridesType as T;"
        "print(json.dumps(T().convert(tuple(sys.argv[1:]), None, None)))"
    )
    return dict(by_sam(code, *overrides))


def test_the_example_of_a_file_comes_out_as_it_stands() -> None:
    """Quotes, backslashes, blanks and lists included, and the template takes each value."""
    file = "docs/examples/parameters.yaml"
    written = {name: str(value) for name, value in yaml.safe_load((ROOT / file).read_text("utf-8")).items()}
    assert parsed_by_sam(f"file://{file}") == written
    assert written["ExcludeCharacters"] == "/@\"'\\:;&<> `"
    for name, value in written.items():
        assert re.search(PARAMETERS[name].get("AllowedPattern", ""), value)
    assert Stack(written).complaints() == []
    assert f'parameter_overrides = "file://{file}"' in ACCOUNTS_GUIDE


ASKED = """
import functools, inspect, json, sys
from unittest import mock
from click.testing import CliRunner
from samcli.commands._utils import template
from samcli.commands.deploy import command

template.yaml_parse = functools.cache(template.yaml_parse)  # each command parses the same template three times

def deployed_with(arguments):
    asked = inspect.signature(command.do_cli)
    with mock.patch.object(command, "do_cli") as called:
        CliRunner().invoke(command.cli, arguments)
    return asked.bind(*called.call_args.args, **called.call_args.kwargs).arguments["parameter_overrides"]

print(json.dumps([deployed_with(json.loads(arguments)) for arguments in sys.argv[1:]]))
"""
"""What `sam deploy` would deploy with, by its own command line and our samconfig.toml."""


WORKED = re.compile(
    r"^parameter_overrides = .*\n(# .*\n)(# parameter_overrides = \[\n(?:#   .*\n)+# \]\n)", re.MULTILINE
)
"""A list of parameters in samconfig.toml, and the example below it that takes its place."""
ENVIRONMENTS = ("dev", "prod")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """Ask SAM once: for each environment, for each with its example, for prod with an override, and for the guide's."""
    (shown,) = (words[2:] for words in commands() if {"--config-env", "--parameter-overrides"} <= set(words))
    text = (ROOT / "samconfig.toml").read_text("utf-8")
    changed, count = WORKED.subn(lambda found: found[1] + found[2].replace("# ", "", 1).replace("\n# ", "\n"), text)
    assert count == len(ENVIRONMENTS)
    file = tmp_path_factory.mktemp("sam") / "samconfig.toml"
    file.write_text(changed)
    lines = [["--config-env", name] for name in ENVIRONMENTS]
    lines += [["--config-file", str(file), "--config-env", name] for name in ENVIRONMENTS]
    lines += [["--config-env", "prod", "--parameter-overrides", "LogLevel=DEBUG"], shown]
    assert shown[:2] == lines[1]
    return [dict(it) for it in by_sam(ASKED, *map(json.dumps, lines))]


def test_the_command_line_takes_the_place_of_the_files_list(deployed: list[dict[str, str]]) -> None:
    """So the guide's example names all that the file does, and one more."""
    _, prod, _, _, replaced, example = deployed
    assert replaced == {"LogLevel": "DEBUG"}
    assert example == {**prod, "LogLevel": "DEBUG"}


@pytest.mark.parametrize("number", range(len(ENVIRONMENTS)), ids=ENVIRONMENTS)
def test_each_environment_shows_a_network_and_admins(deployed: list[dict[str, str]], number: int) -> None:
    """SAM reads from the example all that the environment has, with both besides, and the template takes it."""
    plain, shown = deployed[number], deployed[number + len(ENVIRONMENTS)]
    assert plain.items() <= shown.items()
    assert {"SubnetIds", "SecurityGroupIds"} <= shown.keys()
    assert any(name.endswith("AdminSecretArns") for name in shown)
    assert Stack(shown).complaints() == []
    assert all(fits(name, value) for name, value in shown.items() if "AllowedPattern" in PARAMETERS[name])


def test_what_sam_cuts_is_what_the_guide_says() -> None:
    """A blank after a comma ends a list."""
    assert parsed_by_sam("AdminSecretArns=ARN1, ARN2") == {"AdminSecretArns": "ARN1,"}


# Names


@pytest.mark.parametrize("function", ALL)
def test_no_name_is_made_of_the_stacks(function: str) -> None:
    """A stack's name may have 128 characters, a function's 64 (Lambda API reference, CreateFunction)."""
    assert "AWS::StackName" not in json.dumps(SOURCE["Resources"])
    stack = Stack({**ON, "FunctionPrefix": "x" * 46}, place={"AWS::StackName": "StackSet-" + "n" * 119})
    assert len(stack.resources[named(function, "Function")]["Properties"]["FunctionName"]) <= 64


def test_a_prefix_that_is_too_long_is_refused_before_anything_is_made() -> None:
    assert fits("FunctionPrefix", "x" * (64 - len("-replica-promotion")))
    assert not fits("FunctionPrefix", "x" * 47)
    assert not fits("FunctionPrefix", "")


# Aliases


@pytest.mark.parametrize("function", ROTATING)
def test_a_secret_may_be_attached_to_an_alias(function: str) -> None:
    stack = Stack({"FunctionAlias": "live", "RotationGroup": "orders"})
    permission = stack.resources[named(function, "AliasPermission")]["Properties"]
    assert permission["FunctionName"] == f"{arn_of(function)}:live"
    assert permission["SourceAccount"] == ACCOUNT
    policy = statements(stack.resources[named(function, "Role")])
    assert allows(policy, on_secret("PutSecretValue", SECRET, f"{arn_of(function)}:live", "orders"))
    assert not allows(policy, on_secret("PutSecretValue", SECRET, f"{arn_of(function)}2", "orders"))
    assert not allows(policy, on_secret("PutSecretValue", SECRET, f"{arn_of(function)}:live"))


def test_no_alias_is_spoken_of_where_there_is_none() -> None:
    assert not [name for name in Stack().resources if name.endswith("AliasPermission")]


# Partitions


@pytest.mark.parametrize("partition", botocore.session.get_session().get_available_partitions())
def test_what_the_template_makes_is_of_its_partition(partition: str) -> None:
    """No ARN names another partition, and a service is called by its name there."""
    region, suffix = home_of(partition)
    place = {"AWS::Region": region, "AWS::Partition": partition, "AWS::URLSuffix": suffix}
    arn = f"arn:{partition}:secretsmanager:{region}:{ACCOUNT}:secret:admins/*"
    assert fits("AdminSecretArns", arn)
    stack = Stack({"AdminSecretArns": arn, "KmsKeyArns": KEYS.replace("arn:aws:", f"arn:{partition}:")}, place=place)
    for name in ("PostgresqlRole", "KeysPolicy"):
        text = json.dumps(stack.resources[name])
        ours = text.replace(f"arn:aws:logs:{REGION}", f"arn:{partition}:logs:{region}")  # the reader's own
        assert set(re.findall(r"arn:([a-z-]+):", ours)) == {partition}
        assert f"secretsmanager.{region}.{suffix}" in ours or name == "PostgresqlRole"


def home_of(partition: str) -> tuple[str, str]:
    """Return a Region of a partition, and what its host names end with, by botocore's own list."""
    known = botocore.loaders.create_loader().load_data("endpoints")["partitions"]
    found = next(one for one in known if one["partition"] == partition)
    return next(iter(found["regions"])), found["dnsSuffix"]


def test_services_of_rds_and_redshift_have_another_name_in_china() -> None:
    asked = {"CreateRdsEndpoint": "true", "CreateRedshiftEndpoints": "true", "CreateSecretsManagerEndpoint": "true"}
    made = of_type({"Resources": Stack({**VPC, **asked}, place=CHINA).resources}, "AWS::EC2::VPCEndpoint")
    assert {one["Properties"]["ServiceName"] for one in made.values()} == {
        "cn.com.amazonaws.cn-northwest-1.rds",
        "cn.com.amazonaws.cn-northwest-1.redshift",
        "cn.com.amazonaws.cn-northwest-1.redshift-serverless",
        "com.amazonaws.cn-northwest-1.secretsmanager",
    }


def test_every_partition_has_its_endpoints_names() -> None:
    known = {it for it in botocore.session.get_session().get_available_partitions() if "iso" not in it}
    assert SOURCE["Mappings"]["EndpointPrefixes"].keys() == known


def test_what_sam_makes_of_it_is_right_in_each_partition() -> None:
    """
    cfn-lint knows which resources and values a Region has; SAM makes the same for all.

    It reads the template as `sam validate --lint` does, and what SAM makes of it, since it carries out SAM's transform.
    """
    regions = [REGION, "cn-north-1", "us-gov-west-1", "eusc-de-east-1"]
    made, *others = map(translated, regions)
    assert others == [made] * len(others)
    source = (ROOT / "template.yaml").read_text("utf-8")
    assert cfnlint.api.lint(source, config=cfnlint.config.ManualArgs(regions=regions)) == []


# Networks


def shared(parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return what all functions have, resolved."""
    stack = Stack(parameters)
    return dict(stack.resolved(stack.template["Globals"]["Function"]))


def test_ipv6_is_used_where_it_is_asked_for() -> None:
    assert shared({**VPC, "Ipv6AllowedForDualStack": "true"})["VpcConfig"]["Ipv6AllowedForDualStack"] is True
    assert "Ipv6AllowedForDualStack" not in shared(VPC)["VpcConfig"]
    assert Stack({"Ipv6AllowedForDualStack": "true"}).complaints() == ["Ipv6AllowedForDualStack needs SubnetIds."]


def test_fips_endpoints_are_used_where_they_are_asked_for() -> None:
    """The SDKs read it (AWS SDKs and Tools reference guide, "Dual-stack and FIPS endpoints")."""
    name = "AWS_USE_FIPS_ENDPOINT"
    assert shared({"UseFipsEndpoints": "true"})["Environment"]["Variables"][name] == "true"
    assert name not in shared({})["Environment"]["Variables"]


def test_a_layer_of_authorities_comes_to_every_function() -> None:
    layer = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:trust:3"
    assert shared({"TrustLayerArn": layer})["Layers"] == ["SharedLayer", layer]
    assert shared({})["Layers"] == ["SharedLayer"]
