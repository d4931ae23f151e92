"""Accounts that are looked at: the caller's own, and those of roles; a role that cannot be taken is a blind spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from audit import sessions
from audit.sessions import accounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit.calls import Sight

ROLE = "arn:aws:iam::210987654321:role/secrets-audit"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[botocore.session.Session]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield botocore.session.get_session()


def test_without_roles_it_is_the_callers_own_account(session: botocore.session.Session) -> None:
    ((account, clients),) = accounts(session, "eu-west-1", [], "", [])
    assert account == "123456789012"
    assert clients("secretsmanager", "eu-west-1").list_secrets()["SecretList"] == []
    assert clients.calls == {"secretsmanager:ListSecrets": 1}


def test_a_role_is_taken_in_its_account(session: botocore.session.Session) -> None:
    """What is asked there is charged to that account's own quota (CloudTrail and Secrets Manager, "Quotas")."""
    lost: list[Sight] = []
    ((account, clients),) = accounts(session, "eu-west-1", [ROLE], "outside", lost)
    assert account == "210987654321"
    sts = clients("sts", "eu-west-1").get_caller_identity()
    assert sts["Arn"].endswith(":assumed-role/secrets-audit/secrets-audit")
    assert lost == []


def test_a_role_that_cannot_be_taken_is_a_blind_spot(
    session: botocore.session.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = session.create_client("sts", region_name="eu-west-1")
    stubber = Stubber(client)
    expected = {"RoleArn": ROLE, "RoleSessionName": sessions.NAME}
    stubber.add_client_error("assume_role", "AccessDenied", expected_params=expected)
    monkeypatch.setattr(session, "create_client", lambda *_, **__: client)
    lost: list[Sight] = []
    with stubber:
        assert list(accounts(session, "eu-west-1", [ROLE], "", lost)) == []
    ((spot,),) = (sight.blind.values() for sight in lost)
    assert (spot.account, spot.area, spot.what) == ("210987654321", "secrets", ROLE)
    assert (spot.reason, spot.advice) == ("AccessDenied", "allow sts:AssumeRole to whoever runs the audit")
