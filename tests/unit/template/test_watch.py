"""The watch's own template: patterns by a matcher of our own. The emulator's own one plays the same events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.support.template.cloudformation import ROOT, Stack, load, parse
from tests.support.watched.cases import cases
from tests.support.watched.events import ADA, KEY, OUR_ROLE
from watch.telling import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE: Final = parse((ROOT / "functions/watch/template.yaml").read_text("utf-8"))
READER: Final = ADA.replace("ops", "shop")
GIVEN: Final = {"KmsKeyArns": KEY, "RotationRoleArns": OUR_ROLE, "WatchReaders": READER, "WatchWithoutTrail": "true"}
SECRETS: Final = ["aws.secretsmanager"]


def test_the_suite_passes_what_the_watch_declares_under_the_same_names() -> None:
    passed = load()["Resources"]["WatchStack"]["Properties"]["Parameters"]
    assert passed.keys() == SOURCE["Parameters"].keys()


def test_what_a_rule_lets_through_is_known_to_the_function() -> None:
    """What it does not know would fail, and end among what was told to nobody."""
    rules = [it["Properties"] for it in SOURCE["Resources"].values() if it["Type"] == "AWS::Events::Rule"]
    details = [it["EventPattern"]["detail"] for it in rules if it.get("EventPattern", {}).get("source") == SECRETS]
    names = {name for detail in details for name in detail.get("eventName", [])}
    assert {"GetSecretValue", "RotationFailed", "DeleteSecret"} <= names
    assert names <= KINDS.keys()


def matches(pattern: Any, value: Any) -> bool:  # noqa: ANN401 what JSON holds
    """Match as EventBridge does (user guide, "Event patterns"), as far as the watch's patterns go."""
    if isinstance(pattern, dict):
        there = value if isinstance(value, list) else [value if isinstance(value, dict) else {}]
        return any(all(matches(wanted, one.get(name)) for name, wanted in pattern.items()) for one in there)
    return any(_is(one, value) for one in pattern)


def _is(wanted: Any, value: Any) -> bool:  # noqa: ANN401 what JSON holds
    if not isinstance(wanted, dict):
        return bool(value == wanted)
    if "exists" in wanted:
        return (value is not None) is wanted["exists"]
    return value is not None and value not in wanted["anything-but"]


def let_in(event: Mapping[str, Any]) -> set[str]:
    made = Stack(GIVEN, SOURCE).resources
    rules = {
        name: one["Properties"].get("EventPattern") for name, one in made.items() if one["Type"] == "AWS::Events::Rule"
    }
    return {name for name, pattern in rules.items() if pattern and matches(pattern, event)}


CASES: Final = list(cases(OUR_ROLE, READER))


@pytest.mark.parametrize(("event", "rules"), CASES, ids=lambda it: "" if isinstance(it, set) else it["detail-type"])
def test_each_event_is_let_in_by_its_rule_alone(event: dict[str, Any], rules: set[str]) -> None:
    assert let_in(event) == rules


def test_the_cases_know_every_rule() -> None:
    """Each rule with a pattern lets something in, and the matcher sees what a pattern without a part of it lets in."""
    patterns = {name for name, it in SOURCE["Resources"].items() if "EventPattern" in it.get("Properties", {})}
    assert set.union(*(rules for _, rules in CASES)) == patterns


def test_reads_are_heard_by_the_one_rule_that_can() -> None:
    """In that state alone calls that only read reach a rule (EventBridge user guide, "Events for read-only calls")."""
    made = Stack(GIVEN, SOURCE).resources
    states = {name: it["Properties"].get("State") for name, it in made.items() if it["Type"] == "AWS::Events::Rule"}
    assert states.pop("ReadsRule") == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    assert set(states.values()) == {None}
    without = Stack({**GIVEN, "WatchReaders": ""}, SOURCE).resources
    assert not {"ReadsRule", "ReadsSummary"} & without.keys()


def test_who_is_named_subscribes_to_the_topic() -> None:
    """Nobody is by default."""
    given = {"WatchEmail": "on-call@example.com", "WatchUrl": "https://example.com/hook"}

    def subscribed(**parameters: str) -> set[tuple[str, str, str]]:
        made = Stack({**GIVEN, **parameters}, SOURCE).resources.values()
        asked = [it["Properties"] for it in made if it["Type"] == "AWS::SNS::Subscription"]
        return {(it["TopicArn"], it["Protocol"], it["Endpoint"]) for it in asked}

    assert subscribed() == set()
    assert subscribed(**given) == {("Topic", "email", given["WatchEmail"]), ("Topic", "https", given["WatchUrl"])}
