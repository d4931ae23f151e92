"""Mirrors: they follow AWSCURRENT, fail no rotation that is done, and no password ends while one is behind."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation import steps
from rotation.credentials import overrides
from rotation.credentials.password_policy import policy_for
from rotation.errors import InvalidSettings, RotationError, RotationRefused, StoreUnavailable
from rotation.model import Stage, Step
from rotation.settings import Settings
from rotation.strategies import mirrors, strategy_for
from rotation.strategies.single_user import SingleUser
from tests.support.memory.engine import Account
from tests.support.memory.mirrors import ALONE, WHOLE, Followed
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from rotation.model import Limits

SHAPES: Final[dict[str, dict[str, Any]]] = {
    "single-user": {},
    "retained-password": {"engine": "memory-of-two"},
    "alternating-users": {"admin": True},
}
TWO_USERS: Final = {"alternating-users"}


class MirroredStage(MemoryStage):
    """A secret with mirrors, which hold its first value."""

    def __init__(self, shape: str, names: str = "", **more: Any) -> None:  # noqa: ANN401 JSON
        """Name the mirrors of that shape, or others."""
        super().__init__(**SHAPES[shape], **more)
        self.followed = Followed(self, *names.split(",")) if names else Followed.of(self, two_users=shape in TWO_USERS)
        self.mirrors = self.known = self.followed.mirrors


@pytest.fixture(params=SHAPES)
def stage(request: pytest.FixtureRequest) -> MirroredStage:
    return MirroredStage(request.param)


def fail(stage: MirroredStage, name: str = "mirror write", phase: str = "before", times: int = 1) -> None:
    """Let some calls fail."""
    left = [times]

    def effect(called: str, now: str) -> None:
        if (called, now) == (name, phase) and left[0]:
            left[0] -= 1
            raise StoreUnavailable("No answer", where=called)

    stage.known.effect = effect


def test_mirrors_follow_each_rotation(stage: MirroredStage) -> None:
    """What readers of a mirror have logs in until the next rotation begins, where the old password does."""
    for _ in range(3):
        stage.rotate()
        assert stage.followed.in_step()
        assert stage.current_logs_in()
    assert stage.server.refused == []
    assert "MirrorBehind" not in stage.notes.measured


@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_without_mirrors_costs_no_call_more(shape: str) -> None:
    """Also where the function may write some."""
    plain, mirroring = MemoryStage(**SHAPES[shape]), MirroredStage(shape, names=WHOLE)
    bare = MemoryStage(**SHAPES[shape])
    bare.settings = replace(bare.settings, mirror_path="/mirrors")
    for it in (plain, mirroring, bare):
        it.rotate()
    assert bare.store.calls == plain.store.calls
    assert mirroring.store.calls == [*plain.store.calls, "read"]
    alone = ["mirror check"] if shape == "single-user" else []
    assert mirroring.known.calls == ["mirror value", "mirror value", *alone, "mirror value", "mirror write"]


def test_a_mirror_that_cannot_be_written_fails_no_rotation(stage: MirroredStage) -> None:
    """It is counted and told by name; the next rotation writes it first, and goes on with the service's retry."""
    stage.known.effect = lambda *_: None
    fail(stage, times=9)
    stage.rotate()
    assert stage.notes.measured["MirrorBehind"] == 1
    assert any(WHOLE in line for line in stage.notes.warned)
    assert not stage.followed.in_step()
    stage.known.effect = lambda *_: None
    rotated_once_caches_are_old(stage, stage.store.rotate())
    assert stage.followed.in_step()


def rotated_once_caches_are_old(stage: MirroredStage, token: str) -> None:
    """Play a rotation that finds a mirror behind: with a cache in mind it refuses once, as long as that helps."""
    error = stage.play(token)
    if overlapping(stage):
        assert isinstance(error, RotationRefused)
        assert "which readers that cache may have still" in error.what
        assert error.retryable
        assert stage.followed.in_step()
        error = stage.play(token)
    assert error is None


def test_no_version_is_made_while_a_mirror_is_behind(stage: MirroredStage) -> None:
    """Its readers may have the very password that would end."""
    fail(stage, times=99)
    stage.rotate()
    token = stage.store.rotate()
    with pytest.raises(RotationRefused, match="A mirror does not hold AWSCURRENT: No answer") as error:
        stage.step(Step.CREATE, token)
    assert error.value.retryable
    assert "take it out of rotation.mirror" in error.value.remedy
    assert token not in stage.store.values
    stage.known.effect = lambda *_: None
    rotated_once_caches_are_old(stage, token)
    assert stage.followed.in_step()


def test_the_pending_value_that_alone_logs_in_becomes_current(stage: MirroredStage) -> None:
    """A broken mirror keeps no rotation from helping its readers: they are rejected until AWSCURRENT moves."""
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    document = json.loads(stage.store.values[token])
    stage.server.accounts[document["username"]] = Account(document["password"], set(stage.needed_rights))
    if document["username"] != "app":
        stage.server.accounts["app"].password = "by hand"
    fail(stage, "mirror value", times=99)
    assert stage.play(token) is None
    assert stage.current_logs_in()
    assert stage.notes.measured["MirrorBehind"] == 1


def overlapping(stage: MirroredStage) -> bool:
    """Return whether the old credential works beside the new one."""
    return not isinstance(strategy_for(stage.delivery("").current, stage.settings), SingleUser)


def rejected_readers(stage: MirroredStage) -> list[str]:
    """Let readers of all mirrors log in around each call, login and statement; return where one is rejected."""
    rejected: list[str] = []

    def look(called: str, phase: str) -> None:
        if not stage.followed.readers_log_in():
            rejected.append(f"{phase} {called}")

    stage.server.effect = stage.store.effect = stage.known.effect = look
    return rejected


def broken(stage: MirroredStage) -> str:
    """Rotate, begin another rotation, and let somebody put the value before into the mirrors, which then hold it."""
    stage.rotate()
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    stage.followed.put(Stage.PREVIOUS)
    return token


def test_mirrors_break_between_two_steps(stage: MirroredStage) -> None:
    """
    Two users, two passwords: their readers still log in, since the step that would end that is refused.

    With one password they are rejected from the moment in which somebody put the old one back; nothing else changes.
    """
    token = broken(stage)
    fail(stage, times=99)
    assert stage.followed.readers_log_in() is overlapping(stage)
    before = stage.held_passwords()
    for _ in range(2):
        error = stage.play(token)
        assert isinstance(error, RotationRefused)
        assert error.what == "A mirror does not hold AWSCURRENT: No answer"
        assert error.retryable
    assert stage.held_passwords() == before
    assert stage.followed.readers_log_in() is overlapping(stage)
    stage.known.effect = lambda *_: None
    rotated_once_caches_are_old(stage, token)
    assert stage.followed.in_step()


def test_mirrors_that_lag_are_written_before_the_password_ends(stage: MirroredStage) -> None:
    """Two users, two passwords: whoever reads them before each login is accepted at every instant."""
    token = broken(stage)
    rejected = rejected_readers(stage)
    kept = stage.followed.credentials()
    error = stage.play(token, list(Step)[1:])
    assert (error is not None) is overlapping(stage)
    assert not error or all(map(stage.server.logs_in, kept))
    assert stage.play(token, list(Step)[1:]) is None
    assert stage.followed.in_step()
    assert rejected == [] or not overlapping(stage)


def test_readers_of_mirrors_at_each_instant(stage: MirroredStage) -> None:
    """With one password they are rejected from the change until the mirror is written, and at no other instant."""
    rejected = rejected_readers(stage)
    for _ in range(2):
        stage.rotate()
    assert stage.followed.in_step()
    if overlapping(stage):
        assert rejected == []
    else:
        assert (rejected[0], rejected[-1]) == ("after set_password", "before mirror write")


def test_the_only_password_does_not_change_while_a_mirror_cannot_be_written() -> None:
    """Its readers would be rejected from the change until a person puts that right; so they keep what logs in."""
    stage = MirroredStage("single-user")
    token = stage.store.rotate()
    assert stage.play(token, list(Step)[:3]) is None
    fail(stage, "mirror check", times=99)
    with pytest.raises(StoreUnavailable, match="No answer"):
        stage.step(Step.FINISH, token)
    assert stage.followed.readers_log_in()
    stage.known.effect = lambda *_: None
    stage.step(Step.FINISH, token)
    assert stage.followed.in_step()


def test_a_late_step_looks_again(stage: MirroredStage) -> None:
    """Whichever step of a token that is AWSCURRENT comes again writes what is behind."""
    for step in Step:
        fail(stage, times=9)
        token = stage.rotate()
        assert not stage.followed.in_step()
        stage.known.effect = lambda *_: None
        stage.step(step, token)
        assert stage.followed.in_step(), step


def test_aws_current_moves_while_a_mirror_is_written(stage: MirroredStage) -> None:
    """The last writer looks again."""
    theirs = json.loads(stage.store.value_at(Stage.CURRENT)) | {"note": "theirs"}
    fired: list[int] = []

    def effect(called: str, phase: str) -> None:
        if (called, phase) == ("mirror write", "before") and not fired:
            fired.append(1)
            stage.store.begin(json.dumps(theirs))

    stage.known.effect = effect
    stage.rotate()
    assert stage.followed.in_step()
    assert json.loads(stage.known.values[WHOLE])["note"] == "theirs"


@pytest.mark.parametrize("phase", ["before", "after"])
def test_others_write_a_mirror_at_the_same_time(stage: MirroredStage, phase: str) -> None:
    """A twin, or an answer that was lost: the next look finds it written, or writes it. Nobody is told."""
    fail(stage, phase=phase)
    stage.rotate()
    assert stage.followed.in_step()
    assert "MirrorBehind" not in stage.notes.measured
    assert stage.known.calls.count("mirror write") == len(stage.known.owners) + (phase == "before")


def test_aws_current_moves_all_the_time(stage: MirroredStage) -> None:
    """There is an end to it; the mirror is told to be behind."""
    numbers = itertools.count()

    def effect(called: str, phase: str) -> None:
        if (called, phase) == ("mirror write", "before"):
            document = json.loads(stage.store.value_at(Stage.CURRENT)) | {"note": str(next(numbers))}
            stage.store.begin(json.dumps(document))

    stage.known.effect = effect
    stage.rotate()
    assert stage.notes.measured["MirrorBehind"] == 1


def test_too_little_time_is_left(stage: MirroredStage) -> None:
    """An invocation does not end in the middle of a write; the version is current."""
    token = stage.store.rotate()
    assert stage.play(token, list(Step)[:3]) is None
    stage.store.effect = _late_after_promotion(stage)
    stage.step(Step.FINISH, token)
    assert not stage.followed.in_step()
    assert stage.notes.measured["MirrorBehind"] == 1


def _late_after_promotion(stage: MirroredStage) -> Any:  # noqa: ANN401 an effect of the store
    def effect(operation: str, phase: str) -> None:
        if (operation, phase) == ("promote", "after"):
            stage.late = 40

    return effect


class Killed(BaseException):
    """The invocation ends here."""


@pytest.mark.parametrize("cut", range(1, 40))
def test_killed_at_each_call(stage: MirroredStage, cut: int) -> None:
    """Before or after each call of store and mirrors: the next delivery completes, and the mirrors hold AWSCURRENT."""
    made = itertools.count(1)

    def effect(_called: str, _phase: str) -> None:
        if next(made) == cut:
            raise Killed

    stage.known.effect = stage.store.effect = effect
    token = stage.store.rotate()
    killed = False
    for step in Step:
        try:
            stage.step(step, token)
        except Killed:
            killed = True
            break
    stage.known.effect = stage.store.effect = lambda *_: None
    assert stage.play(token) is None
    assert stage.followed.in_step(), f"killed: {killed}"
    assert stage.current_logs_in()


def test_an_operator_lets_mirrors_follow(stage: MirroredStage) -> None:
    """It may be sent twice; what is in step is not written."""
    stage.known.values[WHOLE] = "{}"
    steps.sync_mirrors(stage.delivery(""))
    assert stage.followed.in_step()
    writes = stage.known.calls.count("mirror write")
    steps.sync_mirrors(stage.delivery(""))
    assert stage.known.calls.count("mirror write") == writes
    stage.known.values[WHOLE] = "{}"
    fail(stage, times=99)
    with pytest.raises(RotationRefused, match="does not hold AWSCURRENT"):
        steps.sync_mirrors(stage.delivery(""))


def test_nothing_to_do_for_a_secret_without_mirrors() -> None:
    stage = MemoryStage()
    steps.sync_mirrors(stage.delivery(""))
    assert "names no mirror" in stage.notes.said[-1]


def test_a_password_alone_cannot_follow_two_users() -> None:
    stage = MirroredStage("alternating-users", names=ALONE)
    token = stage.store.rotate()
    with pytest.raises(InvalidSettings, match="cannot follow two users"):
        stage.step(Step.CREATE, token)
    with pytest.raises(InvalidSettings, match="cannot follow two users"):
        steps.dry_run(stage.delivery(token))
    assert token not in stage.store.values


@pytest.mark.parametrize("elsewhere", ["/mirrorsother/x", "/other/x"])
def test_a_mirror_where_the_function_writes_none(elsewhere: str) -> None:
    stage = MirroredStage("single-user", names=elsewhere)
    with pytest.raises(InvalidSettings, match="where the function writes none"):
        stage.step(Step.CREATE, stage.store.rotate())
    stage = MirroredStage("single-user")
    stage.mirrors = None
    with pytest.raises(InvalidSettings, match="where the function writes none"):
        stage.step(Step.CREATE, stage.store.rotate())


def test_another_secrets_mirror(stage: MirroredStage) -> None:
    """Whoever may write this secret cannot have it overwritten."""
    stage.known.owners[WHOLE] = "arn:another"
    stage.known.values[WHOLE] = "another's"
    with pytest.raises(RotationError, match="does not say that it mirrors this secret"):
        stage.step(Step.CREATE, stage.store.rotate())
    with pytest.raises(RotationError, match="does not say that it mirrors this secret"):
        steps.dry_run(stage.delivery(stage.store.rotate()))
    assert stage.known.values[WHOLE] == "another's"


def test_a_dry_run_says_whether_they_follow(stage: MirroredStage) -> None:
    steps.dry_run(stage.delivery(stage.store.rotate()))
    assert any("looked at a mirror" in line and "'follows': True" in line for line in stage.notes.said)
    assert "mirror write" not in stage.known.calls


def test_passwords_that_parameter_store_takes(stage: MirroredStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """No braces, which could be two in a row."""
    seen: list[str] = []

    def noted(limits: Limits, *rest: Any) -> object:  # noqa: ANN401 rules, passed on
        seen.append(limits.forbidden)
        return policy_for(limits, *rest)

    monkeypatch.setattr("rotation.steps.policy_for", noted)
    stage.rotate()
    assert [mirrors.FORBIDDEN in forbidden for forbidden in seen] == [True]


def test_a_secret_that_cannot_be_read_afterwards(stage: MirroredStage) -> None:
    """The rotation is done all the same."""
    token = stage.rotate()
    stage.store.values[token] = "no JSON"
    stage.step(Step.FINISH, token)
    assert any("Whether the mirrors follow could not be seen" in line for line in stage.notes.warned)


@pytest.mark.parametrize("named", ["x", "/x", "/a/b, c", "/a/b:1", "/a//b"])
def test_names_that_are_none(named: str) -> None:
    with pytest.raises(InvalidSettings, match="is not a list of parameters"):
        overrides.read({"rotation": {"mirror": named}}, "here")


@pytest.mark.parametrize("path", ["mirrors", "/mirrors/", "/aws/mirrors", "/"])
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(InvalidSettings, match="MIRROR_PATH is no path of parameters"):
        Settings.from_environment({"MIRROR_PATH": path})


def test_a_revocation_lets_mirrors_follow_first(stage: MirroredStage) -> None:
    """What it ends is AWSPREVIOUS's password, which a mirror that is behind may hold; the leak is not kept for it."""
    stage.rotate()
    stage.followed.put(Stage.PREVIOUS)
    rejected = rejected_readers(stage)
    steps.revoke_previous(stage.delivery(""), end_sessions=False)
    assert stage.followed.in_step()
    assert rejected == [] or not overlapping(stage)
    stage.known.values[WHOLE] = "{}"
    stage.server.effect = stage.store.effect = lambda *_: None
    fail(stage, times=99)
    steps.revoke_previous(stage.delivery(""), end_sessions=False)
    assert any("A mirror does not hold" in line and WHOLE in line for line in stage.notes.warned)


def test_a_dry_run_says_who_is_rejected() -> None:
    """Readers of mirrors, where there is but one password; without mirrors nobody is named."""
    stage = MirroredStage("single-user")
    steps.dry_run(stage.delivery(stage.store.rotate()))
    told = [line for line in stage.notes.said if "reject clients that read /mirrors/" in line]
    assert len(told) == len(stage.known.owners)


def test_a_run_that_took_long_looks_at_aws_current_before_it_writes(stage: MirroredStage) -> None:
    """Another rotation may have come whole in between: what it wrote is not written over, not for an instant."""
    token = stage.store.rotate()
    assert stage.play(token, list(Step)[:3]) is None
    theirs = json.dumps(json.loads(stage.store.value_at(Stage.CURRENT)) | {"note": "theirs"})

    def effect(called: str, phase: str) -> None:
        if (called, phase) == ("promote", "after"):
            stage.late = 10
            stage.store.begin(theirs)

    stage.store.effect = effect
    held: list[str] = []
    stage.known.effect = lambda *_: held.append(json.loads(stage.known.values[WHOLE])["password"])
    stage.step(Step.FINISH, token)
    assert stage.followed.in_step()
    assert json.loads(stage.store.values[token])["password"] not in held


def test_an_older_version_that_alone_logs_in_is_enough_with_a_broken_mirror() -> None:
    """AWSCURRENT is refused, so its readers are rejected already; nothing is asked of their mirrors."""
    stage = MirroredStage("single-user")
    stage.rotate()
    stage.server.accounts["app"].password = str(json.loads(stage.store.value_at(Stage.PREVIOUS))["password"])
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    fail(stage, "mirror value", times=99)
    assert stage.play(token) is None
    assert stage.current_logs_in()
    assert "mirror check" not in stage.known.calls[-4:]
