"""CloudWatch's rules, as its guides tell them."""

from __future__ import annotations

import pytest

from tests.support.cloudwatch.alarms import ALARM, INSUFFICIENT, OK, judged, state_of
from tests.support.cloudwatch.metrics import Metric, Metrics, statistic_of

KEPT = "as before"
TABLES = [
    # CloudWatch user guide, "How alarm state is evaluated when data is missing": what decides, then the states under
    # missing, ignore, breaching and notBreaching. 3 of 3.
    (3, "0-X-X", OK, OK, OK, OK),
    (3, "0----", OK, OK, OK, OK),
    (3, "-----", INSUFFICIENT, KEPT, ALARM, OK),
    (3, "0XX-X", ALARM, ALARM, ALARM, ALARM),
    (3, "----X", INSUFFICIENT, KEPT, ALARM, OK),
    (3, "X----", ALARM, KEPT, ALARM, OK),
    # 2 of 3.
    (2, "0-X-X", ALARM, ALARM, ALARM, ALARM),
    (2, "00X0X", ALARM, ALARM, ALARM, ALARM),
    (2, "0-X--", OK, OK, ALARM, OK),
    (2, "----0", OK, OK, ALARM, OK),
    (2, "----X", INSUFFICIENT, KEPT, ALARM, OK),
]


@pytest.mark.parametrize(("wanted", "points", "missing", "ignore", "breaching", "not_breaching"), TABLES)
def test_the_tables_of_missing_data(
    wanted: int, points: str, missing: str, ignore: str, breaching: str, not_breaching: str
) -> None:
    """Each row of both tables."""
    seen = [{"0": False, "X": True, "-": None}[it] for it in points]
    states = [judged(seen, wanted, 3, it, KEPT) for it in ("missing", "ignore", "breaching", "notBreaching")]
    assert states == [missing, ignore, breaching, not_breaching]


def test_one_period_of_a_sparse_metric() -> None:
    """The guide's note: the last data points are evaluated again, until they leave the range that is looked at."""
    metrics = Metrics()
    metrics.put(Metric.of("N", "Failed", {}), 1, 10)
    alarm = {
        "Namespace": "N",
        "MetricName": "Failed",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 0,
        "TreatMissingData": "notBreaching",
    }
    states = [state_of(alarm, metrics, minute * 60) for minute in range(6)]
    assert states == [OK, ALARM, ALARM, ALARM, OK, OK]


def test_statistics() -> None:
    """Of one period, percentiles by rank."""
    values = [float(it) for it in range(1, 101)]
    expected = {"Sum": 5050, "Average": 50.5, "Minimum": 1, "Maximum": 100, "SampleCount": 100, "p50": 50, "p99": 99}
    assert {it: statistic_of(values, it) for it in expected} == expected
