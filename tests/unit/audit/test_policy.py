"""Resource policies: whom they let in, and what only looks as if it let in everybody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit.policy import access_of, accounts_of, lets_secrets_manager
from tests.support.audited.things import ACCOUNT, ARN, OTHER

ALL = "secretsmanager:*"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal: Any, condition: dict[str, Any] | None = None) -> dict[str, Any]:  # noqa: ANN401 as JSON has it
    it = {"Effect": "Allow", "Principal": principal, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    return it | ({"Condition": condition} if condition else {})


ORGANISATION = {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}


@pytest.mark.parametrize(
    ("statement", "public"),
    [
        (allow("*"), True),
        (allow({"AWS": "*"}), True),
        (allow({"AWS": [f"arn:aws:iam::{ACCOUNT}:root", "*"]}), True),
        (allow("*", {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}), True),  # nobody's key is absent
        (allow("*", {"StringNotEquals": {"aws:PrincipalAccount": OTHER}}), True),
        (allow("*", {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}), True),
        (allow("*", {"StringLike": {"aws:PrincipalArn": "*"}}), True),
        (allow("*", {"Bool": {"aws:SecureTransport": "true"}}), True),
        ({"Effect": "Allow", "NotPrincipal": {"AWS": OTHER}, "Action": ALL, "Resource": "*"}, True),
        (allow("*", ORGANISATION), False),
        (allow("*", {"StringEquals": {"aws:SourceVpce": "vpce-1"}}), False),
        (allow("*", {"ArnLike": {"aws:principalarn": "arn:aws:iam::123456789012:role/*"}}), False),
        (allow({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), False),
        (allow({"Service": "redshift.amazonaws.com"}), False),
        ({"Effect": "Deny", "Principal": "*", "Action": ALL, "Resource": "*"}, False),
    ],
)
def test_a_policy_is_public_where_nothing_bounds_it(statement: dict[str, Any], *, public: bool) -> None:
    assert access_of(policy(statement), ACCOUNT).public is public


def test_other_accounts_are_foreign_without_a_boundary() -> None:
    one = access_of(policy(allow({"AWS": [OTHER, f"arn:aws:iam::{ACCOUNT}:role/app"]})), ACCOUNT)
    assert one.foreign == one.shared == {OTHER}
    within = access_of(policy(allow({"AWS": f"arn:aws:iam::{OTHER}:role/app"}, ORGANISATION)), ACCOUNT)
    assert not within.foreign
    assert within.shared == {OTHER}


def test_a_deleted_principal_is_seen_by_its_id() -> None:
    found = access_of(policy(allow({"AWS": ["AROAABCDEFGHIJKLMNOP1", f"arn:aws:iam::{ACCOUNT}:role/app"]})), ACCOUNT)
    assert found.gone == {"AROAABCDEFGHIJKLMNOP1"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Statement": 1}'])
def test_no_policy_lets_in_nobody(text: str) -> None:
    """Identity policies rule then: an absent policy is fine."""
    found = access_of(text, ACCOUNT)
    assert not found.public
    assert not found.shared


def test_one_statement_may_stand_without_a_list() -> None:
    assert access_of(json.dumps({"Statement": allow("*")}), ACCOUNT).public


def test_a_keys_policy_names_accounts() -> None:
    assert accounts_of(policy(allow({"AWS": [f"arn:aws:iam::{ACCOUNT}:root", OTHER]}))) == {ACCOUNT, OTHER}
    assert "*" in accounts_of(policy(allow("*", ORGANISATION)))


def function_policy(condition: dict[str, Any] | None = None, service: str = "secretsmanager.amazonaws.com") -> str:
    it = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "lambda:InvokeFunction", "Resource": "*"}
    return policy(it | ({"Condition": condition} if condition else {}))


@pytest.mark.parametrize(
    ("text", "may", "any_account"),
    [
        (function_policy({"StringEquals": {"AWS:SourceAccount": ACCOUNT}}), True, False),
        (function_policy({"ArnLike": {"AWS:SourceArn": ARN[:-6] + "*"}}), True, False),
        (function_policy(), True, True),
        (function_policy({"StringEquals": {"AWS:SourceAccount": OTHER}}), False, False),
        (function_policy({"ArnLike": {"AWS:SourceArn": ARN.replace("orders", "payroll")}}), False, False),
        (function_policy(service="events.amazonaws.com"), False, False),
        (policy(), False, False),
    ],
)
def test_a_functions_policy_lets_secrets_manager_in(text: str, *, may: bool, any_account: bool) -> None:
    assert lets_secrets_manager(text, ACCOUNT, ARN) == (may, any_account)
