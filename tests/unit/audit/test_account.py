"""The audit of an account: every fault is found, nothing else is, and what it cost."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest import mock

import botocore.session
import pytest
from botocore.exceptions import ClientError

from audit.calls import CONFIG, PERMISSIONS, Clients, Sight
from audit.memory import Memory
from audit.model import Severity
from audit.rules import worst_without
from tests.support.audited.account import ACCOUNT, Account
from tests.support.audited.faulty import AROUND, EXPECTED
from tests.support.audited.running import audited, by_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from audit.run import Audit


@pytest.fixture(scope="module")
def audit(faulty: Account, tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return audited(faulty, tmp_path_factory.mktemp("audit"))


def test_each_fault_is_found_and_nothing_else(audit: Audit) -> None:
    """Secret by secret, rule by rule: what only looks wrong is left alone."""
    found = by_name(audit)
    expected = {**EXPECTED, **AROUND}
    wrong = {
        name: (found.get(name, set()), rules) for name, rules in expected.items() if found.get(name, set()) != rules
    }
    assert wrong == {}


def test_keys_are_judged_once_and_by_their_own_name(audit: Audit) -> None:
    """However many secrets are under one."""
    found = [(row["rule"], row["kind"]) for row in audit.memory.findings() if row["rule"].startswith("key-")]
    assert found == [("key-at-risk", "key"), ("key-not-rotating", "key")]


def test_the_cause_is_our_functions_word_else_the_services(audit: Audit) -> None:
    causes = {row["name"]: row["cause"] for row in audit.memory.findings() if row["rule"] == "pending-stuck"}
    assert causes["stuck"].startswith("AuthenticationFailed in testSecret")
    assert "pg_hba.conf lets app in" in causes["stuck"]
    assert causes["failing"].startswith("RotationFailed")
    assert "setSecret" in causes["failing"]


def test_an_exception_leaves_its_finding_and_no_other(audit: Audit) -> None:
    assert by_name(audit, "accepted") == {"accepted": {"unused"}}
    assert by_name(audit, "new")["accepted"] == {"rotation-never"}
    assert "unused" in by_name(audit, "new")["expired"]


def test_little_is_asked_beside_the_list(audit: Audit, faulty: Account) -> None:
    """No value is read, each function and key is asked for once, and versions only where a rule needs them."""
    calls = audit.totals.calls
    here = sum(secret.primary_region == "" and secret.deletion is None for secret in faulty.here.state.secrets.values())
    assert not [call for call in calls if "Value" in call or call.split(":")[1].startswith(("Put", "Update", "Tag"))]
    assert calls["secretsmanager:ListSecrets"] == 2
    assert calls["secretsmanager:GetResourcePolicy"] == here
    assert calls["secretsmanager:ListSecretVersionIds"] < here
    assert (
        calls["lambda:GetFunctionConfiguration"]
        == len(
            {
                it.rotation.lambda_arn
                for it in faulty.here.state.secrets.values()
                if it.rotation.enabled and it.rotation.lambda_arn
            }
        )
        - 1
    )  # the one that is in another Region is not asked there
    assert calls["kms:DescribeKey"] == 2
    assert calls["cloudtrail:LookupEvents"] == 2 * 3


def test_the_next_run_asks_for_nothing_that_has_not_changed(faulty: Account, tmp_path: Path) -> None:
    """Neither does it tell anything anew."""
    audited(faulty, tmp_path).memory.close()
    again = audited(faulty, tmp_path)
    assert again.totals.calls["secretsmanager:GetResourcePolicy"] == 0
    assert again.totals.calls["secretsmanager:ListSecretVersionIds"] == 5  # while one is pending it is asked again
    assert by_name(again, "new", "worse", "resolved") == {}


def test_a_remembered_policy_is_asked_for_again_in_time(tmp_path: Path) -> None:
    """Should a new policy ever leave the date of the last change alone, it is seen after a month at the latest."""
    with Account("eu-west-1") as account:
        account.secret("one")
        audited(account, tmp_path).memory.close()
        asked = []
        for _ in range(30):
            account.clock.advance(days=1)
            audit = audited(account, tmp_path)
            asked.append(audit.totals.calls["secretsmanager:GetResourcePolicy"])
            audit.memory.close()
        assert sum(asked) == 1


def test_what_is_put_right_is_resolved_and_told_once(tmp_path: Path) -> None:
    with Account("eu-west-1") as account:
        account.secret("never")
        first = audited(account, tmp_path)
        assert by_name(first, "new") == {"never": {"rotation-never"}, "eu-west-1": {"alarms-deaf"}}
        first.memory.close()
        account.rotate("never", account.add_function("secret-rotation-postgresql"), days=0)
        account.add_trail("eu-west-1")
        second = audited(account, tmp_path)
        assert by_name(second, "resolved") == {"never": {"rotation-never"}, "eu-west-1": {"alarms-deaf"}}
        second.memory.close()
        assert by_name(audited(account, tmp_path)) == {}


DENIALS = {
    "policies": "GetResourcePolicy",
    "versions": "ListSecretVersionIds",
    "replicas": "DescribeSecret",
    "secrets": "ListSecrets",
}


@pytest.mark.parametrize("area", DENIALS)
def test_what_was_not_seen_is_a_finding_and_resolves_nothing(faulty: Account, tmp_path: Path, area: str) -> None:
    """The permission to add is named, and what was found before is neither closed nor told as seen."""
    audited(faulty, tmp_path).memory.close()
    for emulator in faulty.secrets.at.values():
        emulator.faults.deny(DENIALS[area])
    try:
        with closing(Memory(tmp_path / "memory.sqlite")) as memory:
            for row in memory.select("select arn from secret"):
                memory.forget(row["arn"], "policy")
                memory.forget(row["arn"], "versions")
        blind = audited(faulty, tmp_path)
    finally:
        for emulator in faulty.secrets.at.values():
            emulator.faults.clear()
    spots = [row for row in blind.memory.findings("new") if row["rule"] == "blind-spot"]
    assert {row["remedy"] for row in spots} == {f"allow {' and '.join(PERMISSIONS[area])} to whoever runs the audit"}
    assert {Severity(row["severity"]) for row in spots} == {worst_without(area)}
    assert by_name(blind, "resolved") == {}


def test_trails_and_events_that_cannot_be_read_are_blind_spots(faulty: Account, tmp_path: Path) -> None:
    denied = faulty.trails["eu-west-1"].backend.denied
    denied |= {"LookupEvents", "DescribeTrails"}
    try:
        audit = audited(faulty, tmp_path)
    finally:
        denied.clear()
    found = by_name(audit)
    assert found["events"] == {"blind-spot"}
    assert found["trails"] == {"blind-spot"}
    assert "eu-west-1" not in found  # nobody knows whether the alarms are deaf


def test_a_budget_that_is_spent_leaves_the_rest_to_the_next_run(faulty: Account, tmp_path: Path) -> None:
    """Each run goes on where the last one ended, and says so until all is seen."""
    many = sum(it.deletion is None for it in faulty.here.state.secrets.values())
    first = audited(faulty, tmp_path, policies_per_second=1, ends_in=0)
    assert first.totals.calls["secretsmanager:GetResourcePolicy"] == 0
    assert "blind-spot" in by_name(first)["policies some secrets"]
    first.memory.close()
    second = audited(faulty, tmp_path)
    assert second.totals.calls["secretsmanager:GetResourcePolicy"] == many
    assert "policies some secrets" not in by_name(second)


def test_throttling_makes_it_slower_and_costs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the retries that it has on AWS: every page, every policy and every event is seen in the end."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _seconds: None)
    monkeypatch.setattr("botocore.retries.bucket.TokenBucket._sleep_amount", lambda *_: 0)
    with Account("eu-west-1") as account:
        for place in range(4):
            account.secret(f"s{place}")
        faults = account.here.faults
        faults.throttle("ListSecrets", 1)
        faults.throttle("GetResourcePolicy", 2)
        session: Any = botocore.session.get_session()
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        asked, emulated = account.clients(), account.here

        def make(service: str, region: str) -> Any:  # noqa: ANN401 botocore's
            if service != "secretsmanager":
                return asked(service, region)
            return session.create_client(service, region, endpoint_url=emulated.url, config=CONFIG, **keys)

        audit = audited(account, tmp_path, clients=Clients(session, make))
        assert audit.totals.secrets == 4
        assert {it.left for it in faults.armed} == {0}
        assert "blind-spot" not in set[str]().union(*by_name(audit).values())


def test_throttling_that_does_not_end_is_a_blind_spot(faulty: Account, tmp_path: Path) -> None:
    """The audit goes on with what can be seen."""
    faulty.here.faults.throttle("ListSecrets", -1)
    try:
        audit = audited(faulty, tmp_path)
    finally:
        faulty.here.faults.clear()
    spots = [row for row in audit.memory.findings("new") if row["rule"] == "blind-spot"]
    assert [(row["region"], row["remedy"]) for row in spots] == [("eu-west-1", "run the audit again")]
    assert "ThrottlingException" in spots[0]["evidence"]


def test_a_second_look_comes_before_anything_grave_that_time_may_have_settled(tmp_path: Path) -> None:
    """The list lags by minutes: what DescribeSecret shows as done is not told."""
    with Account("eu-west-1") as account:
        account.secret("late")
        function = account.add_function("secret-rotation-redshift")
        account.rotate("late", function, days=60)
        first = audited(account, tmp_path)
        assert "rotation-late" in by_name(first)["late"]
        first.memory.close()
        stale = account.clients()
        listed = stale("secretsmanager", "eu-west-1").list_secrets()
        account.rotate("late", function, days=0)
        with mock.patch.object(stale("secretsmanager", "eu-west-1"), "list_secrets", return_value=listed):
            audit = audited(account, tmp_path, clients=stale)
        assert by_name(audit, "resolved")["late"] == {"rotation-late"}
        assert audit.totals.looked_twice == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("UnrecognizedClientException", "enable the Region for the account, or leave it out"),
        ("AccessDeniedException", "allow secretsmanager:ListSecrets to whoever runs the audit"),
    ],
)
def test_a_region_in_which_nothing_is_answered_is_told_without_noise(
    faulty: Account, tmp_path: Path, code: str, advice: str
) -> None:
    """A Region that is not enabled is one blind spot, however much is asked there; it is no healthy one."""
    clients = faulty.clients()

    def refused(**_: object) -> Any:  # noqa: ANN401 botocore's own
        response = mock.Mock(status_code=400, headers={})
        return response, {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": 400}}

    asked = [clients(service, "eu-central-1") for service in ("secretsmanager", "cloudtrail", "ssm", "lambda")]
    for client in asked:
        client.meta.events.register("before-call", refused, unique_id="refused")
    try:
        audit = audited(faulty, tmp_path, clients=clients)
    finally:
        for client in asked:
            client.meta.events.unregister("before-call", unique_id="refused")
    spots = [row for row in audit.memory.findings() if (row["rule"], row["region"]) == ("blind-spot", "eu-central-1")]
    assert {row["remedy"] for row in spots} >= {advice}
    assert (len(spots) == 1) is (code != "AccessDeniedException")
    assert {row["region"] for row in audit.memory.findings()} == {"eu-west-1", "eu-central-1"}


@pytest.mark.parametrize("code", ["UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"])
def test_a_region_that_is_not_enabled_is_told_once_whatever_it_answers(code: str) -> None:
    """As Secrets Manager says it, as STS, and as EC2 (Common errors of their API references)."""
    sight = Sight(ACCOUNT, "af-south-1")
    for area in ("secrets", "events", "parameters"):
        sight.failed(area, ClientError({"Error": {"Code": code}}, "any"), "one")
    (spot,) = sight.blind.values()
    assert (spot.area, spot.advice) == ("secrets", "enable the Region for the account, or leave it out")


@pytest.mark.parametrize(
    "code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"]
)
def test_a_refusal_names_the_permission_however_a_service_calls_it(code: str) -> None:
    """As S3 says it, as most do, as EC2, and as SNS."""
    sight = Sight(ACCOUNT, "eu-west-1")
    sight.failed("versions", ClientError({"Error": {"Code": code}}, "any"), "one")
    (spot,) = sight.blind.values()
    assert spot.advice == "allow secretsmanager:ListSecretVersionIds to whoever runs the audit"


def listing(account: Account, answers: Callable[[Callable[..., Any], dict[str, Any]], Any]) -> Clients:
    """Put 150 secrets in, and return clients whose ListSecrets is played."""
    account.here.state.regions = None
    account.secret("first", days=40)
    (first,) = account.here.state.secrets.values()
    for place in range(1, 150):
        arn = first.arn.replace("first", f"s{place:05}")
        account.here.state.secrets[arn] = replace(first, arn=arn, name=f"s{place:05}")
    clients = account.clients()
    client = clients("secretsmanager", "eu-west-1")
    ask = client.list_secrets
    client.list_secrets = lambda **request: answers(ask, request)
    return clients


def test_a_list_whose_token_ended_begins_anew_and_judges_nothing_twice(tmp_path: Path) -> None:
    """An empty page is not the last one as long as it has a token."""
    played = iter(["first page", "empty page", "token ended"])

    def answers(ask: Callable[..., Any], request: dict[str, Any]) -> Any:  # noqa: ANN401 as botocore's
        now = next(played, "rest")
        if now == "empty page":
            return {"SecretList": [], "NextToken": request["NextToken"]}
        return ask(**({**request, "NextToken": "over"} if now == "token ended" else request))

    with Account("eu-west-1") as account:
        audit = audited(account, tmp_path, clients=listing(account, answers))
    assert next(played, "") == ""
    assert audit.totals.secrets == 150
    assert audit.totals.calls["secretsmanager:GetResourcePolicy"] == 150
    assert "blind-spot" not in set[str]().union(*by_name(audit).values())


def test_a_list_whose_token_ends_each_time_is_a_blind_spot_and_no_loop(tmp_path: Path) -> None:
    """What was listed stands; the rest is told as not seen."""
    asked = iter(range(4))

    def answers(ask: Callable[..., Any], request: dict[str, Any]) -> Any:  # noqa: ANN401 as botocore's
        next(asked)
        return ask(**({**request, "NextToken": "over"} if "NextToken" in request else request))

    with Account("eu-west-1") as account:
        audit = audited(account, tmp_path, clients=listing(account, answers))
    assert list(asked) == []
    assert audit.totals.secrets == 100
    (spot,) = (it for it in audit.memory.findings() if it["rule"] == "blind-spot")
    assert spot["name"] == "secrets after a part of the list"


def test_more_successes_than_the_calendar_shows_are_no_blind_spot(tmp_path: Path) -> None:
    """Thousands of secrets that rotate monthly make more events than one reads; failures are another matter."""
    with Account("eu-west-1") as account, mock.patch("audit.collecting.history._PAGES", 1):
        account.secret("one", days=2)
        for name, told in (("RotationSucceeded", False), ("RotationFailed", True)):
            for _ in range(51):
                account.here.journal.event(name, account.known("one"), "token", account.now)
            audit = audited(account, tmp_path)
            assert ("events RotationFailed" in by_name(audit)) is told
            assert "events RotationSucceeded" not in by_name(audit)
            audit.memory.close()


def test_more_lines_of_a_log_than_are_read_are_a_blind_spot(tmp_path: Path) -> None:
    """What was left out is the newest, which may hold the cause."""
    with Account("eu-west-1") as account:
        account.secret("one")
        account.rotate("one", account.add_function("secret-rotation-talkative"), days=2)
        clients = account.clients()
        clients("logs", "eu-west-1").filter_log_events = lambda **_: {"events": [], "nextToken": "more"}
        audit = audited(account, tmp_path, clients=clients)
    (spot,) = (it for it in audit.memory.findings() if it["name"].startswith("logs"))
    assert spot["name"] == "logs secret-rotation-talkative"


def test_a_region_that_is_no_longer_looked_at_is_not_called_healthy(tmp_path: Path) -> None:
    with Account("eu-west-1", "eu-central-1") as account:
        account.add_trail("eu-west-1")
        audited(account, tmp_path).memory.close()
        less = audited(account, tmp_path, regions=["eu-west-1"])
        assert by_name(less, "unseen") == {"eu-central-1": {"alarms-deaf"}}
        assert by_name(less, "resolved") == {}


@pytest.mark.parametrize("many", [120, 480])
def test_what_it_costs_grows_with_the_secrets_and_what_it_holds_does_not(tmp_path: Path, many: int) -> None:
    """A page is asked for when all secrets before it are judged and forgotten: no more than one page is ever held."""
    with Account("eu-west-1") as account:
        account.here.state.regions = None  # one Region, so that a call costs the emulator the same whatever it holds
        account.secret("first", days=40)
        (first,) = account.here.state.secrets.values()
        for place in range(1, many):
            arn = first.arn.replace("first", f"s{place:05}")
            account.here.state.secrets[arn] = replace(first, arn=arn, name=f"s{place:05}")
        clients, before = account.clients(), list[int]()
        client = clients("secretsmanager", "eu-west-1")
        ask = client.list_secrets

        audits: list[Audit] = []

        def asked(**request: Any) -> Any:  # noqa: ANN401 as botocore's
            before.append(audits[0].totals.secrets)
            return ask(**request)

        with mock.patch.object(client, "list_secrets", asked):
            audited(account, tmp_path, clients=clients, on_start=audits.append)
        calls = audits[0].totals.calls
        assert before == [page * 100 for page in range(-(-many // 100))]
        assert calls["secretsmanager:ListSecrets"] == len(before)
        assert calls["secretsmanager:GetResourcePolicy"] == many
        assert sum(calls.values()) == many + len(before) + 3 + 1 + 1  # events, trails, parameters
