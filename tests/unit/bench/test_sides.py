from __future__ import annotations

import time
from typing import Any

import pytest

from tests.bench import stages, table
from tests.bench.sides import process, side


def test_ratios_are_of_pairs_so_that_a_busy_moment_strikes_both_sides() -> None:
    assert stages.ratio([1.0, 10.0, 3.0], [2.0, 20.0, 3.0]) == 0.5
    assert stages.ratio([0.0], [0.0]) == 1.0


def test_the_95th_percentile_of_few_values_is_the_highest() -> None:
    assert stages.p95([3.0, 1.0, 2.0]) == 3.0
    assert stages.p95([float(it) for it in range(100)]) == 95.0


def test_what_is_neither_the_services_nor_the_databases_is_the_functions_own() -> None:
    assert stages.own({"wall": 10.0, "aws": 6.0, "database": 3.0})["own"] == pytest.approx(1.0)


def test_a_call_within_a_call_is_counted_once() -> None:
    clock = process.Clock()
    inner = clock.around(lambda: time.sleep(0.01))
    clock.around(inner)()
    seconds, calls = clock.take()
    assert calls == 1
    assert seconds >= 0.01
    assert clock.take() == (0.0, 0)


def test_the_failure_of_a_function_is_told_with_what_it_took() -> None:
    def handler(_event: object, _context: object) -> None:
        raise ValueError("no")

    told = process.invoked(handler, {})
    assert told["error"] == "ValueError: no"
    assert told["wall"] >= 0


def test_the_table_shows_both_sides_and_the_ratio_of_each_part() -> None:
    part = {"median": 1.0, "p95": 2.0}
    times = {
        **dict.fromkeys(("wall", "aws", "database", "own", "processor"), part),
        "billed": {"median": 300.0, "p95": 310.0},
    }
    seen = {"logins": 9, "rejected": 1, "window": 4.0}
    whose = {
        "calls": {"GetSecretValue": 6},
        "logins": {"accepted": 3, "refused": 0},
        "statements": 9,
        "bytes": 1234,
        "peak": 50.0,
        "clients": {"fresh": seen},
    }
    case: dict[str, Any] = {
        "engine": "mysql",
        "strategy": "single-user",
        "server": "MySQL 9.7",
        "ours": whose,
        "peer": whose,
        "times": {"15": {"ours": times, "peer": times, "ratios": dict.fromkeys(times, 0.5)}},
    }
    start = {"ours": 150.0, "peer": 160.0, "ratio": 0.94, "bytes": {"function": 1_000_000, "layer": 2_000_000}}
    drawn = table.drawn({"run": {"date": "2026-01-02"}, "cases": [case], "starts": {"mysql": start}})
    assert "wall, 15 ms a call" in drawn
    assert "0.50" in drawn
    assert "1 of 9, 4 ms" in drawn
    assert "0.940" in drawn
    assert "GB-seconds, 15 ms a call 0.075 0.075 0.50" in " ".join(drawn.split())
    alone = {**case, "times": {"15": {"ours": times}}}
    del alone["peer"]
    assert "0.50" not in table.drawn({"run": {"date": "2026-01-02"}, "cases": [alone], "starts": {}})


def test_each_invocation_is_billed_by_whole_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    one = side.Side(None, None, "function")  # type: ignore[arg-type]  # neither is asked
    one.told = [dict.fromkeys(side.PARTS, 10.2), dict.fromkeys(side.PARTS, 7.0)]
    monkeypatch.setattr(side.Side, "rotate", lambda _: None)
    assert one.measured()["billed"] == 18
