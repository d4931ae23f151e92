"""One user, one password: late cutover, and what happens when it is disturbed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rotation.errors import (
    AuthenticationFailed,
    GuardViolation,
    NoWorkingCredential,
    PasswordRejected,
    PermissionDenied,
    RotationError,
    RotationRefused,
    StatementFailed,
    StoreDenied,
    Unreachable,
)
from rotation.machine import advance
from rotation.model import Deadline, Stage, Step
from rotation.settings import Settings
from rotation.strategies.cutover import TIME_NEEDED
from tests.support.memory.engine import ADMIN, Account
from tests.support.memory.interruptions import contested, fail, when
from tests.support.memory.stage import ADMIN_ARN, FIRST, MemoryStage

if TYPE_CHECKING:
    from collections.abc import Iterator

UNTIL_FINISH = [Step.CREATE, Step.SET, Step.TEST]
APP = "rotation of app"
BY_ADMIN: Any = {"rotation": {"strategy": "single-user"}}


@pytest.fixture(params=[False, True], ids=["by itself", "by an admin"])
def stage(request: pytest.FixtureRequest) -> Iterator[MemoryStage]:
    """Return a secret of one user, with and without an admin; no session is left open."""
    stage = MemoryStage(admin=True, **BY_ADMIN) if request.param else MemoryStage()
    yield stage
    assert stage.server.sessions == []


def until_finish(stage: MemoryStage) -> str:
    """Return a token for which all but finishSecret has run."""
    token = stage.store.rotate()
    assert stage.play(token, UNTIL_FINISH) is None
    return token


def edit(stage: MemoryStage, label: Stage, **changed: object) -> None:
    """Change a stored version in place, as only a foreign hand could."""
    version = stage.store.holder(label) or ""
    stage.store.values[version] = json.dumps({**json.loads(stage.store.values[version]), **changed})


def set_count(stage: MemoryStage) -> list[str]:
    """Count the changes of a password from now on."""
    seen: list[str] = []
    stage.server.effect = when("set_password", "before", lambda: seen.append("set"), times=99)
    return seen


def test_a_rotation_fails_no_login(stage: MemoryStage) -> None:
    """A healthy rotation logs in at most three times (four by an admin), and is refused never."""
    stage.rotate()
    assert stage.server.refused == []
    assert len(stage.server.accepted) == (4 if ADMIN in stage.server.accepted else 3)
    assert stage.current_logs_in()
    assert stage.notes.measured["CutoverWindow"] >= 0
    assert stage.credential(Stage.PREVIOUS).password.reveal() == FIRST


def test_nothing_changes_before_finish(stage: MemoryStage) -> None:
    """Until finishSecret the old password is the server's."""
    changes = set_count(stage)
    until_finish(stage)
    assert changes == []
    assert stage.server.accounts["app"].password == FIRST


def test_set_asks_nobody(stage: MemoryStage) -> None:
    """SetSecret neither logs in nor reads more than the pending value."""
    token = stage.store.rotate()
    stage.play(token, [Step.CREATE])
    calls = len(stage.store.calls)
    stage.step(Step.SET, token)
    assert stage.store.calls[calls:] == ["read"]
    assert stage.server.accepted == []


@pytest.mark.parametrize(("by_admin", "right"), [(False, "own"), (True, "admin")])
def test_a_missing_right_is_found_before_the_cutover(right: str, *, by_admin: bool) -> None:
    """TestSecret fails where the password could not be changed, and AWSPENDING stays for the retry."""
    stage = MemoryStage(admin=True, **BY_ADMIN) if by_admin else MemoryStage()
    account = stage.server.accounts["app"] if right == "own" else stage.server.admin()
    account.may_change = False
    account.rights.discard("admin")
    token = stage.store.rotate()
    error = stage.play(token)
    assert isinstance(error, PermissionDenied)
    assert stage.store.holder(Stage.PENDING) == token
    assert stage.current_logs_in()


@pytest.mark.parametrize("at", [Step.TEST, Step.FINISH])
def test_a_password_that_the_policy_refuses_is_given_up(stage: MemoryStage, at: Step) -> None:
    """A value that can never be set loses AWSPENDING, so that the next rotation starts anew."""
    token = stage.store.rotate()
    stage.play(token, [step for step in UNTIL_FINISH if step is not at])
    stage.server.rejects = lambda password: password != FIRST
    with pytest.raises(PasswordRejected, match="AWSPENDING was taken off"):
        stage.step(at, token)
    assert stage.store.holder(Stage.PENDING) is None
    assert stage.current_logs_in()
    stage.server.rejects = lambda _: False
    stage.rotate()
    assert stage.current_logs_in()


def test_giving_up_needs_no_answer(stage: MemoryStage) -> None:
    """Where AWSPENDING cannot be taken off, the error that made it hopeless is still the one that is told."""
    stage.server.rejects = lambda _: True
    stage.store.effect = fail("unstage", "before", StoreDenied("denied"))
    token = stage.store.rotate()
    error = stage.play(token)
    assert isinstance(error, PasswordRejected)
    assert "taken off" not in str(error)
    assert stage.store.holder(Stage.PENDING) == token


@pytest.mark.parametrize("at", [Step.TEST, Step.FINISH])
@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"host": "memory.example", "dbname": "other"}, "dbname"),
        ({"note": "changed"}, "note"),
        ({"a key!": 1}, "…"),
        ({"rotation": {"strategy": "single-user", "passwordLength": 19}}, "rotation"),
    ],
)
def test_a_change_of_the_current_value_is_not_lost(
    stage: MemoryStage, at: Step, changed: dict[str, object], named: str
) -> None:
    """When AWSCURRENT got another content since createSecret, the pending value is given up."""
    token = stage.store.rotate()
    stage.play(token, [step for step in UNTIL_FINISH if step is not at])
    edit(stage, Stage.CURRENT, **changed)
    with pytest.raises(GuardViolation, match="was changed after createSecret") as refused:
        stage.step(at, token)
    assert named in str(refused.value)
    assert "a key!" not in str(refused.value)
    assert stage.store.holder(Stage.PENDING) is None
    assert stage.current_logs_in()
    stage.rotate()


def test_a_changed_value_that_does_not_log_in_keeps_the_pending_one(stage: MemoryStage) -> None:
    """AWSPENDING is only given up once AWSCURRENT was seen to log in: it may hold the one good password."""
    token = until_finish(stage)
    edit(stage, Stage.CURRENT, note="changed", password="wrong-password")
    error = stage.play(token, [Step.FINISH])
    assert isinstance(error, GuardViolation)
    assert "AWSPENDING was kept" in error.remedy
    assert stage.store.holder(Stage.PENDING) == token


@pytest.mark.parametrize("at", [Step.TEST, Step.FINISH])
def test_a_pending_value_about_another_user_is_refused(stage: MemoryStage, at: Step) -> None:
    """Nobody's password is changed but that of the user that AWSCURRENT logs in as."""
    stage.server.accounts["victim"] = Account("victims-own")
    token = stage.store.rotate()
    stage.play(token, [step for step in UNTIL_FINISH if step is not at])
    edit(stage, Stage.PENDING, username="victim")
    with pytest.raises(GuardViolation, match="username"):
        stage.step(at, token)
    assert stage.server.accounts["victim"].password == "victims-own"
    assert stage.current_logs_in()


def test_a_pending_value_for_another_host_is_refused(stage: MemoryStage) -> None:
    """The new password goes nowhere but where AWSCURRENT logs in."""
    token = until_finish(stage)
    edit(stage, Stage.PENDING, host="elsewhere.example")
    with pytest.raises(GuardViolation, match="host"):
        stage.step(Step.FINISH, token)
    assert stage.current_logs_in()


@pytest.mark.parametrize(("stage", "by_admin"), [(False, False), (True, True)], indirect=["stage"])
def test_a_password_changed_by_an_earlier_attempt_goes_forward(stage: MemoryStage, *, by_admin: bool) -> None:
    """Where AWSCURRENT is refused and the pending value accepted, the first step that sees it moves the label."""
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    stage.server.accounts["app"].password = stage.credential(Stage.PENDING).password.reveal()
    assert stage.play(token, UNTIL_FINISH) is None
    assert (stage.store.holder(Stage.CURRENT) == token) is not by_admin  # whose step sees no password
    assert stage.play(token) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()


def test_finish_alone_goes_forward_too(stage: MemoryStage) -> None:
    """FinishSecret finds the password applied, changes nothing, and moves the label."""
    token = until_finish(stage)
    stage.server.accounts["app"].password = stage.credential(Stage.PENDING).password.reveal()
    changes = set_count(stage)
    stage.step(Step.FINISH, token)
    assert changes == []
    assert stage.store.holder(Stage.CURRENT) == token


def test_nothing_begins_that_could_not_be_taken_back(stage: MemoryStage) -> None:
    """With too little time left the password stays, and the service may retry."""
    token = until_finish(stage)
    delivery = stage.delivery(token)
    delivery.deadline = Deadline(TIME_NEEDED - 1)
    changes = set_count(stage)
    with pytest.raises(RotationError, match="too few") as late:
        advance(delivery, Step.FINISH)
    assert late.value.retryable
    assert changes == []
    assert stage.current_logs_in()
    stage.step(Step.FINISH, token)
    assert stage.current_logs_in()


def test_a_twin_that_finishes_first_is_left_alone(stage: MemoryStage) -> None:
    """A delivery that had to wait for the lock and finds its token current has nothing left to do."""
    token = until_finish(stage)
    changes = set_count(stage)

    def twin() -> None:
        stage.server.accounts["app"].password = stage.credential(Stage.PENDING).password.reveal()
        stage.store.promote(token, stage.store.holder(Stage.CURRENT) or "")

    with contested(stage.server, APP, twin):
        stage.step(Step.FINISH, token)
    assert changes == []
    assert stage.current_logs_in()


def test_an_abandoned_twin_changes_nothing(stage: MemoryStage) -> None:
    """A delivery that had to wait for the lock and finds its token abandoned is refused."""
    token = until_finish(stage)
    changes = set_count(stage)
    with contested(stage.server, APP, stage.store.abandon), pytest.raises(RotationRefused, match="abandoned"):
        stage.step(Step.FINISH, token)
    assert changes == []
    assert stage.current_logs_in()


def test_a_wait_alone_is_no_obstacle(stage: MemoryStage) -> None:
    """A delivery that had to wait and finds its token still pending goes on."""
    token = until_finish(stage)
    with contested(stage.server, APP, lambda: None):
        stage.step(Step.FINISH, token)
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()


def test_a_lock_that_is_never_let_go_ends_the_step(stage: MemoryStage) -> None:
    """The wait for the lock is bounded, and its end retryable."""
    token = until_finish(stage)
    lock = stage.server.lock(APP)
    with lock, pytest.raises(StatementFailed) as late:
        stage.step(Step.FINISH, token)
    assert late.value.retryable
    assert stage.current_logs_in()


def test_an_admin_changes_no_privileged_user() -> None:
    """A user that is more powerful than an application's is refused, in testSecret already, unless allowed."""
    stage = MemoryStage(admin=True, **BY_ADMIN)
    stage.server.accounts["app"].rights.add("admin")
    token = stage.store.rotate()
    assert isinstance(stage.play(token), GuardViolation)
    assert stage.server.accounts["app"].password == FIRST
    stage.settings = Settings(admin_secret_arns=(ADMIN_ARN,), allow_privileged_targets=True)
    assert stage.play(token) is None
    assert stage.current_logs_in()


def test_a_user_that_became_privileged_is_refused_in_finish() -> None:
    """The guard is asked again right before the change."""
    stage = MemoryStage(admin=True, **BY_ADMIN)
    token = until_finish(stage)
    stage.server.accounts["app"].rights.add("admin")
    with pytest.raises(GuardViolation):
        stage.step(Step.FINISH, token)
    assert stage.server.accounts["app"].password == FIRST


def test_possession_is_proven_although_an_admin_could_do_without() -> None:
    """An admin changes nothing for a secret whose own password the server refuses."""
    stage = MemoryStage(admin=True, password="guessed-one", **BY_ADMIN)
    error = stage.play(stage.store.rotate())
    assert isinstance(error, NoWorkingCredential)
    assert stage.server.accounts["app"].password == FIRST


def test_an_admin_that_the_server_refuses_is_named() -> None:
    """A refused admin login names the admin secret, not the user's."""
    stage = MemoryStage(admin=True, **BY_ADMIN)
    stage.server.admin().password = "another"
    error = stage.play(stage.store.rotate())
    assert isinstance(error, AuthenticationFailed)
    assert ADMIN_ARN in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


class TestTheWayOfClients:
    """Where the secret's own address is another one than the admin's, the new password is proven there."""

    def test_that_is_closed_is_found_before_anything_is_changed(self) -> None:
        """The dry run and testSecret say so, and finishSecret once more: the old password stays."""
        stage = MemoryStage(admin=True, **BY_ADMIN, host="elsewhere.example")
        changes = set_count(stage)
        assert isinstance(stage.play(dry_run(stage), [Step.TEST]), Unreachable)
        token = stage.store.rotate()
        assert isinstance(stage.play(token), Unreachable)
        assert isinstance(stage.play(token, [Step.FINISH]), Unreachable)
        assert changes == []

    def test_that_is_open_costs_three_logins(self) -> None:
        """Another port of the same server, as a tunnel has it; the new password is proven where it was set first."""
        stage = MemoryStage(admin=True, **BY_ADMIN, port=15432)
        stage.rotate()
        assert stage.server.refused == []
        assert len(stage.server.accepted) == 4 + 3

    def test_that_is_the_same_name_spelt_otherwise_costs_none(self) -> None:
        """The DNS knows no case, and a dot at the end is no other name."""
        spelt = "MEMORY.Example."
        stage = MemoryStage(admin=True, **BY_ADMIN, host=spelt)
        stage.server.others[f"{spelt}:5432"] = stage.server
        stage.rotate()
        assert len(stage.server.accepted) == 4

    def test_is_not_asked_of_a_password_that_was_refused(self) -> None:
        """AWSCURRENT is out already: nothing is lost by a proof that fails."""
        stage = MemoryStage(admin=True, **BY_ADMIN, port=15432)
        stage.rotate()
        stage.server.accounts["app"].password = FIRST
        stage.server.refused.clear()
        stage.rotate()
        assert stage.current_logs_in()
        assert len(stage.server.refused) == 1 + 2  # in testSecret AWSCURRENT, in finishSecret AWSPENDING too


def dry_run(stage: MemoryStage) -> str:
    """Stage a version without a value."""
    token = stage.store.rotate()
    stage.store.stages[token] = {Stage.PENDING}
    return token


class TestASecondPassword:
    """What the strategy retained-password has left is ended once another password is current."""

    def test_is_ended(self) -> None:
        """By the next rotation, whoever changes the password."""
        stage = self._retained()
        assert stage.server.accounts["app"].second
        stage.rotate()
        assert stage.server.accounts["app"].second is None
        assert stage.current_logs_in()

    def test_that_may_not_be_ended_hinders_nothing(self) -> None:
        """The right to keep two is the right to end one."""
        stage = self._retained()
        stage.server.accounts["app"].may_retain = False
        stage.rotate()
        assert stage.server.accounts["app"].second

    def test_that_cannot_be_ended_hinders_nothing(self) -> None:
        """AWSCURRENT has moved by then."""
        stage = self._retained()
        stage.server.effect = fail("discard", "before", StatementFailed("no", engine="memory"))
        stage.rotate()
        assert stage.current_logs_in()

    def _retained(self) -> MemoryStage:
        stage = MemoryStage(engine="memory-of-two")
        stage.rotate()
        document = json.loads(stage.store.value_at(Stage.CURRENT))
        stage.store.begin(json.dumps({**document, "rotation": {"strategy": "single-user"}}))
        return stage
