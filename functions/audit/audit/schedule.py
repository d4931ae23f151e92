"""
When a secret rotates: days, rates and cron expressions, each with its window.

Secrets Manager user guide, "Schedule expressions in Secrets Manager rotation". Minutes are 0 and the year is ``*``;
times are UTC. Without a Duration the window of a schedule in hours closes after one hour, and that of a schedule in
days at the end of the UTC day.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_RATE: Final = re.compile(r"rate\(\s*(\d+)\s+(hours?|days?)\s*\)")
_CRON: Final = re.compile(r"cron\(\s*0\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+\*\s*\)")
_DURATION: Final = re.compile(r"(\d{1,2})h")
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SEARCHED: Final = 2 * 366
"""Days of a cron expression that are looked at: what does not fire in two years is held to fire never."""
_START: Final = datetime(2027, 1, 1, tzinfo=UTC)
"""Any day will do; with the two years after it, a leap day is among them."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A secret's RotationRules, as the service understands them."""

    text: str
    longest: timedelta | None
    """The longest time between two rotations; None where there never is one, or where it cannot be read."""
    shortest: timedelta | None
    window: timedelta
    cron: bool = False

    @classmethod
    def of(cls, rules: Mapping[str, object]) -> Schedule | None:
        """Read RotationRules; None where there are none."""
        expression, days = str(rules.get("ScheduleExpression") or ""), rules.get("AutomaticallyAfterDays")
        given = _duration(str(rules.get("Duration") or ""))
        if expression:
            return _expressed(expression, given)
        if not isinstance(days, int):
            return None
        every = timedelta(days=days)
        return cls(f"every {days} days", every, every, given or timedelta(days=1))


def _duration(text: str) -> timedelta | None:
    found = _DURATION.fullmatch(text)
    return timedelta(hours=int(found[1])) if found else None


def _expressed(expression: str, given: timedelta | None) -> Schedule:
    if rate := _RATE.fullmatch(expression):
        hours = rate[2].startswith("hour")
        every = timedelta(hours=int(rate[1])) if hours else timedelta(days=int(rate[1]))
        return Schedule(expression, every, every, given or timedelta(hours=1 if hours else 24))
    gaps = _gaps(expression)
    window = given or (timedelta(hours=1) if gaps and gaps[0] < timedelta(days=1) else timedelta(days=1))
    return Schedule(expression, gaps[1] if gaps else None, gaps[0] if gaps else None, window, cron=True)


@cache
def _gaps(expression: str) -> tuple[timedelta, timedelta] | None:
    """Return the shortest and the longest time between two firings; None where there are no two."""
    times = list(firings(expression, _START, _START + timedelta(days=_SEARCHED)))
    gaps = [after - before for before, after in pairwise(times)]
    return (min(gaps), max(gaps)) if gaps else None


def firings(expression: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield when a cron expression fires between two moments; nothing for what is no such expression."""
    found = _CRON.fullmatch(expression)
    try:
        fields = _fields(*found.groups()) if found else None
    except ValueError:
        fields = None
    if fields is None:
        return
    hours, fires = fields
    day = after.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < until:
        if fires(day):
            yield from (it for hour in hours if after < (it := day.replace(hour=hour)) <= until)
        day += timedelta(days=1)


def _fields(hours: str, days: str, months: str, weekdays: str) -> tuple[list[int], Callable[[datetime], bool]]:
    """Read the four fields that may differ. Raises ValueError for what the service does not know either."""
    chosen_hours = sorted(_values(hours, 0, 23))
    chosen_months = _values(months, 1, 12, _MONTHS)
    by_day, by_weekday = _day_rule(days), _weekday_rule(weekdays)

    def fires(day: datetime) -> bool:
        return day.month in chosen_months and by_day(day) and by_weekday(day)

    return chosen_hours, fires


def _values(field: str, lowest: int, highest: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    """Return the numbers of a field: ``*``, ``?``, numbers or names, ranges, lists, steps."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span in {"", "*", "?"}:
            first, last = lowest, highest
        else:
            begin, _, end = span.partition("-")
            first = _number(begin, names)
            last = _number(end, names) if end else (highest if step else first)
        if not lowest <= first <= highest or not lowest <= last <= highest:
            raise ValueError(part)
        every = range(first, last + 1) if first <= last else [*range(first, highest + 1), *range(lowest, last + 1)]
        found.update(list(every)[:: int(step or 1)])
    return frozenset(found)


def _number(text: str, names: tuple[str, ...]) -> int:
    return names.index(text.upper()) + 1 if text.upper() in names else int(text)


def _day_rule(field: str) -> Callable[[datetime], bool]:
    """Return what decides by the day of the month: ``L``, ``LW``, ``15W``, or numbers."""
    if field.upper() in {"L", "LW"}:
        return lambda day: day.day == _last(day, working=field.upper() == "LW")
    if near := re.fullmatch(r"(\d{1,2})W", field, re.IGNORECASE):
        wanted = int(near[1])
        return lambda day: day.day == _nearest_working(day, wanted)
    days = _values(field, 1, 31)
    return lambda day: day.day in days


def _weekday_rule(field: str) -> Callable[[datetime], bool]:
    """Return what decides by the day of the week: ``FRIL``, ``TUE#3``, or numbers from 1 for Sunday."""
    if last := re.fullmatch(r"(\w{1,3})L", field, re.IGNORECASE):
        wanted = _weekday(last[1])
        return lambda day: _weekday_of(day) == wanted and day.day > _length(day) - 7
    if nth := re.fullmatch(r"(\w{1,3})#([1-5])", field):
        wanted, place = _weekday(nth[1]), int(nth[2])
        return lambda day: _weekday_of(day) == wanted and (day.day - 1) // 7 + 1 == place
    weekdays = frozenset({7}) if field.upper() == "L" else _values(field, 1, 7, _WEEKDAYS)
    return lambda day: _weekday_of(day) in weekdays


def _weekday(text: str) -> int:
    number = _number(text, _WEEKDAYS)
    if not 1 <= number <= len(_WEEKDAYS):
        raise ValueError(text)
    return number


def _weekday_of(day: datetime) -> int:
    return (day.weekday() + 1) % 7 + 1


def _length(day: datetime) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _last(day: datetime, *, working: bool) -> int:
    last = day.replace(day=_length(day))
    return last.day - max(0, last.weekday() - 4) if working else last.day


def _nearest_working(day: datetime, wanted: int) -> int:
    """Return the working day that is nearest, within the month."""
    if wanted > _length(day):
        return 0
    target = day.replace(day=wanted)
    if target.weekday() == 5:  # noqa: PLR2004 Saturday
        return wanted - 1 if wanted > 1 else wanted + 2
    if target.weekday() == 6:  # noqa: PLR2004 Sunday
        return wanted + 1 if wanted < _length(day) else wanted - 2
    return wanted
