"""Schedules: days, rates and cron expressions, and the windows that close after them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from audit.schedule import Schedule, firings

JANUARY = dt.datetime(2026, 12, 31, 23, tzinfo=dt.UTC)


def days(schedule: Schedule | None) -> tuple[float, float]:
    assert schedule
    assert schedule.shortest is not None
    assert schedule.longest is not None
    return schedule.shortest / dt.timedelta(days=1), schedule.longest / dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("rules", "shortest", "longest", "window"),
    [
        ({"AutomaticallyAfterDays": 30}, 30, 30, 24),
        ({"AutomaticallyAfterDays": 30, "Duration": "3h"}, 30, 30, 3),
        ({"ScheduleExpression": "rate(10 days)"}, 10, 10, 24),
        ({"ScheduleExpression": "rate(12 hours)"}, 0.5, 0.5, 1),
        ({"ScheduleExpression": "rate(1 day)", "Duration": "2h"}, 1, 1, 2),
        ({"ScheduleExpression": "cron(0 8 * * ? *)"}, 1, 1, 24),
        ({"ScheduleExpression": "cron(0 /4 * * ? *)"}, 4 / 24, 4 / 24, 1),
        ({"ScheduleExpression": "cron(0 0/8 ? * MON-FRI *)"}, 8 / 24, 56 / 24, 1),
        ({"ScheduleExpression": "cron(0 8 1 * ? *)"}, 28, 31, 24),
        ({"ScheduleExpression": "cron(0 8 L * ? *)"}, 28, 31, 24),
        ({"ScheduleExpression": "cron(0 8 ? * SUN#1 *)"}, 28, 35, 24),
        ({"ScheduleExpression": "cron(0 8 ? * FRIL *)"}, 28, 35, 24),
        ({"ScheduleExpression": "cron(0 8 1 1,7 ? *)"}, 181, 184, 24),
        ({"ScheduleExpression": "cron(0 16 15W * ? *)"}, 28, 32, 24),
        ({"ScheduleExpression": "cron(0 8 1 JAN/3 ? *)"}, 90, 92, 24),
        ({"ScheduleExpression": "cron(0 22 ? * SAT-SUN *)"}, 1, 6, 24),
    ],
)
def test_a_schedule_is_read(rules: dict[str, Any], shortest: float, longest: float, window: float) -> None:
    schedule = Schedule.of(rules)
    assert schedule
    assert days(schedule) == (shortest, longest)
    assert schedule.window == dt.timedelta(hours=window)


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 8 30 2 ? *)",  # there is no such day
        "cron(0 25 * * ? *)",
        "cron(0 8 * * MUN *)",
        "cron(5 8 * * ? *)",  # minutes are 0
        "cron(0 8 * * ? 2027)",  # the year is *
        "cron(0 8 ? * 9#1 *)",
        "every month",
    ],
)
def test_what_never_fires_or_is_no_schedule_has_no_interval(expression: str) -> None:
    schedule = Schedule.of({"ScheduleExpression": expression})
    assert schedule
    assert schedule.longest is None


def test_without_rules_there_is_no_schedule() -> None:
    assert Schedule.of({}) is None
    assert Schedule.of({"AutomaticallyAfterDays": None}) is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 8 LW 1 ? *)", [29]),  # the 31st is a Sunday
        ("cron(0 8 2W 1 ? *)", [1]),  # the 2nd is a Saturday
        ("cron(0 8 3W 1 ? *)", [4]),  # the 3rd is a Sunday
        ("cron(0 8 31W 1 ? *)", [29]),
        ("cron(0 8 ? 1 SAT#5 *)", [30]),
        ("cron(0 8 ? 1 L *)", [2, 9, 16, 23, 30]),
        ("cron(0 8 ? 1 7 *)", [2, 9, 16, 23, 30]),
        ("cron(0 8 5,10-12 1 ? *)", [5, 10, 11, 12]),
    ],
)
def test_days_are_those_of_the_calendar(expression: str, expected: list[int]) -> None:
    """January 2027 begins on a Friday."""
    found = firings(expression, JANUARY, JANUARY + dt.timedelta(days=31))
    assert [it.day for it in found] == expected


def test_a_firing_lies_between_the_moments() -> None:
    first = dt.datetime(2027, 1, 1, 8, tzinfo=dt.UTC)
    found = list(firings("cron(0 8,20 * * ? *)", first, first + dt.timedelta(days=1)))
    assert found == [first + dt.timedelta(hours=12), first + dt.timedelta(days=1)]
