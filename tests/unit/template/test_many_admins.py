"""Many admin secrets: what a list holds, patterns, a list for each engine, and a tag for hundreds of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

import pytest

from rotation.settings import Settings
from tests.support.template.cloudformation import ACCOUNT, REGION, ROOT, Stack, fits, function_arn, load, of_type
from tests.support.template.functions import ALL, ROTATING, named
from tests.support.template.iam import Request, allows, statements
from tests.support.template.permissions import (
    ADMIN,
    KEY,
    OTHER_ADMIN,
    READING,
    STRANGER,
    WRITING,
    arn_of,
    on_secret,
    with_key,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = load()
PARAMETERS = SOURCE["Parameters"]
GUIDE = (ROOT / "docs/accounts.md").read_text("utf-8")
ADMIN_LISTS = sorted(name for name in PARAMETERS if name.endswith("AdminSecretArns"))
LONG = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/orders-service/database-admin-{{:04d}}-AbCdEf"
KEYS = ",".join(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{n:08d}-0000-0000-0000-000000000000" for n in range(3))
VPC = {"VpcId": "vpc-0a1b2c3d", "SubnetIds": "subnet-1", "SecurityGroupIds": "sg-1"}
TEXTS = (
    "AdminGroup",
    "DatabaseCaBundle",
    "ExcludeCharacters",
    "FollowLabels",
    "MetricsNamespace",
    "MirrorPath",
    "ParameterAdminArns",
    "ParameterJournal",
    "RotationStrategy",
    "SecretsManagerEndpoint",
)
"""What a person writes that becomes a part of the environment, beside the lists."""


def listed(most: int) -> str:
    """Return as many ARNs of 99 characters as a list takes."""
    entries = (",".join(LONG.format(n) for n in range(size)) for size in count(1))
    return list(takewhile(lambda text: len(text) <= most, entries))[-1]


@pytest.mark.parametrize("own", [False, True])
def test_what_a_list_takes_fits_everywhere(*, own: bool) -> None:
    """
    The environment of a function takes 4,096 bytes, a role's own policies 10,240 characters, a managed one 6,144.

    (Lambda developer guide, "Lambda quotas"; IAM user guide, "IAM and AWS STS quotas".)
    """
    full = listed(PARAMETERS["AdminSecretArns"]["MaxLength"])
    assert full.count(",") == 25
    lists = dict.fromkeys(ADMIN_LISTS if own else ["AdminSecretArns"], full)
    limits = {"SecretsLimitedBy": "name-or-tag", "SecretNames": "a" * 60 + "/*", "RotationGroup": "b" * 128}
    texts = {name: "x" * PARAMETERS[name]["MaxLength"] for name in TEXTS}
    path = {"ParameterPath": "/" + "x" * 199}
    place = {"AWS::StackId": f"arn:aws:cloudformation:us-gov-west-1:{ACCOUNT}:stack/{'x' * 128}/{'0' * 36}"}
    given = {**lists, **limits, **texts, **path, **VPC, "KmsKeyArns": KEYS, "FunctionPrefix": "x" * 46}
    stack = Stack(given, place=place)
    for function in (*ROTATING, "parameter_store"):
        assert length(stack.function(named(function, "Function"))["Environment"]["Variables"]) <= 4096
        policies = stack.resources[named(function, "Role")]["Properties"]["Policies"]
        assert sum(length(it["PolicyDocument"]) for it in policies) < 10240
    for policy in of_type({"Resources": stack.resources}, "AWS::IAM::ManagedPolicy").values():
        assert length(policy["Properties"]["PolicyDocument"]) < 6144


def length(document: Any) -> int:  # noqa: ANN401 what YAML says
    """Return the size of a document without its blanks."""
    return len(json.dumps(document, separators=(",", ":")))


def test_a_list_that_is_too_long_is_refused_before_anything_is_made() -> None:
    for name in ADMIN_LISTS:
        assert not fits(name, ",".join(LONG.format(n) for n in range(40)))


@pytest.mark.parametrize(
    ("entries", "taken"),
    [
        ("", True),
        (LONG.format(1), True),
        (f"{LONG.format(1)},{LONG.format(2)}", True),
        (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!cluster-*", True),
        (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:admins/*-??????", True),
        (f"arn:aws-cn:secretsmanager:cn-north-1:{ACCOUNT}:secret:admins/*", True),
        (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:*", False),
        (f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:", False),
        (f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:admins/*", False),
        ("rds!cluster-*", False),
        (f"{LONG.format(1)},", False),
        (f"{LONG.format(1)},shop", False),
        (LONG.format(1).removesuffix("-AbCdEf"), False),
    ],
)
def test_what_an_entry_of_a_list_may_be(entries: str, *, taken: bool) -> None:
    for name in ADMIN_LISTS:
        assert fits(name, entries) is taken


@pytest.mark.parametrize("function", ROTATING)
def test_an_engines_own_list_takes_the_place_of_the_common_one(function: str) -> None:
    common, own = ADMIN, f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!cluster-*"
    stack = Stack({"AdminSecretArns": common, named(function, "AdminSecretArns"): own})
    for other in ROTATING:
        shown = own if other == function else common
        variables = stack.resources[named(other, "Function")]["Properties"]["Environment"]["Variables"]
        assert variables["ADMIN_SECRET_ARNS"] == shown
        policy = statements(stack.resources[named(other, "Role")])
        managed = on_secret("GetSecretValue", own.replace("*", "0a1b-AbCdEf"))
        assert allows(policy, managed) is (other == function)
        assert allows(policy, on_secret("GetSecretValue", common)) is (other != function)


GROUP = {"AdminGroup": "orders-admins", "KmsKeyArns": KEY, "AdminSecretArns": ""}
BY_NAME = {"SecretsLimitedBy": "name-or-tag", "SecretNames": "orders/*"}


def on_tagged(action: str, group: str = "orders-admins", attached: str = "") -> Request:
    """Return a call on an admin secret that has the tag, below the path of what may be rotated."""
    request = on_secret(action, ADMIN, attached, "orders")
    return replace(request, context={**request.context, "aws:ResourceTag/AdminGroup": group})


@pytest.mark.parametrize("limits", [{}, BY_NAME], ids=["attachment", "name"])
@pytest.mark.parametrize("function", ROTATING)
def test_a_tag_makes_as_many_admin_secrets_as_bear_it(function: str, limits: Mapping[str, str]) -> None:
    """They are read, with their keys, and written only where a function of the stack is attached to them."""
    stack = Stack({**GROUP, **limits})
    policy = statements(stack.resources[named(function, "Role")], stack.resources)
    for action in READING:
        assert allows(policy, on_tagged(action))
        assert not allows(policy, replace(on_tagged(action, "payroll-admins"), resource=STRANGER))
        assert not allows(policy, replace(on_tagged(action), resource=OTHER_ADMIN))
    for action in WRITING:
        assert not allows(policy, on_tagged(action))
        assert not allows(policy, on_tagged(action, attached=function_arn("another-mysql")))
        assert allows(policy, on_tagged(action, attached=arn_of(function)))
    assert allows(policy, with_key("Decrypt", ADMIN))
    assert not allows(policy, with_key("Decrypt", ADMIN, via=""))
    assert any(it["Sid"].startswith("Find") for it in policy)
    shown = stack.function(named(function, "Function"))["Environment"]["Variables"]
    assert Settings.from_environment({"ADMIN_SECRET_TAG": shown["ADMIN_SECRET_TAG"]}).admits_tagged(
        {"AdminGroup": "orders-admins"}
    )


def test_without_the_group_no_tag_makes_an_admin_secret() -> None:
    stack = Stack({"KmsKeyArns": KEY})
    assert "AdminGroupPolicy" not in stack.resources
    assert stack.function("MysqlFunction")["Environment"]["Variables"]["ADMIN_SECRET_TAG"] == ""
    policy = statements(stack.resources["MysqlRole"], stack.resources)
    assert not [action for action in READING if allows(policy, on_tagged(action))]


def test_a_role_of_ones_own_holds_an_exact_list_of_two_hundred() -> None:
    """A role takes 10 managed policies of 6,144 characters each (IAM user guide, "IAM and AWS STS quotas")."""
    policies = [
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": sorted(READING), "Resource": part}]}
        for part in ([LONG.format(n) for n in range(first, first + 50)] for first in range(0, 200, 50))
    ]
    assert len(policies) <= 10
    assert max(map(length, policies)) <= 6144
    assert "50 ARNs" in GUIDE
    assert "four managed policies" in GUIDE


def test_whatever_a_person_writes_into_the_environment_has_a_bound() -> None:
    """A parameter is one of a few values, has a form that bounds it, or a greatest length."""
    variables = [
        SOURCE["Globals"]["Function"],
        *(SOURCE["Resources"][named(it, "Function")]["Properties"] for it in ALL),
    ]
    text = json.dumps([one["Environment"]["Variables"] for one in variables])
    written = {name for name in PARAMETERS if re.search(rf'"Ref": "{name}"|\$\{{{name}\}}', text)}
    free = {name for name in written if "AllowedValues" not in PARAMETERS[name] and name not in ADMIN_LISTS}
    assert {name for name in free if "MaxLength" in PARAMETERS[name]} == set(TEXTS)
    for name in free - set(TEXTS):
        assert not re.search(PARAMETERS[name]["AllowedPattern"], "1" * 4)
