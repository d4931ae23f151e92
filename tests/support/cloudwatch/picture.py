"""
The picture of the dashboard: what its body asks for, of the recorded fortnight, as an SVG.

``python -m tests.support.cloudwatch.picture`` (with ``shared`` and the project's folder on PYTHONPATH) draws it anew.
CloudWatch draws the same values in its own manner.
"""

from __future__ import annotations

import re
import textwrap
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, Final

from tests.support.cloudwatch.alarms import ALARM, composite_state, state_of
from tests.support.cloudwatch.expressions import searched
from tests.support.cloudwatch.metrics import Metric, Metrics
from tests.support.cloudwatch.recording import BEGIN, DAYS, recorded
from tests.support.cloudwatch.stack import alarms, body, made
from tests.support.guides.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.support.cloudwatch.metrics import Series

FILE: Final = ROOT / "docs/pictures/dashboard.svg"
COLUMN, ROW, EDGE = 50, 44, 6
"""Pixels of a cell of the grid, and between two widgets."""
DAY: Final = 86_400
COLOURS: Final = ("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#17becf", "#7f7f7f")
GREEN, RED, INK, PALE = "#1d8102", "#d13212", "#16191f", "#687078"
SEEN: Final = BEGIN.timestamp() + 9 * DAY + 1800
"""The alarms are shown as they stood then: half an hour after a rotation had failed."""
WIDTHS: Final = {"@timestamp": 130, "secret": 160, "step": 90, "error": 150, "message": 0}
"""Pixels of each field of the table; the last one has the rest."""

Labelled = list[tuple[str, "Series"]]


def picture() -> str:
    """Return the picture."""
    metrics = Metrics()
    for at, line in recorded():
        metrics.put_line(line, at)
    widgets = body()["widgets"]
    height = max(it["y"] + it["height"] for it in widgets) * ROW
    parts = [part for widget in widgets for part in _widget(widget, metrics)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {24 * COLUMN} {height}" '
        f'font-family="Helvetica, Arial, \'DejaVu Sans\', sans-serif" font-size="12" fill="{INK}">'
    )
    return "\n".join([head, f'<rect width="{24 * COLUMN}" height="{height}" fill="#f2f3f3"/>', *parts, "</svg>\n"])


def _widget(widget: Mapping[str, Any], metrics: Metrics) -> Iterator[str]:
    """Draw one, in a frame with its title."""
    left, top = widget["x"] * COLUMN + EDGE, widget["y"] * ROW + EDGE
    wide, high = widget["width"] * COLUMN - 2 * EDGE, widget["height"] * ROW - 2 * EDGE
    told = widget["properties"]
    yield f'<g transform="translate({left} {top})">'
    yield f'<rect width="{wide}" height="{high}" fill="#ffffff" stroke="#d5dbdb"/>'
    if "title" in told:
        yield _text(12, 22, told["title"], size=14, weight="bold")
    if widget["type"] == "text":
        yield from _markdown(told["markdown"])
    elif widget["type"] == "alarm":
        yield from _alarms(told["alarms"], metrics, wide)
    elif widget["type"] == "log":
        yield from _table(told["query"], wide)
    else:
        yield from _chart(told, _series(told, metrics), wide, high)
    yield "</g>"


def _text(
    x: float, y: float, text: str, *, size: int = 12, weight: str = "normal", fill: str = INK, anchor: str = ""
) -> str:
    placed = f' text-anchor="{anchor}"' if anchor else ""
    heavy = f' font-weight="{weight}"' if weight != "normal" else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{fill}"{heavy}{placed}>{escape(text)}</text>'


def _markdown(text: str) -> Iterator[str]:
    """Draw a headline, links, and plain lines."""
    title, links, *rest = [line for line in text.splitlines() if line]
    yield _text(16, 36, title.removeprefix("# "), size=24, weight="bold")
    yield _text(16, 68, " | ".join(re.findall(r"\[([^\]]+)\]", links)), size=14, fill="#0073bb")
    yield _text(16, 100, " ".join(rest), size=14)


def _states(metrics: Metrics) -> dict[str, str]:
    """Return the state of each alarm, by its name in CloudWatch."""
    resources = made()
    states = {name: state_of(one, metrics, SEEN) for name, one in alarms(resources).items()}
    states["UnhealthyAlarm"] = composite_state(resources["UnhealthyAlarm"]["Properties"]["AlarmRule"], states)
    return {resources[name]["Properties"]["AlarmName"]: state for name, state in states.items()}


def _alarms(arns: Sequence[str], metrics: Metrics, wide: int) -> Iterator[str]:
    states, each = _states(metrics), (wide - 24) // 6
    for index, arn in enumerate(arns):
        name = arn.rpartition(":")[2]
        x, y = 12 + index % 6 * each, 36 + index // 6 * 58
        colour = RED if states[name] == ALARM else GREEN
        frame = f'stroke="{colour}" fill="{colour}" fill-opacity="0.1"'
        yield f'<rect x="{x}" y="{y}" width="{each - 8}" height="50" {frame}/>'
        yield _text(x + 10, y + 20, name)
        yield _text(x + 10, y + 40, "In alarm" if states[name] == ALARM else "OK", weight="bold", fill=colour)


def _series(told: Mapping[str, Any], metrics: Metrics) -> Labelled:
    """Return each time series of a widget, by its label."""
    found: Labelled = []
    for one in told["metrics"]:
        if isinstance(one[0], dict):
            for metric, series in searched(one[0]["expression"], metrics):
                found.append((_label(one[0]["label"], metric), series))
        else:
            namespace, name, *pairs, shown = one
            metric = Metric.of(namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True)))
            found.append((shown["label"], metrics.series(metric, shown["stat"], told["period"])))
    return found


def _label(label: str, metric: Metric) -> str:
    """Return a label with the values of dimensions (CloudWatch user guide, "Using dynamic labels")."""
    values = dict(metric.dimensions)
    return re.sub(r"\$\{PROP\('Dim\.(\w+)'\)\}", lambda it: values[it[1]], label)


def _chart(told: Mapping[str, Any], series: Labelled, wide: int, high: int) -> Iterator[str]:
    """Draw the days: columns upon each other where the widget stacks, else lines with points."""
    begin = int(BEGIN.timestamp() // DAY) * DAY
    left, top, right, bottom = 56, 46, wide - 14, high - 46
    lines = told.get("annotations", {}).get("horizontal", [])
    sums = [sum(one.get(begin + day * DAY, 0) for _, one in series) for day in range(DAYS)]
    highest = max(sums if told["stacked"] else [value for _, one in series for value in one.values()], default=0)
    most = _rounded(max([highest, *(it["value"] for it in lines)], default=1) or 1)

    def height(value: float) -> float:
        return bottom - (bottom - top) * value / most

    def place(day: float) -> float:
        return left + (right - left) * (day + 0.5) / DAYS

    for value in (0, most / 2, most):
        yield f'<path d="M{left} {height(value):.0f}H{right}" stroke="#eaeded"/>'
        yield _text(left - 6, height(value) + 4, f"{value:g}", fill=PALE, anchor="end")
    yield _text(left, 36, told["yAxis"]["left"]["label"], size=11, fill=PALE)
    for day in range(0, DAYS, 3):
        yield _text(
            place(day),
            bottom + 16,
            f"{datetime.fromtimestamp(begin + day * DAY, UTC):%m-%d}",
            fill=PALE,
            anchor="middle",
        )
    for line in lines:
        yield f'<path d="M{left} {height(line["value"]):.0f}H{right}" stroke="{RED}" stroke-dasharray="4 3"/>'
        yield _text(right, height(line["value"]) - 4, line["label"], fill=RED, anchor="end")
    draw = _columns if told["stacked"] else _points
    yield from draw([{(at - begin) // DAY: value for at, value in one.items()} for _, one in series], place, height)
    x = float(left)
    for index, (label, _) in enumerate(series):
        yield f'<rect x="{x:.0f}" y="{high - 21}" width="10" height="10" fill="{COLOURS[index]}"/>'
        yield _text(x + 14, high - 12, label)
        x += 28 + 7 * len(label)


def _rounded(value: float) -> float:
    """Return the next number of 1, 2 or 5 with zeros."""
    size: float = 1
    while True:
        for step in (1, 2, 4, 5):
            if value <= step * size:
                return step * size
        size *= 10


def _columns(days: Sequence[Mapping[int, float]], place: Any, height: Any) -> Iterator[str]:  # noqa: ANN401 functions
    low: dict[int, float] = {}
    for index, series in enumerate(days):
        for day, value in series.items():
            below = low.get(day, 0)
            low[day] = below + value
            y = height(low[day])
            yield (
                f'<rect x="{place(day) - 8:.0f}" y="{y:.0f}" width="16" height="{height(below) - y:.0f}" '
                f'fill="{COLOURS[index]}"/>'
            )


def _points(days: Sequence[Mapping[int, float]], place: Any, height: Any) -> Iterator[str]:  # noqa: ANN401 functions
    for index, series in enumerate(days):
        path = " ".join(f"{place(day):.0f},{height(value):.0f}" for day, value in series.items())
        yield f'<polyline points="{path}" fill="none" stroke="{COLOURS[index]}" stroke-width="1.5"/>'
        for day, value in series.items():
            yield f'<circle cx="{place(day):.0f}" cy="{height(value):.0f}" r="2.5" fill="{COLOURS[index]}"/>'


def _table(query: str, wide: int) -> Iterator[str]:
    """Draw the errors of the record, the last one first, by the fields that the query names."""
    found = re.search(r"fields ([@\w, ]+?) \|", query)
    assert found
    fields = found[1].split(", ")
    rows = [{**line, "@timestamp": f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"} for at, line in recorded()]
    rest = wide - 24 - sum(WIDTHS.values())
    y = 46
    x = 12
    for field in fields:
        yield _text(x, y, field, weight="bold", fill=PALE)
        x += WIDTHS[field]
    for row in reversed([it for it in rows if it.get("level") == "ERROR"]):
        x, deep = 12, 1
        for field in fields:
            text = str(row[field]).rpartition(":secret:")[2]
            lines = textwrap.wrap(text, int((WIDTHS[field] or rest) / 6.3))
            for number, line in enumerate(lines):
                yield _text(x, y + 20 + 15 * number, line, size=11)
            x, deep = x + WIDTHS[field], max(deep, len(lines))
        y += 12 + 15 * deep


if __name__ == "__main__":
    FILE.write_text(picture(), "utf-8")
