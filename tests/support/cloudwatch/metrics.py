"""
Metrics as CloudWatch keeps them, from lines of logs and from other services.

CloudWatch user guide, "Specification: Embedded metric format" and "CloudWatch statistics definitions"; CloudWatch Logs
user guide, "Filter pattern syntax".
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_STATISTICS: Final[Mapping[str, Callable[[list[float]], float]]] = {
    "Sum": sum,
    "Maximum": max,
    "Minimum": min,
    "SampleCount": len,
}

Series = dict[int, float]
"""Values by the beginning of their period, in seconds; a period without data is missing."""


class Metric(NamedTuple):
    """What identifies a metric: a combination of dimensions that was not written is another one, without data."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> Metric:
        """Return the metric of these dimensions."""
        return cls(namespace, name, frozenset(dimensions.items()))

    @property
    def keys(self) -> frozenset[str]:
        """The names of its dimensions."""
        return frozenset(key for key, _ in self.dimensions)


class Metrics:
    """Every value of every metric."""

    def __init__(self) -> None:
        """Begin with none."""
        self._values: dict[Metric, list[tuple[float, float]]] = defaultdict(list)

    def put(self, metric: Metric, value: float, at: float) -> None:
        """Add a value, as PutMetricData does."""
        self._values[metric].append((at, value))

    def take(self, line: str, at: float) -> None:
        """
        Add what a line of a log says in the embedded metric format; any other line says nothing.

        Each set of dimensions makes a metric of its own; a target is a number, or an array of numbers. The time is
        that of the test, not the line's.
        """
        if '"_aws"' in line:
            self.put_line(json.loads(line), at)

    def put_line(self, line: Mapping[str, Any], at: float) -> None:
        """Add what a line says that was read already."""
        for metric, value in embedded(line):
            self.put(metric, value, at)

    def named(self, namespace: str, name: str) -> list[Metric]:
        """Return the metrics of a name, whatever their dimensions."""
        return [it for it in self._values if (it.namespace, it.name) == (namespace, name)]

    def series(self, metric: Metric, statistic: str, period: int) -> Series:
        """Return a statistic for each period that has values."""
        return aggregated(self._values.get(metric, []), statistic, period)

    def all_values(self, metrics: Iterable[Metric]) -> list[tuple[float, float]]:
        """Return the values of several metrics together, as a query aggregates them."""
        return [it for metric in metrics for it in self._values[metric]]


def embedded(line: Mapping[str, Any]) -> Iterator[tuple[Metric, float]]:
    """Return each metric of a line, with its values."""
    for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
        for keys in directive["Dimensions"]:
            for declared in directive["Metrics"]:
                metric = Metric.of(directive["Namespace"], declared["Name"], {key: str(line[key]) for key in keys})
                values = line[declared["Name"]]
                yield from ((metric, float(it)) for it in (values if isinstance(values, list) else [values]))


def aggregated(values: Iterable[tuple[float, float]], statistic: str, period: int) -> Series:
    """Return a statistic for each period, which begins at a multiple of its length."""
    buckets: dict[int, list[float]] = defaultdict(list)
    for at, value in values:
        buckets[int(at // period) * period].append(value)
    return {start: statistic_of(found, statistic) for start, found in sorted(buckets.items())}


def statistic_of(values: list[float], statistic: str) -> float:
    """Return Sum, Maximum, Minimum, Average, SampleCount, or a percentile such as p99: the value at that rank."""
    if statistic.startswith("p"):
        rank = math.ceil(float(statistic[1:]) / 100 * len(values))
        return sorted(values)[max(rank, 1) - 1]
    if statistic == "Average":
        return sum(values) / len(values)
    return float(_STATISTICS[statistic](values))


def matches(pattern: str, line: str) -> bool:
    """Return whether a line holds the phrase of a metric filter: a pattern in double quotes is one, case included."""
    assert pattern.startswith('"'), pattern
    return pattern.strip('"') in line
