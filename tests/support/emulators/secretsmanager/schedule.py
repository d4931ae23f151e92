"""RotationRules: what is accepted, and when the next rotation is due (user guide, Schedule expressions)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager.errors import invalid_parameter

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.model import Request

RATE = re.compile(r"rate\((\d+) (hours?|days?)\)")
CRON = re.compile(r"cron\(0 (\S+) (\S+) (\S+) (\S+) \*\)")
SHORTEST_HOURS = 4
SEARCHED_DAYS = 800
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def check_rules(rules: Request) -> None:
    """Refuse a schedule that the service refuses.

    API reference, RotationRulesType: AutomaticallyAfterDays or ScheduleExpression, "but not both".
    User guide, Schedule expressions: a rate of at least four hours; in cron the minutes are 0 and the
    year is `*`.
    """
    expression = rules.get("ScheduleExpression")
    if expression is None:
        return
    if "AutomaticallyAfterDays" in rules:
        message = "You can't specify both AutomaticallyAfterDays and ScheduleExpression."
        raise invalid_parameter(message)
    rate = RATE.fullmatch(expression)
    if rate is None and CRON.fullmatch(expression) is None:
        message = "The ScheduleExpression is not valid."
        raise invalid_parameter(message)
    if rate is not None and _interval(rate) < timedelta(hours=SHORTEST_HOURS):
        message = f"The rotation rate must be at least {SHORTEST_HOURS} hours."
        raise invalid_parameter(message)


def next_rotation(rules: Request, last: datetime) -> datetime | None:
    """Return the moment by which the next rotation is due after one at `last`."""
    if "AutomaticallyAfterDays" in rules:
        # Without a Duration the window of a schedule in days closes at the end of the UTC day.
        return _end_of_day(last + timedelta(days=rules["AutomaticallyAfterDays"]))
    expression = rules.get("ScheduleExpression", "")
    if rate := RATE.fullmatch(expression):
        due = last + _interval(rate)
        return due + timedelta(hours=1) if rate[2].startswith("hour") else _end_of_day(due)
    cron = CRON.fullmatch(expression)
    return None if cron is None else _next_cron(cron.groups(), last)


def _interval(rate: re.Match[str]) -> timedelta:
    count = int(rate[1])
    return timedelta(hours=count) if rate[2].startswith("hour") else timedelta(days=count)


def _end_of_day(moment: datetime) -> datetime:
    return moment.replace(hour=23, minute=59, second=59, microsecond=0)


def _next_cron(fields: tuple[str, ...], last: datetime) -> datetime | None:
    """Search the days to come; None for what this does not know (L, W, #)."""
    hours, days, months, weekdays = fields
    try:
        for ahead in range(SEARCHED_DAYS):
            day = last.replace(minute=0, second=0, microsecond=0) + timedelta(days=ahead)
            weekday = (day.weekday() + 1) % 7 + 1
            if not (
                _matches(days, day.day, 1)
                and _matches(months, day.month, 1, MONTHS)
                and _matches(weekdays, weekday, 1, WEEKDAYS)
            ):
                continue
            for hour in range(24):
                due = day.replace(hour=hour)
                if due > last and _matches(hours, hour, 0):
                    return due
    except ValueError:
        return None
    return None


def _matches(field: str, value: int, lowest: int, names: tuple[str, ...] = ()) -> bool:
    """Match one field, whose steps count from its lowest value: `*`, `?`, numbers or names, ranges, lists, steps."""
    return any(_part_matches(part, value, lowest, names) for part in field.split(","))


def _part_matches(part: str, value: int, lowest: int, names: tuple[str, ...]) -> bool:
    span, _, step = part.partition("/")
    if span in {"*", "?"}:
        return not step or (value - lowest) % int(step) == 0
    first, _, last = span.partition("-")
    low = _number(first, names)
    high = _number(last, names) if last else (value if step else low)
    return low <= value <= high and (value - low) % int(step or 1) == 0


def _number(text: str, names: tuple[str, ...]) -> int:
    return names.index(text.upper()) + 1 if text.upper() in names else int(text)
