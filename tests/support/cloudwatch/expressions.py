"""
The metric data queries of alarms and widgets: a metric's statistic, Metrics Insights, search, and math.

CloudWatch user guide, "Using math expressions with CloudWatch metrics" (METRICS() is every metric of the request, and
no expression; SUM and MAX of an array are one time series), "Metrics Insights query components and syntax" (SCHEMA is
the metrics of exactly these dimensions), "CloudWatch search expression syntax".
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, Final

from tests.support.cloudwatch.metrics import Metric, aggregated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.support.cloudwatch.metrics import Metrics, Series

_QUERY: Final = re.compile(r'SELECT (AVG|COUNT|MAX|MIN|SUM)\((\w+)\) FROM SCHEMA\("([^"]+)", ([\w, ]+)\)')
_SEARCH: Final = re.compile(r"""SEARCH\('\{"?([^",}]+)"?,([\w,]+)\} MetricName="(\w+)"', '(\w+)', (\d+)\)""")
_FUNCTIONS: Final = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}
_OPERATORS: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: lambda left, right: left + right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
}


def queried(queries: Sequence[Mapping[str, Any]], metrics: Metrics) -> Series:
    """Return the one time series that a list of queries gives."""
    by_id = {it["Id"]: it for it in queries}
    (asked,) = (it for it in queries if it.get("ReturnData", True))
    return _Request(by_id, metrics).result(asked)


def insights(query: str, metrics: Metrics, period: int) -> Series | None:
    """Return what a query of Metrics Insights gives; none if it is no such query."""
    found = _QUERY.fullmatch(query)
    if not found:
        return None
    function, name, namespace, keys = found.groups()
    chosen = [it for it in metrics.named(namespace, name) if it.keys == frozenset(keys.split(", "))]
    return aggregated(metrics.all_values(chosen), _FUNCTIONS[function], period)


def searched(search: str, metrics: Metrics) -> list[tuple[Metric, Series]]:
    """Return what a search finds."""
    found = _SEARCH.fullmatch(search)
    assert found, search
    namespace, keys, name, statistic, period = found.groups()
    chosen = [it for it in metrics.named(namespace, name) if it.keys == frozenset(keys.split(","))]
    return [
        (it, metrics.series(it, statistic, int(period))) for it in sorted(chosen, key=lambda it: sorted(it.dimensions))
    ]


class _Request:
    """The queries of one request, which name each other."""

    def __init__(self, by_id: Mapping[str, Mapping[str, Any]], metrics: Metrics) -> None:
        self._by_id, self._metrics = by_id, metrics

    def result(self, query: Mapping[str, Any]) -> Series:
        if "MetricStat" in query:
            asked = query["MetricStat"]
            named = {it["Name"]: it["Value"] for it in asked["Metric"].get("Dimensions", [])}
            metric = Metric.of(asked["Metric"]["Namespace"], asked["Metric"]["MetricName"], named)
            return self._metrics.series(metric, asked["Stat"], asked["Period"])
        found = insights(query["Expression"], self._metrics, query.get("Period", 0))
        if found is not None:
            return found
        value = self._value(ast.parse(query["Expression"], mode="eval").body)
        assert isinstance(value, dict), "an alarm needs one time series"
        return value

    def _value(self, node: ast.expr) -> float | Series | list[Series]:
        if isinstance(node, ast.Constant):
            return float(node.value)  # type: ignore[arg-type] # math has no other constants
        if isinstance(node, ast.Name):
            return self.result(self._by_id[node.id])
        if isinstance(node, ast.List):
            return [it for one in node.elts if isinstance(it := self._value(one), dict)]
        if isinstance(node, ast.BinOp):
            combined: float | Series = _combined(
                self._value(node.left), self._value(node.right), _OPERATORS[type(node.op)]
            )
            return combined
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Name)
        if node.func.id == "METRICS":
            return [self.result(it) for it in self._by_id.values() if "MetricStat" in it]
        (array,) = map(self._value, node.args)
        assert isinstance(array, list), "SUM and MAX of one time series would be a number"
        return _across(array, sum if node.func.id == "SUM" else max)


def _combined(left: Any, right: Any, operator: Callable[[float, float], float]) -> Any:  # noqa: ANN401 numbers or series
    """Return a number or a time series: where one of two time series has no value, there is none."""
    if isinstance(left, dict) and isinstance(right, dict):
        return {at: operator(value, right[at]) for at, value in left.items() if at in right}
    if isinstance(left, dict):
        return {at: operator(value, right) for at, value in left.items()}
    if isinstance(right, dict):
        return {at: operator(left, value) for at, value in right.items()}
    return operator(left, right)


def _across(array: list[Series], function: Callable[[list[float]], float]) -> Series:
    """Return one time series, of the values that there are at each time."""
    times = sorted({at for series in array for at in series})
    return {at: function([series[at] for series in array if at in series]) for at in times}
