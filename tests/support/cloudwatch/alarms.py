"""
Alarms as CloudWatch evaluates them.

CloudWatch user guide, "Using Amazon CloudWatch alarms": "Evaluating an alarm", "Configuring how CloudWatch alarms treat
missing data" (whose two tables a test plays) and "Create a composite alarm".
"""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any, Final

from tests.support.cloudwatch.expressions import queried

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.support.cloudwatch.metrics import Metrics

OK: Final = "OK"
ALARM: Final = "ALARM"
INSUFFICIENT: Final = "INSUFFICIENT_DATA"
MORE: Final = 2
"""Periods that are looked at beyond those that are asked for: 5 for 3, in the tables of the guide."""

_COMPARISONS: Final = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def judged(points: Sequence[bool | None], wanted: int, periods: int, missing: str, before: str) -> str:
    """
    Return the state for the periods of the evaluation range, oldest first: breaching, not breaching, or missing.

    As many real points as there are periods decide alone. With fewer, missing ones are filled in: as breaching, as not
    breaching, or not at all. Then only what is certain changes the state: a point within the threshold is OK. With
    points beyond it alone, too few of them keep the state; under "missing", the oldest one makes an alarm.
    """
    real = [it for it in points if it is not None]
    if len(real) >= periods:
        return ALARM if sum(real[-periods:]) >= wanted else OK
    breaching = sum(real)
    if missing in {"breaching", "notBreaching"}:
        filled = periods - len(real) if missing == "breaching" else 0
        return ALARM if breaching + filled >= wanted else OK
    if breaching >= wanted:
        return ALARM
    if not all(real):
        return OK
    if missing == "missing":
        return ALARM if points[0] else INSUFFICIENT
    return before


def state_of(alarm: Mapping[str, Any], metrics: Metrics, now: float, before: str = INSUFFICIENT) -> str:
    """Return the state of a metric alarm, by its properties, at a time; periods that have ended are looked at."""
    periods, wanted = alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    queries = _queries(alarm)
    (period,) = {it["MetricStat"]["Period"] if "MetricStat" in it else it["Period"] for it in queries if _timed(it)}
    # API reference, PutMetricAlarm: seven days, and one for alarms with a period of less than an hour.
    assert period * periods <= (604_800 if period >= 3600 else 86_400), "CloudWatch looks back no further"
    series = queried(queries, metrics)
    last = int(now // period) * period
    breaches = _COMPARISONS[alarm["ComparisonOperator"]]
    begins = range(last - (periods + MORE) * period, last, period)
    points = [breaches(series[at], float(alarm["Threshold"])) if at in series else None for at in begins]
    return judged(points, wanted, periods, alarm.get("TreatMissingData", "missing"), before)


def composite_state(rule: str, states: Mapping[str, str]) -> str:
    """Return the state of a composite alarm whose rule is one alarm or another."""
    named = [re.fullmatch(r'ALARM\("(\w+)"\)', term) for term in rule.split(" OR ")]
    assert all(named), rule
    return ALARM if any(states[it[1]] == ALARM for it in named if it) else OK


def _timed(query: Mapping[str, Any]) -> bool:
    return "MetricStat" in query or "Period" in query


def _queries(alarm: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if "Metrics" in alarm:
        found: Sequence[Mapping[str, Any]] = alarm["Metrics"]
        return found
    metric = {key: alarm[key] for key in ("Namespace", "MetricName", "Dimensions") if key in alarm}
    stat = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    return [{"Id": "all", "MetricStat": {"Metric": metric, "Stat": stat, "Period": alarm["Period"]}}]
