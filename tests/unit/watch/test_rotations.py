"""A message when rotations begin to fail, when it is worse, when it is healed, in whatever order events come."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from tests.support.watched.events import NOW, of_service
from watch.memory import KEPT
from watch.rotations import State, Turn
from watch.sources import Sources

if TYPE_CHECKING:
    import pytest

    from tests.unit.watch.conftest import Watched

PERMISSION = {
    "token": "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
    "error": "PermissionDenied",
    "retryable": False,
    "message": "The login app may not change the password of app (at db:5432). Run: GRANT app_admin TO app;",
}


def titles(got: list[str]) -> list[str]:
    return [one.splitlines()[0] for one in got]


def failed(watched: Watched, minute: int, **line: Any) -> dict[str, Any]:  # noqa: ANN401 what a line holds
    at = NOW + timedelta(minutes=minute)
    if line:
        watched.writes(at - timedelta(seconds=20), **line)
    return of_service("RotationFailed", watched.secret, at=at, error="step setSecret failed")


def test_it_says_which_secret_why_and_what_to_type(watched: Watched) -> None:
    (message,) = watched.told(failed(watched, 0, **PERMISSION))
    assert titles([message]) == ["Rotation begins to fail: shop/db (eu-west-1)"]
    assert f"Secret: {watched.secret}" in message
    assert "Cause: PermissionDenied: The login app may not change the password of app" in message
    assert "GRANT app_admin TO app;" in message
    assert "It fails again until somebody acts." in message
    taken_off = f"--version-stage AWSPENDING --remove-from-version-id {PERMISSION['token']} --region eu-west-1"
    assert f"  aws secretsmanager update-secret-version-stage --secret-id {watched.secret} {taken_off}" in message
    assert f"  aws secretsmanager rotate-secret --secret-id {watched.secret} --region eu-west-1" in message
    assert "#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fsecret-rotation-postgresql/log-events/" in message
    assert "$3Fstart$3D" in message
    assert "refEventId$3D" in message


def test_what_is_tried_again_by_itself_needs_no_command_but_a_look(watched: Watched) -> None:
    (message,) = watched.told(failed(watched, 0, **PERMISSION | {"retryable": True}))
    assert "Secrets Manager tries again by itself." in message
    assert [line.split()[2] for line in message.splitlines() if line.startswith("  aws ")] == ["describe-secret"]


def test_without_an_error_of_ours_it_says_what_aws_says_and_where_to_look(watched: Watched) -> None:
    (message,) = watched.told(failed(watched, 0))
    assert "Secrets Manager says: step setSecret failed." in message
    assert "  aws logs tail /aws/lambda/secret-rotation-postgresql --since 1h --region eu-west-1" in message


def test_retries_do_not_flood(watched: Watched) -> None:
    assert len(watched.told(failed(watched, 0, **PERMISSION))) == 1
    assert watched.told(*(failed(watched, minute, **PERMISSION) for minute in range(1, 8))) == []


def test_another_cause_is_told_and_an_unknown_one_is_not(watched: Watched) -> None:
    watched.told(failed(watched, 0, **PERMISSION))
    (worse,) = watched.told(failed(watched, 60, error="TlsFailed", message="The server offers no TLS."))
    assert titles([worse]) == ["Rotation fails for another reason: shop/db (eu-west-1)"]
    assert f"Failing since: {NOW:%Y-%m-%d} 03:12:40 UTC" in worse
    assert watched.told(failed(watched, 120)) == []
    assert watched.told(failed(watched, 180, **PERMISSION)) == []


def test_healing_is_told_once_and_what_was_never_ill_is_not_healed(watched: Watched) -> None:
    well = of_service("RotationSucceeded", watched.secret, at=NOW - timedelta(days=1))
    assert watched.told(well) == []
    watched.told(failed(watched, 0, **PERMISSION))
    healed = of_service("RotationSucceeded", watched.secret, at=NOW + timedelta(hours=1))
    (message,) = watched.told(healed, healed)
    assert titles([message]) == ["Rotation is healed: shop/db (eu-west-1)"]
    assert watched.told(healed) == []
    assert titles(watched.told(failed(watched, 120, **PERMISSION))) == ["Rotation begins to fail: shop/db (eu-west-1)"]


def test_an_abandoned_rotation_is_told(watched: Watched) -> None:
    (message,) = watched.told(of_service("RotationAbandoned", watched.secret))
    assert "Cause: RotationAbandoned: somebody stored another value meanwhile" in message


def test_a_failure_that_arrives_after_the_healing_is_not_told(watched: Watched) -> None:
    late, healed = failed(watched, 0, **PERMISSION), of_service("RotationSucceeded", watched.secret, at=NOW + KEPT)
    assert watched.told(healed, late) == []


def test_a_secret_of_another_function_is_not_ours(watched: Watched) -> None:
    for function in ("", "other-rotation-postgresql"):
        arn = watched.made(f"other/{function}", function)
        assert watched.told(of_service("RotationFailed", arn)) == []


def test_a_message_that_could_not_be_sent_is_sent_later(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    topic, watched.topic = watched.topic, f"{watched.topic}-gone"
    event = failed(watched, 0, **PERMISSION)
    assert watched.told(event) == []
    assert watched.failed == ["0"]
    watched.topic = topic
    assert watched.told(event) == []
    assert watched.failed == ["0"]  # whoever claimed it may still be at it
    monkeypatch.setattr("watch.memory._LEASE", timedelta(seconds=-1))
    assert len(watched.told(event)) == 1
    assert watched.failed == []


def test_what_is_told_by_another_at_the_same_time_is_not_told_twice(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two attempts that failed are taken by two invocations: the second one begins while the first is telling."""
    first, second = failed(watched, 0, **PERMISSION), failed(watched, 1, **PERMISSION)
    inner: list[str] = []
    real, asked = Sources.error, []

    def error(self: Sources, secret: Any, event: Any) -> Any:  # noqa: ANN401 the method's own
        asked.append(event)
        if len(asked) == 1:
            inner.extend(watched.told(second))
        return real(self, secret, event)

    monkeypatch.setattr(Sources, "error", error)
    outer = watched.told(first)
    assert len(inner) + len(outer) == 1


@given(st.permutations(["fail", "fail", "other", "well"]), st.lists(st.integers(0, 3), max_size=4))
def test_whatever_order_ends_in_the_same_state(order: list[str], again: list[int]) -> None:
    """Each event has its time; the newest decides what is known, and nothing is told twice of one state."""
    moments = {number: NOW + timedelta(minutes=number) for number in range(len(order))}
    state, told = State(), []
    for number in [*range(len(order)), *again]:
        cause = {"fail": "A", "other": "B"}.get(order[number], "")
        turn, state = state.after(at=moments[number], cause=cause, well=order[number] == "well")
        told.append(turn)
    assert bool(state.since) is (order[-1] != "well")
    ill = [turn for turn in told if turn in {Turn.BEGINS, Turn.HEALED}]
    assert all(a is not b for a, b in itertools.pairwise(ill))


def test_an_account_that_throttles_is_asked_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(*_: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "DescribeSecret")

    monkeypatch.setattr(Sources, "secret", throttled)
    assert watched.told(failed(watched, 0)) == []
    assert watched.failed == ["0"]
