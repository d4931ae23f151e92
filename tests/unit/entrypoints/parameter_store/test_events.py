"""The events that have parameters rotated, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from rotation.entrypoints.parameter_store.events import Event
from rotation.entrypoints.secrets_manager import REVOKE
from rotation.errors import InvalidEvent
from tests.support.guides.pages import ROOT

NOW: Final = datetime(2026, 6, 30, 12, tzinfo=UTC)
CANARY: Final = "canary-7f3a"
POLICY: Final[dict[str, Any]] = {
    "version": "0",
    "source": "aws.ssm",
    "detail-type": "Parameter Store Policy Action",
    "time": "2026-06-30T10:00:00Z",
    "resources": ["arn:aws:ssm:eu-west-1:123456789012:parameter/orders/database"],
    "detail": {
        "policy-type": "NoChangeNotification",
        "parameter-name": "/orders/database",
        "parameter-type": "SecureString",
        "policy-content": '{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}',
        "action-status": "Success",
        "action-reason": "",
    },
}


def parse(event: object, days: int = 30) -> Event:
    """Read an event on a day of its own."""
    return Event.parse(event, days, NOW)


def test_the_least_event() -> None:
    """A name, and the function's own days."""
    event = parse({"Parameters": ["/orders/database"]})
    assert (event.names, event.one, event.dry_run) == (("/orders/database",), "/orders/database", False)
    assert event.before == NOW - timedelta(days=30)


def test_a_schedules_event() -> None:
    """Its days are counted from the time for which it was made."""
    event = parse({"Paths": ["/a"], "Days": 7, "ScheduledTime": "2026-06-30T06:00:00Z"})
    assert (event.paths, event.one) == (("/a",), None)
    assert event.before == datetime(2026, 6, 23, 6, tzinfo=UTC)


def test_an_operators_event() -> None:
    """Whatever was written before that time, in whatever zone it is given."""
    event = parse({"Parameters": ["a", "b", "a"], "WrittenBefore": "2026-06-30T13:00:00+02:00"})
    assert event.names == ("a", "b")
    assert event.before == datetime(2026, 6, 30, 11, tzinfo=UTC)


@pytest.mark.parametrize("asked", [{}, {"EndSessions": False}, {"EndSessions": True}])
def test_a_revocation(asked: dict[str, object]) -> None:
    """As for a secret, of one parameter."""
    event = parse({"Step": REVOKE, "Parameters": ["/orders/database"], **asked})
    assert (event.one, event.revoke, event.dry_run) == ("/orders/database", True, False)
    assert event.end_sessions is asked.get("EndSessions", False)


@pytest.mark.parametrize("event", [{"Tags": {"a": "b"}}, {"Parameters": ["a"], "Paths": ["/b"]}])
def test_events_about_many(event: dict[str, object]) -> None:
    """What may be about many parameters is not about one."""
    assert parse(event).one is None


@pytest.mark.parametrize(
    ("content", "unchanged"),
    [
        (POLICY["detail"]["policy-content"], timedelta(days=20)),
        ('{"Attributes":{"After":"36","Unit":"Hours"}}', timedelta(hours=36)),
        ('{"Type":"ExpirationNotification","Attributes":{"Before":"5","Unit":"Days"}}', timedelta(days=30)),
        ('{"Attributes":{"After":"36","Unit":"fortnights"}}', timedelta(days=30)),
        ('{"Attributes":{"After":"many","Unit":"Days"}}', timedelta(days=30)),
        (None, timedelta(days=30)),
        ("[]", timedelta(days=30)),
    ],
)
def test_a_policys_event(content: str | None, unchanged: timedelta) -> None:
    """A hint: the value must really be as old as the policy says, or as old as the function's days."""
    event = parse(POLICY | {"detail": POLICY["detail"] | {"policy-content": content}})
    assert event.one == "/orders/database"
    assert event.before == datetime(2026, 6, 30, 10, tzinfo=UTC) - unchanged


def test_a_change_starts_nothing() -> None:
    """The rotation's own put makes one: it would never end."""
    with pytest.raises(InvalidEvent, match="would never end"):
        parse({"detail-type": "Parameter Store Change", "detail": {"name": "/a", "operation": "Update"}})


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (None, "not a JSON object"),
        ([], "not a JSON object"),
        (CANARY, "not a JSON object"),
        ({}, "names no parameter"),
        ({"Parameters": []}, "names no parameter"),
        ({"Parameters": CANARY}, '"Parameters" is malformed'),
        ({"Parameters": [f"{CANARY} {CANARY}"]}, '"Parameters" is malformed'),
        ({"Parameters": ["arn:aws:ssm:eu-west-1:123456789012:parameter/a"]}, '"Parameters" is malformed'),
        ({"Parameters": [5]}, '"Parameters" is malformed'),
        ({"Paths": ["orders"]}, '"Paths" is malformed'),
        ({"Paths": ["/"]}, '"Paths" is malformed'),
        ({"Paths": ["/orders/"]}, '"Paths" is malformed'),
        ({"Tags": ["a"]}, '"Tags" is malformed'),
        ({"Tags": {"a": 5}}, '"Tags" is malformed'),
        ({"Tags": {"": "b"}}, '"Tags" is malformed'),
        ({"Parameters": ["a"], "Days": 0}, '"Days"'),
        ({"Parameters": ["a"], "Days": True}, '"Days"'),
        ({"Parameters": ["a"], "Days": "30"}, '"Days"'),
        ({"Parameters": ["a"], "Days": 10**9}, '"Days"'),
        ({"Parameters": ["a"], "ScheduledTime": "<aws.scheduler.scheduled-time>"}, '"ScheduledTime" is no time'),
        ({"Parameters": ["a"], "ScheduledTime": 5}, '"ScheduledTime" is no time'),
        ({"Parameters": ["a"], "ScheduledTime": "2026-06-30T10:00:00"}, '"ScheduledTime" is no time'),
        ({"Parameters": ["a"], "WrittenBefore": "2026-07-01T00:00:00Z"}, '"WrittenBefore" is still to come'),
        ({"Parameters": ["a"], "WrittenBefore": "2026-06-01T00:00:00Z", "Days": 3}, "stands beside Days"),
        ({"Parameters": ["a"], "DryRun": "yes"}, '"DryRun"'),
        ({"Parameters": ["a", "b"], "DryRun": True}, "dry run is of one parameter"),
        ({"Parameters": ["a"], "Step": "createSecret"}, '"Step" names no step'),
        ({"Parameters": ["a"], "Step": [CANARY]}, '"Step" names no step'),
        ({"Parameters": ["a", "b"], "Step": "revokePrevious"}, "revocation is of one parameter"),
        ({"Step": "revokePrevious"}, "revocation is of one parameter"),
        ({"Parameters": ["a"], "Step": "revokePrevious", "DryRun": True}, '"DryRun" is none'),
        ({"Parameters": ["a"], "Step": "revokePrevious", "EndSessions": 1}, '"EndSessions" is neither'),
        ({"Parameters": ["a"], "EndSessions": True}, '"EndSessions" is none'),
        ({"Parameters": ["a"], f"{CANARY}\n": 1}, '"…" is none'),
        ({"detail-type": "Scheduled Event", "detail": {}}, "not of a parameter's policy"),
        ({"detail-type": "Parameter Store Policy Action", "detail": CANARY}, "not of a parameter's policy"),
        (POLICY | {"detail": {"name": "/a"}}, '"parameter-name"'),
        (POLICY | {"time": None}, '"time" is no time'),
    ],
    ids=ascii,
)
def test_a_wrong_event(event: object, said: str) -> None:
    """What is wrong is named, what to do is said, and nothing that the event holds is shown."""
    with pytest.raises(InvalidEvent, match=said) as error:
        parse(event)
    assert CANARY not in f"{error.value} {error.value!r}"
    assert "events/parameter.json" in error.value.remedy


@pytest.mark.parametrize("path", sorted(Path(ROOT / "events").glob("parameter*.json")), ids=lambda path: path.stem)
def test_the_events_of_the_folder_are_events(path: Path) -> None:
    """Each file shows how to write one."""
    parse(json.loads(path.read_text()))
