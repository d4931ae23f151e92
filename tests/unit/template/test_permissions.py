"""What the roles allow: all that is needed, nothing else, and each condition keeps something out."""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.template.cloudformation import Stack
from tests.support.template.functions import ROTATING, named
from tests.support.template.iam import (
    Policy,
    Request,
    allows,
    conditions,
    grants,
    listed,
    relaxed,
    statements,
    without,
)
from tests.support.template.permissions import (
    ADMIN,
    COMPLETE,
    MODES,
    READING,
    REPAIR,
    SECRET,
    WRITING,
    arn_of,
    forbidden,
    needed,
    on_secret,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SUBSETS: Mapping[str, Mapping[str, str]] = {
    "no admin secrets": {"AdminSecretArns": ""},
    "no keys of the customer's": {"KmsKeyArns": ""},
    "no VPC": {"SubnetIds": "", "SecurityGroupIds": ""},
    "no repair of replicas": {"ReplicaRepair": "false"},
    "no mirrors": {"MirrorPath": ""},
}


DENIALS = {"OnlyLambdaItselfConnects", "LeaveAdminSecretsOfOthersAlone", "NeverOverwriteASecret"}


def policy_of(function: str, parameters: Mapping[str, str]) -> Policy:
    """Return the statements of a function's role, resolved for parameters."""
    return copy.deepcopy(_policy_of(function, tuple(sorted(parameters.items()))))


@cache
def _policy_of(function: str, parameters: tuple[tuple[str, str], ...]) -> Policy:
    resources = Stack({**COMPLETE, **dict(parameters)}).resources
    return statements(resources[named(function, "Role")], resources)


def missing(policy: Policy, function: str) -> list[Request]:
    """Return what is needed and not allowed."""
    return [request for request in needed(function) if not allows(policy, request)]


def surplus(policy: Policy, function: str, parameters: Mapping[str, str]) -> list[Request]:
    """Return what is allowed though it is forbidden."""
    return [request for request in forbidden(function, parameters) if allows(policy, request)]


def idle(policy: Policy, function: str) -> list[tuple[str, str]]:
    """Return the grants that nothing needs: without them nothing is missing."""
    given = [(statement["Sid"], action) for statement, action in grants(policy)]
    return [(sid, action) for sid, action in given if is_idle(policy, function, sid, action)]


def is_idle(policy: Policy, function: str, sid: str, action: str) -> bool:
    """Return whether nothing needs a grant."""
    less = without(policy, sid, action)
    return all(allows(less, request) for request in needed(function))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("function", ROTATING)
def test_a_role_allows_what_is_needed_and_nothing_else(function: str, mode: str) -> None:
    policy = policy_of(function, MODES[mode])
    assert missing(policy, function) == []
    assert idle(policy, function) == []
    assert surplus(policy, function, MODES[mode]) == []


@pytest.mark.parametrize("function", ROTATING)
def test_a_permission_taken_out_is_missed(function: str) -> None:
    policy = policy_of(function, {})
    for statement, action in grants(policy):
        found = missing(without(policy, statement["Sid"], action), function)
        assert {request.action for request in found} == {action}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("function", ROTATING)
def test_a_condition_taken_out_lets_something_in(function: str, mode: str) -> None:
    policy = policy_of(function, MODES[mode])
    for condition in conditions(policy):
        if condition[0] in DENIALS:
            continue  # a denial with a condition less denies more: the next test
        assert surplus(relaxed(policy, *condition), function, MODES[mode]), condition


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("function", ROTATING)
def test_a_denial_keeps_something_out_and_nothing_else(function: str, mode: str) -> None:
    policy = policy_of(function, MODES[mode])
    for denial in (it for it in policy if it["Effect"] == "Deny"):
        for action in listed(denial["Action"]):
            less = without(policy, denial["Sid"], action)
            assert action in {request.action for request in surplus(less, function, MODES[mode])}
        (condition,) = (it for it in conditions([denial]))
        attached = [on_secret(action, ADMIN, arn_of(function), "orders") for action in WRITING]
        harder = relaxed(policy, *condition)
        assert missing(harder, function) or any(not allows(harder, request) for request in attached)


@pytest.mark.parametrize("added", ["secretsmanager:DeleteSecret", "secretsmanager:*", "rds:ModifyDBInstance"])
@pytest.mark.parametrize("function", ROTATING)
def test_a_permission_too_many_is_found(function: str, added: str) -> None:
    for place, _ in enumerate(policy_of(function, {})):
        policy = policy_of(function, {})
        if policy[place]["Effect"] == "Allow":
            policy[place]["Action"] = [*listed(policy[place]["Action"]), added]
            assert is_idle(policy, function, policy[place]["Sid"], added)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("function", ROTATING)
def test_a_resource_too_many_is_found(function: str, mode: str) -> None:
    """Each statement speaks of something in particular, but for those that cannot."""
    for place, statement in enumerate(policy_of(function, MODES[mode])):
        if statement["Effect"] == "Allow" and statement["Resource"] != "*":
            policy = policy_of(function, MODES[mode])
            policy[place]["Resource"] = "*"
            assert surplus(policy, function, MODES[mode]), statement["Sid"]


@pytest.mark.parametrize("action", sorted(READING | WRITING))
@pytest.mark.parametrize("function", ROTATING)
def test_a_denial_too_many_is_found(function: str, action: str) -> None:
    """What is denied to the function's own code must be nothing that it does."""
    policy = policy_of(function, {})
    (denial,) = (it for it in policy if it["Sid"] == "OnlyLambdaItselfConnects")
    denial["Action"] = [*denial["Action"], f"secretsmanager:{action}"]
    assert {it.action for it in missing(policy, function)} == {f"secretsmanager:{action}"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("function", ROTATING)
def test_an_admin_secret_is_rotated_by_the_function_that_is_attached_to_it(function: str, mode: str) -> None:
    policy = policy_of(function, MODES[mode])
    for action in READING | WRITING:
        assert allows(policy, on_secret(action, ADMIN, arn_of(function), "orders"))


@pytest.mark.parametrize("subset", SUBSETS)
@pytest.mark.parametrize("function", ROTATING)
def test_what_a_parameter_leaves_out_is_not_granted(function: str, subset: str) -> None:
    fewer = {sid for sid, _ in (_named(policy_of(function, SUBSETS[subset])))}
    every = {sid for sid, _ in _named(policy_of(function, {}))}
    managed = {sid for sid in every if sid.endswith("OfManagedAdminSecrets")}
    assert managed or function == "aurora"
    expected = {
        "no admin secrets": {"ReadAdminSecrets", "UseKeysForAdminSecrets", *managed},
        "no keys of the customer's": {"UseKeysForSecrets", "UseKeysForAdminSecrets", "DescribeKeysOfSecrets"}
        | {"UseKeysForMirrors"},
        "no VPC": {"ConnectToTheVpc", "OnlyLambdaItselfConnects"},
        "no repair of replicas": {"NeverOverwriteASecret"},
        "no mirrors": {"WriteMirrors", "UseKeysForMirrors"},
    }
    assert every - fewer == expected[subset]
    assert fewer <= every


@pytest.mark.parametrize("function", ROTATING)
def test_a_replica_is_asked_for_again_only_where_the_parameter_says_so(function: str) -> None:
    off = {"ReplicaRepair": "false"}
    policy = policy_of(function, off)
    assert {request.action for request in missing(policy, function)} == {f"secretsmanager:{REPAIR}"}
    assert surplus(policy, function, off) == []
    assert missing(policy_of(function, {}), function) == []


def _named(policy: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for statement in policy:
        yield statement["Sid"], statement["Effect"]


def test_the_evaluation_refuses_what_nothing_speaks_of() -> None:
    assert not allows([], on_secret("GetSecretValue", SECRET))


def test_the_evaluation_knows_every_operator_that_it_meets() -> None:
    strange = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"NumericEquals": {"a": "b"}}}
    with pytest.raises(KeyError):
        allows([strange], on_secret("GetSecretValue", SECRET))
