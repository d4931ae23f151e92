"""What was told is told once: on two tables that know DynamoDB's rules independently, moto's and the demo's own."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from tests.support.emulators.dynamodb import EmulatedTable, holds
from tests.support.emulators.wire.errors import ServiceError
from tests.support.template.cloudformation import ROOT, parse
from tests.support.watched.events import NOW, REGION
from watch.memory import KEPT, Busy, Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

MADE = parse((ROOT / "functions/watch/template.yaml").read_text("utf-8"))["Resources"]["Memory"]["Properties"]


@pytest.fixture(params=["moto's", "our own"])
def at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[datetime], Memory]]:
    """Return what gives the memory at a time, in a table with the key that the template gives it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    if request.param == "our own":
        with EmulatedTable(*(it["AttributeName"] for it in MADE["KeySchema"])) as table:
            client = table.make_client("dynamodb", REGION, access_key="x", attempts=1, read_timeout=5)
            yield partial(Memory, client, "memory")
        return
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        made = {name: MADE[name] for name in ("BillingMode", "AttributeDefinitions", "KeySchema")}
        client.create_table(TableName="memory", **made)
        yield partial(Memory, client, "memory")


def test_what_is_told_is_told_once(at: Callable[[datetime], Memory]) -> None:
    """Until it is forgotten."""
    told = []
    for when in (NOW, NOW + timedelta(hours=5), NOW + KEPT, NOW + KEPT + timedelta(seconds=1)):
        with at(when).once("a") as first:
            told.append(first)
    assert told == [True, False, False, True]


def test_what_is_being_told_is_tried_again_later(at: Callable[[datetime], Memory]) -> None:
    """Whoever claimed it may have ended before it told."""
    with pytest.raises(ZeroDivisionError), at(NOW).once("a"):
        raise ZeroDivisionError
    with pytest.raises(Busy), at(NOW + timedelta(seconds=89)).once("a"):
        pass
    with at(NOW + timedelta(seconds=91)).once("a") as first:
        assert first


def test_who_saw_an_older_state_writes_nothing(at: Callable[[datetime], Memory]) -> None:
    """As two that write at the same time."""
    memory, condition = at(NOW), "attribute_not_exists(about) OR turn = :n"
    memory.write("a", "rotation", {"turn": 1}, KEPT, condition, {":n": 0})
    memory.write("a", "rotation", {"turn": 2}, KEPT, condition, {":n": 1})
    with pytest.raises(Busy):
        memory.write("a", "rotation", {"turn": 2}, KEPT, condition, {":n": 1})
    assert memory.read("a", "rotation")["turn"] == 2


def test_what_is_over_is_not_there(at: Callable[[datetime], Memory]) -> None:
    """DynamoDB deletes it some days later."""
    at(NOW).write("a", "b", {"names": ["x"], "yes": True}, KEPT)
    assert at(NOW + KEPT).read("a", "b")["names"] == ["x"]
    assert at(NOW + KEPT + timedelta(seconds=1)).read("a", "b") == {}
    assert at(NOW).read("a", "c") == {}


@pytest.mark.parametrize(
    ("condition", "item", "true"),
    [
        ("a = :one", {"a": {"N": "1"}}, True),
        ("a = :one", {"a": {"S": "1"}}, False),
        ("a = :one", {}, False),
        ("b < :one", {}, False),
        ("attribute_not_exists(a)", {}, True),
        ("attribute_not_exists(a) OR a > :one AND b = :one", {"a": {"N": "2"}}, False),
        ("(attribute_not_exists(b) OR a < :one) AND a >= :one", {"a": {"N": "1"}}, True),
    ],
)
def test_a_condition_is_dynamodbs(condition: str, item: dict[str, Any], *, true: bool) -> None:
    """What is missing, or of another type, is never equal, smaller or greater."""
    assert holds(condition, item, {":one": {"N": "1"}}) is true


def test_a_condition_that_is_not_known_is_refused() -> None:
    """Rather than taken for one that holds."""
    with pytest.raises(ServiceError):
        holds("contains(a, :one)", {}, {":one": {"S": "1"}})
