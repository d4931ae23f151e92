"""Who read what, against a list of who may: off by default, by event history, and every way to name a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from audit.calls import PERMISSIONS
from audit.collecting.reads import readers
from audit.model import Severity
from tests.support.audited.account import ACCOUNT, HERE, OTHER, OURS
from tests.support.audited.running import audited, by_name

if TYPE_CHECKING:
    from pathlib import Path

    from audit.run import Audit
    from tests.support.audited.account import Account

ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/app"
SESSION: Final = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/i-0abc"
APP: Final = {"type": "AssumedRole", "arn": SESSION, "sessionContext": {"sessionIssuer": {"arn": ROLE}}}
ADA: Final = {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/ada"}
ABROAD: Final = {"type": "AWSAccount", "principalId": "AROAABCDEFGHIJKLMNOP1:bob", "accountId": OTHER}
SERVICE: Final = {"type": "AWSService", "invokedBy": "backup.amazonaws.com"}
RULE: Final = "read-by-others"


@pytest.fixture(autouse=True)
def _one_secret(account: Account) -> None:
    account.secret("db")
    account.rotate("db", OURS, days=10)
    account.at()


def looked(account: Account, folder: Path, *allowed: str, **settings: Any) -> Audit:  # noqa: ANN401 as Settings has them
    return audited(account, folder, readers=allowed or (ROLE,), **settings)


def told(audit: Audit) -> list[str]:
    return [row["evidence"] for row in audit.memory.findings("new", "open") if row["rule"] == RULE]


def test_nothing_is_asked_for_without_a_list(account: Account, tmp_path: Path) -> None:
    account.read_by("db", ADA)
    assert by_name(audited(account, tmp_path)) == {}
    asked = [request for name, request in account.trails[HERE].backend.asked if name == "LookupEvents"]
    assert "GetSecretValue" not in str(asked)


@pytest.mark.parametrize(("who", "shown"), [
    (ADA, ADA["arn"]), (ABROAD, ABROAD["principalId"]), (SERVICE, SERVICE["invokedBy"]), ({}, "somebody unnamed"),
    ({**APP, "sessionContext": {}}, SESSION),
])  # fmt: skip
def test_a_reader_who_is_not_on_the_list_is_named(
    account: Account, tmp_path: Path, who: dict[str, Any], shown: str
) -> None:
    account.read_by("db", who)
    (evidence,) = told(looked(account, tmp_path))
    assert f"{shown} (last on {account.at(days=1):%Y-%m-%d}" in evidence


@pytest.mark.parametrize("allowed", [ROLE, SESSION])
def test_the_list_may_name_a_role_or_one_of_its_sessions(account: Account, tmp_path: Path, allowed: str) -> None:
    """As WatchReaders of the rotation stack may: both read the same list."""
    account.read_by("db", APP)
    assert told(looked(account, tmp_path, allowed)) == []


def test_what_only_looks_like_another_reader_is_none(account: Account, tmp_path: Path) -> None:
    """A rotation reads its secret and its admin's; a refusal read nothing; the audit's own read is none."""
    account.secret("admin", read=1)
    (function,) = account.clients()("lambda", HERE).list_functions()["Functions"]
    rotation = {**APP, "sessionContext": {"sessionIssuer": {"arn": function["Role"]}}}
    account.read_by("admin", rotation)
    account.read_by("db", rotation)
    account.read_by("db", ADA, error="AccessDeniedException")
    account.read_by("db", ADA, days=8)
    account.read_by("another-db", ADA)
    clients = account.clients()
    clients.caller = SESSION
    account.read_by("db", APP)
    account.at()
    assert told(looked(account, tmp_path, ADA["arn"] + "x", clients=clients)) == []


@pytest.mark.parametrize("name", ["by ARN", "by an ARN without its end", "by name"])
def test_a_secret_is_known_however_its_reader_names_it(account: Account, tmp_path: Path, name: str) -> None:
    arn = account.known("db").arn
    account.read_by({"by ARN": arn, "by name": "db"}.get(name, arn[:-7]), ADA)
    assert len(told(looked(account, tmp_path))) == 1


def test_it_is_told_once_and_closes_itself(account: Account, tmp_path: Path) -> None:
    """The next run reads on from the last one; a week without such a read, and nothing is left of it."""
    account.read_by("db", ADA)
    audit = looked(account, tmp_path)
    (row,) = audit.memory.findings("new")
    assert (row["rule"], row["severity"]) == (RULE, Severity.MEDIUM)
    (secret,) = audit.memory.secrets()
    assert secret["worst"] == Severity.MEDIUM
    audit.memory.close()
    account.clock.advance(days=1)
    again = looked(account, tmp_path)
    assert by_name(again, "open") == {"db": {RULE}}
    again.memory.close()
    account.clock.advance(days=6)
    assert by_name(looked(account, tmp_path), "resolved") == {"db": {RULE}}


def test_an_exception_holds_for_it_too(account: Account, tmp_path: Path) -> None:
    account.secret("open", Tags=[{"Key": f"audit:accept/{RULE}", "Value": "until=2099-01-01 by=a why=b"}])
    account.read_by("open", ADA)
    account.at()
    audit = looked(account, tmp_path)
    assert RULE in by_name(audit, "accepted")["open"]
    assert {row["name"]: row["worst"] for row in audit.memory.secrets()}["open"] == Severity.MEDIUM  # it rotates never


@pytest.mark.parametrize("how", ["pages", "time", "denied"])
def test_what_was_not_read_of_it_is_a_blind_spot(account: Account, tmp_path: Path, how: str) -> None:
    for _ in range(120):
        account.read_by("db", ADA)
    if how == "denied":
        account.trails[HERE].backend.denied.add("LookupEvents")
    settings: dict[str, Any] = {"time": {"ends_in": 0}}.get(how, {"reads_pages": 1})
    audit = looked(account, tmp_path, **settings)
    spots = {row["name"]: row["remedy"] for row in audit.memory.findings() if row["rule"] == "blind-spot"}
    wanted = f"allow {PERMISSIONS['events'][0]} to whoever runs the audit"
    assert spots["reads"] == wanted if how == "denied" else "WatchReaders" in spots["reads"]
    assert bool(told(audit)) is (how == "pages")


def test_who_a_caller_is() -> None:
    assert readers(APP) == (ROLE, SESSION)
    assert readers(ADA) == (ADA["arn"], ADA["arn"])
