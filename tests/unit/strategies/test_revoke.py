"""The operator's event that ends AWSPREVIOUS's password at once."""

from __future__ import annotations

import json

import pytest

from rotation import steps
from rotation.errors import GuardViolation, NotOurs, RotationError, RotationRefused
from rotation.model import Deadline, Mark, Stage, Step
from tests.support.memory.engine import Account
from tests.support.memory.interruptions import when
from tests.support.memory.stage import MemoryStage

SINGLE = {"rotation": {"strategy": "single-user"}}


def revoke(stage: MemoryStage, *, end_sessions: bool = False) -> None:
    """Deliver the operator's event."""
    steps.revoke_previous(stage.delivery(""), end_sessions=end_sessions)


def refused(stage: MemoryStage) -> RotationError:
    """Expect a refusal that changes no password."""
    before = stage.held_passwords()
    with pytest.raises(RotationError) as error:
        revoke(stage)
    assert stage.held_passwords() == before
    return error.value


@pytest.fixture
def stage() -> MemoryStage:
    """Return a pair that was rotated twice: both users are marked as this secret's."""
    stage = MemoryStage(admin=True)
    stage.rotate()
    stage.rotate()
    return stage


def test_the_leaked_password_is_refused_afterwards(stage: MemoryStage) -> None:
    """The idle user's password ends; AWSCURRENT is untouched."""
    leaked = stage.credential(Stage.PREVIOUS)
    assert stage.server.logs_in(leaked)
    revoke(stage)
    assert not stage.server.logs_in(leaked)
    assert stage.current_logs_in()
    assert "not accepted any more" in stage.notes.said[-1]


def test_twice_does_no_harm(stage: MemoryStage) -> None:
    """The event may be sent again."""
    revoke(stage)
    revoke(stage)
    assert stage.current_logs_in()


def test_the_next_rotation_brings_the_user_back(stage: MemoryStage) -> None:
    """A revoked user is prepared like any other."""
    revoke(stage)
    stage.rotate()
    assert stage.current_logs_in()


@pytest.mark.parametrize("end", [False, True])
def test_sessions_end_where_asked(stage: MemoryStage, *, end: bool) -> None:
    """Open sessions of the leaked user end only when the event says so; the others stay."""
    leaked, current = stage.credential(Stage.PREVIOUS), stage.credential()
    address = stage.delivery("").current.address
    theirs = stage.engine.connect(address, leaked, Deadline(5))
    ours = stage.engine.connect(address, current, Deadline(5))
    revoke(stage, end_sessions=end)
    assert theirs.open is not end
    assert ours.open
    assert f"'sessions_ended': {int(end)}" in stage.notes.said[-1]


def test_nothing_to_revoke() -> None:
    """A secret without AWSPREVIOUS needs no revocation."""
    stage = MemoryStage(admin=True)
    revoke(stage)
    assert "Nothing to revoke" in stage.notes.said[-1]
    assert stage.server.accepted == []


@pytest.mark.parametrize("admin", [False, True])
def test_a_rotation_under_way_is_not_disturbed(*, admin: bool) -> None:
    """The idle user may be the one that a rotation has just prepared."""
    stage = MemoryStage(admin=admin)
    stage.rotate()
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    error = refused(stage)
    assert isinstance(error, RotationRefused)
    assert token in str(error)


def test_a_pending_label_on_the_current_version_is_no_rotation() -> None:
    """What the service may leave behind after a rotation does not stop the revocation."""
    stage = MemoryStage(admin=True)
    stage.rotate()
    assert stage.store.holder(Stage.PENDING) == stage.store.holder(Stage.CURRENT)
    revoke(stage)
    assert stage.server.accounts["app"].password is None


def test_a_pending_label_on_what_was_rolled_back_is_no_rotation(stage: MemoryStage) -> None:
    """After a roll-back the version that was left carries AWSPENDING and AWSPREVIOUS: its password may end."""
    leaked = stage.credential()
    stage.store.roll_back()
    assert stage.store.holder(Stage.PENDING) == stage.store.holder(Stage.PREVIOUS)
    revoke(stage)
    assert not stage.server.logs_in(leaked)
    assert stage.current_logs_in()


def test_a_rotation_that_begins_meanwhile_is_seen_under_the_lock(stage: MemoryStage) -> None:
    """The labels are read once more before the password ends."""
    stage.server.effect = when("connect", "after", stage.store.rotate, first=2)
    assert isinstance(refused(stage), RotationRefused)


def test_another_secrets_account_is_left_alone(stage: MemoryStage) -> None:
    """Under another secret's mark the account's password stays, even where AWSPREVIOUS holds it."""
    stage.server.accounts["app_clone"].mark = Mark("arn:of:another", "app", "v")
    assert isinstance(refused(stage), NotOurs)


def test_an_unmarked_account_with_another_password_is_left_alone(stage: MemoryStage) -> None:
    """Without a mark, and without the password that AWSPREVIOUS holds, there is nothing of ours to end."""
    stage.server.accounts["app_clone"].mark = None
    stage.server.accounts["app_clone"].password = "somebody-elses"
    revoke(stage)
    assert stage.server.accounts["app_clone"].password == "somebody-elses"


def test_an_unmarked_account_is_proven_by_its_password(stage: MemoryStage) -> None:
    """Where there is no mark, the password that AWSPREVIOUS holds is the proof: it is the one to end."""
    stage.server.accounts["app_clone"].mark = None
    leaked = stage.credential(Stage.PREVIOUS)
    for _ in range(2):
        revoke(stage)
        assert not stage.server.logs_in(leaked)
        assert stage.current_logs_in()


def test_a_previous_user_outside_of_the_pair_is_left_alone(stage: MemoryStage) -> None:
    """A foreign hand cannot point AWSPREVIOUS at another account."""
    stage.server.accounts["victim"] = Account("victims-own")
    version = stage.store.holder(Stage.PREVIOUS) or ""
    stage.store.values[version] = json.dumps({**json.loads(stage.store.values[version]), "username": "victim"})
    assert isinstance(refused(stage), GuardViolation)


def test_the_current_credential_is_never_revoked() -> None:
    """Where AWSPREVIOUS and AWSCURRENT hold the same, a rotation is what helps."""
    stage = MemoryStage()
    stage.store.begin(stage.store.value_at(Stage.CURRENT))
    error = refused(stage)
    assert isinstance(error, GuardViolation)
    assert "Rotate the secret" in error.remedy


@pytest.mark.parametrize("secret", [{}, {"admin": True, **SINGLE}], ids=["by itself", "by an admin"])
@pytest.mark.parametrize("end", [False, True])
def test_one_users_old_password_is_seen_to_be_refused(secret: dict[str, object], *, end: bool) -> None:
    """With one user the rotation has ended the password; that is proven, and sessions end where asked."""
    stage = MemoryStage(**secret)  # type: ignore[arg-type]
    stage.rotate()
    session = stage.engine.connect(stage.delivery("").current.address, stage.credential(), Deadline(5))
    revoke(stage, end_sessions=end)
    assert stage.server.refused == ["app"]
    assert session.open is not end
    assert stage.current_logs_in()


def test_one_users_old_password_that_still_works_is_told() -> None:
    """An old password that the server accepts is an alarm."""
    stage = MemoryStage()
    leaked = stage.credential().password.reveal()
    stage.rotate()
    address = stage.delivery("").current.address
    stage.server.effect = when("connect", "after", lambda: setattr(stage.server.accounts["app"], "password", leaked))
    with pytest.raises(GuardViolation, match="still accepts") as alarm:
        revoke(stage)
    assert str(address) in str(alarm.value)
    assert stage.server.sessions == []


def test_another_user_of_a_single_user_secret_is_left_alone() -> None:
    """AWSPREVIOUS about a user that no strategy manages is a person's to change."""
    stage = MemoryStage()
    version = json.loads(stage.store.value_at(Stage.CURRENT))
    stage.server.accounts["other"] = Account("others-own")
    stage.store.begin(json.dumps({**version, "username": "other", "password": "others-own"}))
    assert isinstance(refused(stage), GuardViolation)


def test_a_pair_whose_previous_version_is_of_the_same_user(stage: MemoryStage) -> None:
    """A value that a person stored for the user in use is held against the server, as with one user."""
    version = json.loads(stage.store.value_at(Stage.CURRENT))
    stage.server.accounts["app"].password = "stored-by-hand"
    stage.store.begin(json.dumps({**version, "password": "stored-by-hand"}))
    revoke(stage)
    assert stage.server.refused == ["app"]
    assert stage.current_logs_in()


def test_a_rotation_that_ends_meanwhile_is_seen_under_the_lock(stage: MemoryStage) -> None:
    """The user that was idle is in use by then, and its password must not end."""

    def rotate() -> None:
        stage.server.effect = lambda _name, _phase: None
        stage.rotate()

    stage.server.effect = when("connect", "after", rotate, first=2)
    with pytest.raises(RotationRefused, match="moved meanwhile"):
        revoke(stage)
    assert stage.current_logs_in()


def test_a_password_goes_to_no_server_that_awscurrent_alone_names(stage: MemoryStage) -> None:
    """An unmarked account is proven by AWSPREVIOUS's password, which may be another server's by then."""
    for account in stage.server.accounts.values():
        account.mark = None
    value = json.loads(stage.store.value_at(Stage.CURRENT))
    previous = stage.store.value_at(Stage.PREVIOUS)
    stage.store.begin(previous)
    stage.store.begin(json.dumps({**value, "dbname": "other"}))
    error = refused(stage)
    assert isinstance(error, GuardViolation)
    assert "about another server than AWSCURRENT (dbname)" in str(error)
