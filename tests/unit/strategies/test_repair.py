"""An admin sets the new password where the server accepts none of the secret's, if the settings allow it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    GuardViolation,
    NotOurs,
    NoWorkingCredential,
    RotationRefused,
    StoreError,
    Unreachable,
)
from rotation.model import LAST_REFUSED, Mark, Stage, Step
from rotation.settings import Settings
from rotation.strategies.logins import MOST_REFUSALS
from rotation.strategies.recovery import Recovery
from tests.support.memory.cuts import STAGES
from tests.support.memory.engine import HOST, MemorySession
from tests.support.memory.interruptions import fail, when
from tests.support.memory.stage import ADMIN_ARN, MemoryStage

if TYPE_CHECKING:
    from collections.abc import Collection

NAMES = ("single-user by admin", "alternating-users", "retained-password by admin")
ALONE = ("single-user by admin", "retained-password by admin")
ON = Settings(admin_secret_arns=(ADMIN_ARN,), repair_by_admin=True)
LOST = "known-to-nobody"


def lost(name: str, *, rotations: int = 2, settings: Settings = ON, marked: bool = True) -> MemoryStage:
    """Return a secret of whose passwords the server accepts none any more."""
    stage = STAGES[name]()
    for _ in range(rotations):
        stage.rotate()
    stage.settings = settings
    for username, account in stage.server.accounts.items():
        if username.startswith("app"):
            account.password, account.second = f"{LOST} {username}", None
            if marked and name in ALONE:
                account.mark = Mark(stage.store.arn, "app", "")
            elif not marked:
                account.mark = None
    stage.server.refused.clear()
    return stage


def passwords(stage: MemoryStage) -> list[str | None]:
    """Return what the server holds of the application's users."""
    return [account.password for name, account in stage.server.accounts.items() if name.startswith("app")]


def refused(stage: MemoryStage) -> Exception:
    """Rotate, and expect an error and no change."""
    before = passwords(stage)
    error = stage.play(stage.store.rotate())
    assert error is not None
    assert passwords(stage) == before
    assert stage.server.sessions == []
    assert Recovery.BY_ADMIN not in stage.notes.recoveries
    return error


@pytest.mark.parametrize("rotations", [1, 2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_the_admin_repairs_it(name: str, rotations: int) -> None:
    """The rotation goes on, AWSCURRENT logs in at its end, it is counted, and the next one is as any other."""
    stage = lost(name, rotations=rotations)
    stage.rotate()
    assert stage.current_logs_in()
    assert stage.notes.recoveries == [Recovery.BY_ADMIN]
    assert len(stage.server.refused) <= MOST_REFUSALS
    assert stage.server.sessions == []
    stage.server.refused.clear()
    stage.settings = Settings(admin_secret_arns=(ADMIN_ARN,))
    stage.rotate()
    stage.rotate()
    assert stage.server.refused == []


@pytest.mark.parametrize("may_retain", [True, False])
def test_with_two_passwords_it_is_repaired_at_once(*, may_retain: bool) -> None:
    """The admin sets the pending password alone: AWSCURRENT's was never accepted, and anybody may have written it."""
    stage = lost("retained-password by admin")
    stage.server.accounts["app"].may_retain = may_retain
    old = stage.credential().password.reveal()
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE, Step.SET]) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()
    assert old not in stage.held_passwords()
    assert stage.server.accounts["app"].second is None


@pytest.mark.parametrize("name", ALONE)
def test_a_repair_whose_label_does_not_move_stays_forward(name: str) -> None:
    """Nothing that was proven could be put back: the retry goes on with the same password."""
    stage = lost(name)
    token = stage.store.rotate()
    stage.store.effect = fail("promote", "before", StoreError("refused"), times=9)
    error = stage.play(token)
    assert "The new password stays" in str(error)
    assert error is not None
    assert error.retryable
    assert stage.server.logs_in(stage.credential(Stage.PENDING))
    stage.store.effect = lambda _name, _phase: None
    assert stage.play(token) is None
    assert stage.current_logs_in()


@pytest.mark.parametrize("name", ALONE)
def test_a_repair_that_the_server_does_not_confirm_stays_forward(name: str) -> None:
    """The same where the proof gets no answer."""
    stage = lost(name)
    gone = Unreachable("gone", engine="memory")
    changed = when("set_password", "after", lambda: setattr(stage.server, "effect", fail("connect", "before", gone)))
    stage.server.effect = changed
    error = stage.play(stage.store.rotate())
    assert "The new password stays" in str(error)
    assert stage.server.logs_in(stage.credential(Stage.PENDING))


@pytest.mark.parametrize("name", NAMES)
def test_a_mark_that_users_can_write_themselves_is_no_proof(name: str) -> None:
    """Whoever had the password once could have written it: the admin says so, and sets nothing."""
    stage = lost(name)
    stage.server.users_write_marks = True
    assert "the user itself can write the mark" in str(refused(stage))


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ({"host": "elsewhere.example"}, "host"),
        ({"port": 15432}, "port"),
        ({"ssl": False}, "ssl"),
        ({"rotation": {"passwordLength": 40}}, "rules for passwords"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_was_not_proven_decides_where_the_password_goes(
    name: str, written: dict[str, Any], key: str
) -> None:
    """The mark says whose the account is, and nothing of what somebody wrote into the secret since."""
    stage = lost(name)
    document = json.loads(stage.store.value_at(Stage.CURRENT))
    rotation = {**document.get("rotation", {}), **written.get("rotation", {})}
    stage.store.begin(json.dumps({**document, "password": "a-writers", **written, "rotation": rotation}))
    before, token = passwords(stage), stage.store.rotate()
    error = stage.play(token, [Step.CREATE, Step.SET, Step.FINISH])
    assert isinstance(error, NoWorkingCredential)
    assert passwords(stage) == before
    assert f"nothing proves these keys of the secret: {key}." in error.remedy


@pytest.mark.parametrize("name", NAMES)
def test_it_is_off_by_default(name: str) -> None:
    """The error names the setting, and nothing is changed."""
    error = refused(lost(name, settings=Settings(admin_secret_arns=(ADMIN_ARN,))))
    assert isinstance(error, NoWorkingCredential)
    assert "REPAIR_BY_ADMIN" in error.remedy


@pytest.mark.parametrize("name", NAMES)
def test_the_setting_is_named_only_where_it_would_help(name: str) -> None:
    """An account without the mark, or one that is closed, would not be repaired: then nobody is sent there."""
    unmarked = lost(name, marked=False, settings=Settings(admin_secret_arns=(ADMIN_ARN,)))
    closed = lost(name, settings=Settings(admin_secret_arns=(ADMIN_ARN,)))
    for username, account in closed.server.accounts.items():
        account.usable = not username.startswith("app")
    absent = lost(name, settings=Settings(admin_secret_arns=(ADMIN_ARN,)))
    absent.server.admin().password = "changed"
    for stage in (unmarked, closed, absent):
        error = refused(stage)
        assert isinstance(error, (NoWorkingCredential, AuthenticationFailed))
        assert "REPAIR_BY_ADMIN" not in str(error)


@pytest.mark.parametrize("name", ["single-user", "retained-password"])
def test_without_an_admin_nobody_repairs(name: str) -> None:
    """A secret that names no admin gets no word of the setting."""
    error = refused(lost(name))
    assert isinstance(error, NoWorkingCredential)
    assert "REPAIR_BY_ADMIN" not in error.remedy


@pytest.mark.parametrize("mark", [None, Mark("arn:of:another", "app", ""), "of another user"])
@pytest.mark.parametrize("name", ALONE)
def test_one_user_without_the_mark_of_the_secret_stays(name: str, mark: Mark | str | None) -> None:
    """Neither no mark, nor another secret's or user's, is enough; all versions are tried as ever."""
    stage = lost(name)
    stage.server.accounts["app"].mark = Mark(stage.store.arn, "other", "") if isinstance(mark, str) else mark
    for number in range(4):
        store_unlabelled(stage, f"version-{number}")
    error = refused(stage)
    assert isinstance(error, NoWorkingCredential)
    assert "no mark of this secret" in error.remedy
    assert len(stage.server.refused) == MOST_REFUSALS
    assert any(LAST_REFUSED in labels for labels in stage.store.stages.values())


def store_unlabelled(stage: MemoryStage, name: str) -> None:
    """Leave a version without a label behind."""
    document = {"engine": "memory", "host": HOST, "port": 5432, "username": "app", "password": f"old-{name}"}
    stage.store.values[name] = json.dumps(document)


def test_one_refused_login_is_left_to_the_proof() -> None:
    """With many versions to try the admin sets the password after the third refusal."""
    stage = lost("single-user by admin")
    for number in range(4):
        store_unlabelled(stage, f"version-{number}")
    stage.rotate()
    assert len(stage.server.refused) == MOST_REFUSALS - 1


@pytest.mark.parametrize("adopts", [False, True])
def test_a_pair_without_a_mark_stays(*, adopts: bool) -> None:
    """Not even a function that adopts clones sets a password without any proof."""
    settings = Settings(admin_secret_arns=(ADMIN_ARN,), repair_by_admin=True, adopt_unmarked_clones=adopts)
    assert isinstance(refused(lost("alternating-users", settings=settings, marked=False)), NotOurs)


@pytest.mark.parametrize("name", NAMES)
def test_an_account_that_is_locked_or_expired_stays(name: str) -> None:
    """Somebody who closed an account meant it."""
    stage = lost(name)
    for username, account in stage.server.accounts.items():
        account.usable = not username.startswith("app")
    assert isinstance(refused(stage), AccountUnusable)


@pytest.mark.parametrize("name", NAMES)
def test_a_privileged_account_stays(name: str) -> None:
    """The guard stands before a repair as before any change of an admin's."""
    stage = lost(name)
    for username in ("app", "app_clone"):
        if username in stage.server.accounts:
            stage.server.accounts[username].rights.add("admin")
    assert isinstance(refused(stage), GuardViolation)


def connects(name: str) -> int:
    """Return which login has the pending value; a single user's admin logs in once before, in testSecret."""
    return 3 if name == NAMES[0] else 2


@pytest.mark.parametrize("name", NAMES)
def test_another_refusal_than_one_of_the_password_is_none_to_repair(name: str) -> None:
    """Where a version is refused for something else, its password may be right."""
    stage = lost(name)
    limit = AccountUnusable("At a limit", engine="memory")
    stage.server.effect = fail("connect", "before", limit, first=connects(name))
    error = refused(stage)
    assert isinstance(error, NoWorkingCredential)
    assert "REPAIR_BY_ADMIN" not in error.remedy


@pytest.mark.parametrize("name", NAMES)
def test_no_answer_is_no_refusal(name: str) -> None:
    """A failure of the network ends the step."""
    stage = lost(name)
    gone = Unreachable("No answer", engine="memory")
    stage.server.effect = fail("connect", "before", gone, first=connects(name))
    assert isinstance(refused(stage), Unreachable)


@pytest.mark.parametrize("name", NAMES)
def test_the_token_is_looked_at_again_under_the_lock(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation that was abandoned meanwhile changes nothing."""
    stage = lost(name)
    lock = MemorySession.lock

    def abandon(session: MemorySession, of: str, holders: Collection[str]) -> bool:
        stage.store.abandon()
        return lock(session, of, holders)

    monkeypatch.setattr(MemorySession, "lock", abandon)
    assert isinstance(refused(stage), RotationRefused)


@pytest.mark.parametrize("name", NAMES)
def test_a_twin_that_was_faster_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the token has become AWSCURRENT meanwhile there is nothing left to do."""
    stage = lost(name)
    token, lock = stage.store.rotate(), MemorySession.lock
    steps = list(Step) if name == NAMES[0] else [Step.CREATE, Step.SET]
    before = passwords(stage)

    def overtake(session: MemorySession, of: str, holders: Collection[str]) -> bool:
        stage.store.promote(token, str(stage.store.holder(Stage.CURRENT)))
        return lock(session, of, holders)

    monkeypatch.setattr(MemorySession, "lock", overtake)
    assert stage.play(token, steps) is None
    assert passwords(stage) == before


@pytest.mark.parametrize("name", ALONE)
def test_a_mark_that_goes_before_the_lock_is_taken_counts_no_more(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen before the lock is seen again under it."""
    stage = lost(name)
    lock = MemorySession.lock

    def unmark(session: MemorySession, of: str, holders: Collection[str]) -> bool:
        stage.server.accounts["app"].mark = None
        return lock(session, of, holders)

    monkeypatch.setattr(MemorySession, "lock", unmark)
    assert isinstance(refused(stage), NotOurs)


@pytest.mark.parametrize("name", NAMES[1:])
def test_what_was_changed_meanwhile_is_not_repaired(name: str) -> None:
    """Where a person has stored another AWSCURRENT the pending value is not set."""
    stage = lost(name)
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE]) is None
    document = json.loads(stage.store.value_at(Stage.CURRENT))
    before = passwords(stage)
    for changed in ({"password": "by-hand"}, {"password": "by-hand", "note": "another"}):
        stage.store.begin(json.dumps({**document, **changed}))
        assert isinstance(stage.play(token, [Step.SET]), NoWorkingCredential)
        assert passwords(stage) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_password_that_the_policy_refuses_fails_no_fifth_login(name: str) -> None:
    """The rotation gives up as far as that costs no refused login too many."""
    stage = lost(name)
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE]) is None
    stage.server.rejects = lambda _: True
    stage.server.refused.clear()
    assert stage.play(token, [Step.SET, Step.TEST, Step.FINISH]) is not None
    assert len(stage.server.refused) <= MOST_REFUSALS


def test_an_admin_that_is_refused_repairs_nothing() -> None:
    """The admin's own refusal counts, and is told as such."""
    stage = lost("alternating-users")
    stage.server.admin().password = "changed"
    assert isinstance(refused(stage), AuthenticationFailed)
    assert len(stage.server.refused) <= MOST_REFUSALS
