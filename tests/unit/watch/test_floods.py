"""What is too much, too late, too long, or fails on the way: nothing is lost, nobody is flooded."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.support.emulators.sns import LONGEST
from tests.support.watched import permissions
from tests.support.watched.events import KEY, NOW, assumed, of_call, of_key, of_label, of_schedule, of_service, user
from watch import forms
from watch.model import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.watch.conftest import Watched

HUGE = "é" * 100_000
"""Nearly as much as an event may hold (SQS developer guide, "Message quotas": 256 KiB)."""
LATE = timedelta(hours=5)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Return what moves the function's clock."""
    now = [datetime.now(UTC)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:  # noqa: ANN401 as datetime has it
            return now[0].astimezone(tz)

    monkeypatch.setattr("watch.entrypoint.datetime", Clock)
    return lambda later: now.append(now.pop() + later)


def titles(got: list[str]) -> list[str]:
    return [one.splitlines()[0].partition(":")[0] for one in got]


def kinds(secret: str) -> list[dict[str, Any]]:
    """Return an event of each kind about a secret."""
    by_hand: dict[str, Any] = {"request": {"secretId": secret}, "response": {"arn": secret}}
    return [
        of_service("RotationFailed", secret),
        of_service("TestRotationFailed", secret),
        of_call("CancelRotateSecret", **by_hand),
        of_call("PutSecretValue", **by_hand),
        of_call("GetSecretValue", user("eve"), request={"secretId": secret}),
        of_key("DisableKey"),
        of_label("theirs", secret),
    ]


def test_a_hundred_retries_are_one_message(watched: Watched) -> None:
    """Ten arrive at a time, the last one first."""
    watched.writes(NOW, error="PermissionDenied", message="Run: GRANT a TO b;")
    retries = [of_service("RotationFailed", watched.secret, at=NOW + timedelta(minutes=it)) for it in range(100)]
    got: list[str] = []
    for start in range(0, 100, 10):
        batch = retries[start : start + 10]
        got += watched.told(*reversed(batch))
        assert watched.failed == []
    assert titles(got) == ["Rotation begins to fail"]
    healed = of_service("RotationSucceeded", watched.secret, at=NOW + timedelta(hours=3))
    assert titles(watched.told(healed, *retries[:10], healed)) == ["Rotation is healed"]


def test_many_secrets_that_fail_at_once_are_each_told(watched: Watched) -> None:
    """None hides another one."""
    arns = [watched.made(f"fleet/{number}") for number in range(20)]
    got = watched.told(*(of_service("RotationFailed", arn) for arn in arns * 2))
    assert sorted(one.splitlines()[2] for one in got) == sorted(f"Secret: {arn}" for arn in arns)


def test_what_comes_again_hours_later_is_not_told_again(watched: Watched, clock: Callable[[timedelta], None]) -> None:
    """EventBridge delivers for a day, and the queue for four."""
    events = kinds(watched.secret)
    assert len(watched.told(*events)) == len(events)
    for _ in range(3):
        clock(LATE)
        assert watched.told(*events) == []
        assert watched.failed == []


def test_a_label_that_moves_there_and_back_is_told_each_time(watched: Watched) -> None:
    """The same version is current twice."""
    moves = [of_label(it, watched.secret, at=NOW + timedelta(minutes=at)) for at, it in enumerate("aba")]
    assert len(watched.told(*moves, *moves)) == 3


@pytest.mark.parametrize("chat", [False, True])
def test_an_event_as_large_as_there_are_is_told(watched: Watched, *, chat: bool) -> None:
    """Cut, and within what SNS and the table take."""
    huge: list[dict[str, Any]] = [
        of_service("RotationFailed", watched.secret, error=HUGE),
        of_service("TestRotationFailed", HUGE),
        of_call("DeleteSecret", user(HUGE), response={"arn": HUGE}),
        of_call("GetSecretValue", user(HUGE), request={"secretId": watched.secret}),
        of_call("PutSecretValue", request={"secretId": watched.secret, "clientRequestToken": HUGE}),
        of_key("DisableKey", KEY + HUGE),
    ]
    got = [message for event in huge for message in watched.told(event, event, chat=chat)]
    assert len(got) == len(huge)
    assert max(len(one.encode()) for one in got) < LONGEST
    assert not any(line.startswith("  aws ") and line.endswith("…") for one in got for line in one.splitlines())


@pytest.mark.parametrize("chat", [False, True])
def test_a_day_of_very_many_readers_is_one_summary(watched: Watched, *, chat: bool) -> None:
    """Each with the longest name that IAM knows, which is more than a key of the table holds."""
    path = f"{'p' * 510}/"
    readers = [user(f"{path}{'u' * 60}{number}") for number in range(12)]
    request = {"secretId": watched.made("s" * 500)}
    assert len(watched.told(*(of_call("GetSecretValue", who, request=request) for who in readers), chat=chat)) == 12
    (summary,) = watched.told(of_schedule(NOW + timedelta(days=1)), chat=chat)
    assert "Readers, each with a secret: 12." in summary
    assert f"by {readers[7]['arn']}, from 03:12:40" in summary


def test_a_role_with_ever_new_sessions_floods_nobody(watched: Watched) -> None:
    """As programs have it; another role, another secret, and the next day are told, and the summary has all."""
    another = watched.made("shop/another")

    def reads(role: str, number: int, days: int = 0, secret: str = watched.secret) -> dict[str, Any]:
        who = assumed(f"arn:aws:iam::123456789012:role/{role}", f"botocore-session-{number}")
        request = {"secretId": secret}
        return of_call("GetSecretValue", who, at=NOW + timedelta(days=days), request=request)

    often = [reads("pods", 0) for _ in range(9)]  # one session is one, however often it reads
    assert len(watched.told(*often, *(reads("pods", number) for number in range(30)))) == 5
    assert watched.told(reads("pods", 31)) == []
    news = (reads("other", 1), reads("pods", 31, days=1), reads("pods", 31, secret=another))
    assert len(watched.told(*news)) == 3
    (summary,) = watched.told(of_schedule(NOW + timedelta(days=1)))
    assert "Readers, each with a secret: 33." in summary


def test_no_message_is_longer_than_sns_takes() -> None:
    """Whatever it says, in both forms together."""
    for text in ('"' * 3000, "\\" * 3000, "🗝" * 3000):
        for chat in (False, True):
            many = Message(text, (text,) * 250, (text,) * 5, (("Log", text),), "arn")
            assert len(forms.published(many, chat=chat)["Message"].encode()) < LONGEST


def test_halves_of_characters_and_unknown_fields_are_no_obstacle(watched: Watched) -> None:
    """JSON can hold what no text can; and AWS adds fields."""
    event = of_call("DeleteSecret", user("eve\ud800"), response={"arn": "gone\udfff"})
    for place in (event, event["detail"], event["detail"]["userIdentity"]):
        place["added"] = {"later": [None, {"by": "AWS"}]}
    (message,) = watched.told(event, event)
    assert "Secret: gone?" in message
    assert watched.failed == []


def test_a_log_that_vanished_is_named(watched: Watched) -> None:
    """Both where it would say why a rotation failed, and where it is the only witness of a move."""
    watched.logs.delete_log_group(logGroupName="/aws/lambda/secret-rotation-postgresql")
    failed, moved = watched.told(of_service("RotationFailed", watched.secret), of_label("v", watched.secret))
    said = "The function's log cannot be read (ResourceNotFoundException): see whether somebody deleted or denied it."
    assert f"Cause: {said}" in failed
    assert f"{said} So it may have been its own rotation." in moved


@pytest.mark.parametrize("call", ["PutItem", "GetItem", "UpdateItem", "Publish", "DescribeSecret", "FilterLogEvents"])
def test_a_service_that_throttles_delays_and_loses_nothing(
    watched: Watched, clock: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Each second call is refused: what failed comes again, and each event is told once, or once more."""
    kind: Any = BaseClient  # its stubs leave out the one place that all calls pass
    real = kind._make_api_call  # noqa: SLF001 as above
    made = itertools.count()

    def calls(client: Any, operation: str, given: Any) -> Any:  # noqa: ANN401 botocore's
        if operation == call and next(made) % 2 == 0:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)
        return real(client, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", calls)
    events = left = kinds(watched.secret)
    got: list[str] = []
    for _ in range(5):
        got += watched.told(*left)
        left = [left[int(it)] for it in watched.failed]
        clock(LATE)
    assert left == []
    assert len(set(titles(got))) == len(events)
    assert len(got) <= 2 * len(events)


def test_it_calls_what_its_role_may_and_all_of_that(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does not call is what Lambda and SNS do with the role."""
    kind: Any = BaseClient  # its stubs leave out the one place that all calls pass
    real = kind._make_api_call  # noqa: SLF001 as above
    made: set[str] = set()

    def calls(client: Any, operation: str, given: Any) -> Any:  # noqa: ANN401 botocore's
        made.add(f"{client.meta.service_model.service_name}:{operation}")
        return real(client, operation, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", calls)
    watched.told(*kinds(watched.secret), of_schedule(NOW + timedelta(days=1)))
    for_it = {"logs:CreateLogStream", "logs:PutLogEvents", *permissions.TAKES, *permissions.ENCRYPTS}
    assert made - {"sqs:ReceiveMessage", "sqs:DeleteMessage"} == {it.action for it in permissions.needed({})} - for_it


def test_what_is_told_of_a_batch_is_logged_by_event(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks why nobody was told finds it in the function's own log."""
    events = kinds(watched.secret)
    watched.told(*events, "no event")
    lines = [json.loads(it) for it in capsys.readouterr().out.splitlines()]
    assert [it["outcome"] for it in lines[:-1]] == ["told"] * len(events)
    assert lines[-1]["outcome"].startswith("NotAnEvent")
