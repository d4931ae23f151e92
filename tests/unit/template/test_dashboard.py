"""The dashboard: valid, its picture in step, each widget asks for what functions, audit and alarms really have."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.cloudwatch import picture, recording
from tests.support.cloudwatch.dashboard import complaints
from tests.support.cloudwatch.expressions import searched
from tests.support.cloudwatch.metrics import Metrics, embedded
from tests.support.cloudwatch.stack import alarms, body, made
from tests.support.guides.pages import ROOT, rows
from tests.unit.template.test_alarms import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

PROSE: Final = (ROOT / "docs/monitoring.md").read_text("utf-8")
METRICS: Final = "| metric | unit | when |"


def widgets(kind: str, **parameters: str) -> list[dict[str, Any]]:
    return [it["properties"] for it in body(**parameters)["widgets"] if it["type"] == kind]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"Watch": "alarms"},
        {"WatchEachAlarm": "true"},
        {f"{it}LogGroup": f"/aws/lambda/{it}" for it in FUNCTIONS},
        {"AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:ours", "WatchWindow": "20"},
    ],
    ids=str,
)
def test_the_body_is_valid(parameters: dict[str, str]) -> None:
    """Whatever is deployed."""
    assert list(complaints(body(**parameters))) == []


BREAKS: Final[dict[str, Callable[[dict[str, Any]], object]]] = {
    "no widgets": lambda it: it.pop("widgets"),
    "a widget without a kind": lambda it: it["widgets"][0].pop("type"),
    "an unknown kind": lambda it: it["widgets"][0].update(type="picture"),
    "beyond the grid": lambda it: it["widgets"][0].update(x=1),
    "upon another": lambda it: it["widgets"][1].update(y=2),
    "a text without text": lambda it: it["widgets"][0].update(properties={}),
    "an alarm by name": lambda it: it["widgets"][1]["properties"].update(alarms=["failures"]),
    "no Region": lambda it: it["widgets"][2]["properties"].pop("region"),
    "an unknown property": lambda it: it["widgets"][2]["properties"].update(periods=60),
    "a period of half a minute": lambda it: it["widgets"][2]["properties"].update(period=30),
    "an expression beside a metric": lambda it: it["widgets"][2]["properties"]["metrics"][0].append("name"),
    "a query without a log": lambda it: it["widgets"][-1]["properties"].update(query="fields message"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_wrong_body_is_not_valid(name: str) -> None:
    """Each mistake is found."""
    wrong = copy.deepcopy(body())
    BREAKS[name](wrong)
    assert list(complaints(wrong))


def test_it_is_there_where_it_is_wanted() -> None:
    """It costs more than all else of the watch, so it is off unless it is asked for."""
    assert "Dashboard" not in made()
    assert made(WatchDashboard="true")["Dashboard"]["Properties"]["DashboardName"] == "secret-rotation"


def test_links_come_first() -> None:
    """To the console of the Region: secrets, alarms, logs, functions, and the topic."""
    first = body()["widgets"][0]
    assert (first["type"], first["x"], first["y"]) == ("text", 0, 0)
    links = re.findall(
        r"\[([\w ]+)\]\(https://eu-west-1\.console\.aws\.amazon\.com/\S+\)", first["properties"]["markdown"]
    )
    assert links == ["Secrets", "Alarms", "Logs", "Functions", "Who is told"]


@pytest.mark.parametrize("parameters", [{}, {"Watch": "alarms"}, {"WatchEachAlarm": "true"}], ids=str)
def test_it_shows_every_alarm(parameters: dict[str, str]) -> None:
    """Each that there is, and no other."""
    (shown,) = widgets("alarm", **parameters)
    resources = made(**parameters)
    there = {it["AlarmName"] for it in alarms(resources).values()}
    if one := resources.get("UnhealthyAlarm"):
        there.add(one["Properties"]["AlarmName"])
    assert {it.rpartition(":")[2] for it in shown["alarms"]} == there


def asked_for() -> list[str]:
    """Return the names of the metrics that the widgets show."""
    metrics = [one for widget in widgets("metric") for one in widget["metrics"]]
    return [
        re.search(r'MetricName="(\w+)"', one[0]["expression"])[1] if isinstance(one[0], dict) else one[1]  # type: ignore[index]
        for one in metrics
    ]


def test_it_shows_metrics_that_are_written() -> None:
    """Those of the functions stand in the guide's table, which a test holds against the code; the audit has its own."""
    functions = {name for row in rows(METRICS) for name in re.findall(r"`(\w+)`", row[0])}
    audit = {"OldestPasswordDays", *(f"Findings{it}" for it in ("Critical", "High", "Medium", "Low"))}
    assert set(asked_for()) <= functions | audit
    wanted = {
        "RotationSucceeded",
        "RotationFailed",
        "RecoveryUsed",
        "CutoverWindow",
        "ReplicaLag",
        "ReplicaBehind",
        "StepDuration",
    }
    assert set(asked_for()) == wanted | audit


def test_each_search_is_one() -> None:
    """The searches have the form that the evaluation knows."""
    for widget in widgets("metric"):
        for one in widget["metrics"]:
            if isinstance(one[0], dict):
                assert searched(one[0]["expression"], Metrics()) == []


def test_the_last_failures_come_from_every_log() -> None:
    """Errors alone, by the fields of a line of the log."""
    groups = {f"{it}LogGroup": f"/aws/lambda/{it}" for it in FUNCTIONS}
    (table,) = widgets("log", **groups)
    assert re.findall("SOURCE '([^']+)'", table["query"]) == list(groups.values())
    assert 'filter level = "ERROR"' in table["query"]
    assert "fields @timestamp, secret, step, error, message" in table["query"]


def test_the_guide_names_what_alarms_cost() -> None:
    """Each metric of an alarm costs, and a query those that it finds: one for each engine."""
    everything = {f"{it}LogGroup": f"/aws/lambda/{it}" for it in FUNCTIONS}
    without = {"KmsKeyArns": "", "WatchReaders": "", "WatchWithoutTrail": "false"}
    counted = []
    for groups in ({}, everything):
        queries = [it.get("Metrics", [{"MetricStat": {}}]) for it in alarms(made(**without, **groups)).values()]
        counted.append(sum("MetricStat" in one for query in queries for one in query))
    found = sum("SELECT" in one.get("Expression", "") for query in queries for one in query)
    assert f"{counted[0]} with one function, {counted[1]} with all; {found} more for each engine that rotates" in PROSE


def test_the_picture_is_drawn_from_body_and_record() -> None:
    """It is the one that tests/support/cloudwatch/picture.py draws; `make pictures` draws it anew."""
    assert picture.FILE.read_text("utf-8") == picture.picture()


def shape(line: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a line says without values: which metrics by which dimensions, or which error with which keys."""
    written = sorted({(it.name, *sorted(it.keys)) for it, _ in embedded(line)})
    return (*written, line.get("engine"), line.get("error"), *sorted(line))


def test_the_record_is_what_the_functions_write() -> None:
    """The same days, played again, write the same metrics with the same dimensions on each of them."""
    again = [(at.timestamp(), shape(line)) for at, line in recording.played()]
    assert again == [(at, shape(line)) for at, line in recording.recorded()]


def test_the_picture_shows_something_in_every_widget() -> None:
    """A widget for which nothing was recorded would be no picture of one."""
    text = picture.FILE.read_text("utf-8")
    for title in (one["title"] for kind in ("metric", "alarm", "log") for one in widgets(kind)):
        assert title in text
    assert "In alarm" in text
    assert "NoWorkingCredential" in text
