"""Parameters that follow secrets, in an account: found by their description, and told apart from other parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.collecting.mirrors import secret_in
from tests.support.audited.account import HERE, OURS
from tests.support.audited.running import audited, by_name
from tests.support.audited.things import ARN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.audited.account import Account


def put(account: Account, name: str, says: str, days: float, kind: str = "SecureString") -> None:
    account.at(days=days)
    store = account.parameters[HERE]
    store.execute("PutParameter", {"Name": name, "Value": "one", "Type": kind, "Description": says})


def test_mirrors_of_an_account(account: Account, tmp_path: Path) -> None:
    """One that follows is in order, however old it is; what names no secret is judged as any parameter is."""
    account.secret("shop", KmsKeyId=account.add_key())
    account.rotate("shop", OURS, days=100)
    secret = account.known("shop").arn
    put(account, "/mirrors/follows", f"follows {secret}", days=99)
    put(account, "/mirrors/behind", secret, days=101)
    put(account, "/mirrors/plain", secret, days=99, kind="String")
    put(account, "/mirrors/orphan", secret.replace("shop", "gone"), days=99)
    put(account, "/shop/db/password", "the shop's", days=100)
    put(account, "/shop/color", "the shop's", days=100)
    account.at()
    found = by_name(audited(account, tmp_path))
    assert {name: rules for name, rules in found.items() if name.startswith("/")} == {
        "/mirrors/follows": {"mirror-weaker-key"},
        "/mirrors/behind": {"mirror-behind", "mirror-weaker-key"},
        "/mirrors/plain": {"mirror-clear-text"},
        "/mirrors/orphan": {"mirror-orphan"},
        "/shop/db/password": {"parameter-credential"},
    }


def test_what_cannot_be_described_is_a_blind_spot(account: Account, tmp_path: Path) -> None:
    """And a secret of another Region is none that a function here could write."""
    account.secret("shop", days=1)
    secret = account.known("shop").arn
    put(account, "/mirrors/unseen", secret, days=1)
    put(account, "/mirrors/elsewhere", secret.replace(HERE, "ap-southeast-2"), days=1)
    account.at()
    account.secrets.at[HERE].faults.fail("DescribeSecret", error="AccessDeniedException", times=9)
    found = by_name(audited(account, tmp_path))
    assert "/mirrors/unseen" not in found
    assert "/mirrors/elsewhere" not in found
    assert any(name.startswith("replicas") for name in found)


def test_the_secret_that_a_description_names() -> None:
    assert secret_in(f"follows {ARN}, and more") is None
    assert secret_in(f"follows {ARN} and more") == ARN
