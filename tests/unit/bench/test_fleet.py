from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import fleet
from tests.bench.fleet import Fleet, Rotation, Throttle
from tests.support.emulators.wire.errors import ServiceError

ROOT = Path(__file__).resolve().parents[3]
CALLS = {"DescribeSecret": 1, "GetSecretValue": 6, "PutSecretValue": 1, "UpdateSecretVersionStage": 1}
ROTATION = Rotation(CALLS, seconds=4.0, logins=3)


def test_two_writes_of_a_rotation_share_fifty_a_second() -> None:
    assert Fleet(1_000, ROTATION).first == "writes"
    assert Fleet(1_000, ROTATION).seconds == 1_000 / 25 + 4


@pytest.mark.parametrize(
    ("limit", "change"),
    [
        ("Lambda's concurrency", {"concurrency": 10}),
        ("logins of the servers", {"servers": 1}),
        ("DescribeSecret", {"replicas": 3_000}),
    ],
)
def test_what_is_scarcest_throttles_first(limit: str, change: dict[str, int]) -> None:
    assert Fleet(1_000, ROTATION, **change).first == limit  # type: ignore[arg-type]


def test_each_account_has_quotas_of_its_own() -> None:
    assert Fleet(1_000, ROTATION, accounts=4).rates()["writes"] == 100


def test_more_secrets_than_a_region_holds_need_more_accounts() -> None:
    assert "2 accounts" in Fleet(1_000_000, ROTATION).advice()
    *_, last = fleet.lines(ROTATION)
    assert last.split()[:2] == ["1,000,000", "2"]


def test_the_secrets_themselves_are_nearly_all_of_a_month() -> None:
    cost = Fleet(40, ROTATION).cost(every=7)
    assert cost["secrets"] == 16
    assert sum(cost.values()) - cost["secrets"] - cost["watch"] < 0.04


def test_watching_costs_each_account_the_same_however_many_secrets_it_has() -> None:
    """16 metrics of alarms, one alarm for all, a key, and ten metrics of the functions'."""
    assert Fleet(40, ROTATION).cost(every=7)["watch"] == pytest.approx(1.60 + 0.50 + 1.00 + 3.00)
    assert Fleet(1_000_000, ROTATION, accounts=4).cost(every=30)["watch"] == pytest.approx(4 * 6.10)
    first, *_, last = list(fleet.lines(ROTATION))[1:]
    assert " 6.10 " in first
    assert " 12.20 " in last


def test_the_guide_names_what_the_watch_is_reckoned_with() -> None:
    guide = (ROOT / "docs/monitoring.md").read_text("utf-8").partition("## What it costs")[2]
    row = f"| a metric of an alarm | {fleet.ALARM:.2f} | {fleet.ALARMS_OF_A_FUNCTION} with one function"
    assert row in guide
    assert f"{fleet.ALARMS_OF_AN_ENGINE} more for each engine" in guide
    assert f"| the alarm that tells for all | {fleet.ALL_ALARMS:.2f} |" in guide
    assert f"| the key of the topic | {fleet.KEY:.2f} |" in guide


def test_a_throttle_lets_a_seconds_worth_through_and_then_its_rate() -> None:
    now = 0.0
    throttle = Throttle(2, ("PutSecretValue",), lambda: now)
    let_in = 0
    for moment in (0.0, 0.0, 0.0, 0.5, 0.5):
        now = moment
        try:
            throttle(1, "PutSecretValue", "before")
        except ServiceError:
            continue
        let_in += 1
    assert (let_in, throttle.refused) == (3, 2)
    throttle(1, "GetSecretValue", "before")
    throttle(1, "PutSecretValue", "after")
