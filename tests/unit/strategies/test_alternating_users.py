"""Two users: the idle one gets the new password, and the label moves to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rotation import steps
from rotation.errors import (
    AccessMismatch,
    AuthenticationFailed,
    GuardViolation,
    InvalidSecret,
    NotOurs,
    NoWorkingCredential,
    PasswordRejected,
    RotationRefused,
    StoreError,
)
from rotation.model import Limits, Stage, Step
from rotation.settings import Settings
from tests.support.memory.engine import ADMIN, HOST, Account, MemoryEngine, MemorySession
from tests.support.memory.interruptions import contested, fail, when
from tests.support.memory.stage import ADMIN_ARN, FIRST, MemoryStage, Nowhere

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Address, Credential, Deadline


@pytest.fixture
def stage() -> Iterator[MemoryStage]:
    """Return a secret that names an admin; no session is left open."""
    stage = MemoryStage(admin=True)
    yield stage
    assert stage.server.sessions == []


def until(stage: MemoryStage, *steps: Step) -> str:
    """Return a token for which these steps have run."""
    token = stage.store.rotate()
    assert stage.play(token, steps) is None
    return token


def edit(stage: MemoryStage, label: Stage, **changed: object) -> None:
    """Change a stored version in place, as only a foreign hand could; None takes a key away."""
    version = stage.store.holder(label) or ""
    document = {**json.loads(stage.store.values[version]), **changed}
    stage.store.values[version] = json.dumps({key: value for key, value in document.items() if value is not None})


def test_the_users_alternate_and_no_login_fails(stage: MemoryStage) -> None:
    """Each rotation prepares the idle user; the one in use keeps its password until the next rotation."""
    for turn, expected in enumerate(["app_clone", "app", "app_clone"]):
        before = stage.credential()
        stage.server.accepted.clear()
        stage.rotate()
        assert stage.credential().username == expected, turn
        assert stage.current_logs_in()
        assert stage.server.logs_in(before)
        assert len(stage.server.accepted) == 3
    assert stage.server.refused == []


def test_each_rotation_is_logged_by_name(stage: MemoryStage) -> None:
    """Every change that levels the pair is told."""
    stage.rotate()
    for change in ("create app_clone", "grant read orders", "grant write orders"):
        assert any(f"Levelled app_clone: {change}" in line for line in stage.notes.said)


def test_the_base_is_recorded(stage: MemoryStage) -> None:
    """The secret remembers which user is the base, and which version each value was made from and for."""
    first = stage.store.holder(Stage.CURRENT)
    token = stage.rotate()
    value = json.loads(stage.store.value_at(Stage.CURRENT))
    assert json.loads(value["rotationRecord"]) == {"base": "app", "from": first, "to": token}
    assert "rotation" not in value


def test_finish_is_one_call(stage: MemoryStage) -> None:
    """With its provenance the pending value is enough to move the label."""
    token = until(stage, Step.CREATE, Step.SET, Step.TEST)
    calls = len(stage.store.calls)
    stage.step(Step.FINISH, token)
    assert stage.store.calls[calls:] == ["read", "promote"]


@pytest.mark.parametrize("record", [None, {"base": "app", "from": "another", "to": "another"}])
def test_a_pending_value_without_provenance_completes(stage: MemoryStage, record: object) -> None:
    """A value that another rotation function staged is rotated all the same."""
    token = until(stage, Step.CREATE)
    edit(stage, Stage.PENDING, rotation=record)
    assert stage.play(token) is None
    assert stage.credential().username == "app_clone"
    assert stage.current_logs_in()


def test_an_unanswered_move_that_took_effect_is_the_end(stage: MemoryStage) -> None:
    """The labels say that the move was made."""
    token = until(stage, Step.CREATE, Step.SET, Step.TEST)
    stage.store.effect = fail("promote", "after", StoreError("lost"))
    stage.step(Step.FINISH, token)
    assert stage.store.holder(Stage.CURRENT) == token


# What may not be


def test_an_admin_secret_that_is_the_secret_itself_is_refused() -> None:
    """A secret cannot be its own admin's."""
    stage = MemoryStage(masterarn="arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf")
    with pytest.raises(GuardViolation, match="names the secret itself"):
        stage.step(Step.CREATE, stage.store.rotate())


@pytest.mark.parametrize("strategy", ["single-user", "alternating-users"])
def test_an_admin_secret_that_is_not_listed_is_refused(strategy: str) -> None:
    """The function's settings say which admin secrets may be used; nothing is read or stored before."""
    stage = MemoryStage(admin=True, rotation={"strategy": strategy}, settings=Settings())
    token = stage.store.rotate()
    with pytest.raises(GuardViolation, match="ADMIN_SECRET_ARNS"):
        stage.step(Step.CREATE, token)
    assert "read_admin" not in stage.store.calls
    assert token not in stage.store.values


@pytest.mark.parametrize("admin", ["app", "app_clone"])
def test_the_admins_own_user_is_refused(stage: MemoryStage, admin: str) -> None:
    """Neither user of the pair may be the admin."""
    document = json.loads(stage.store.admins[ADMIN_ARN])
    stage.store.admins[ADMIN_ARN] = json.dumps({**document, "username": admin})
    error = stage.play(stage.store.rotate())
    assert isinstance(error, GuardViolation)
    assert "the admin itself" in str(error)
    assert stage.server.accepted == []


@pytest.mark.parametrize("privileged", ["app", "app_clone"])
def test_a_privileged_user_is_refused_unless_allowed(stage: MemoryStage, privileged: str) -> None:
    """A user that is more powerful than an application's is changed only where the settings allow it."""
    stage.rotate()
    stage.rotate()
    passwords = stage.held_passwords()
    stage.server.accounts[privileged].rights.add("admin")
    token = stage.store.rotate()
    assert isinstance(stage.play(token), GuardViolation)
    assert stage.held_passwords() == passwords
    stage.settings = Settings(admin_secret_arns=(ADMIN_ARN,), allow_privileged_targets=True)
    assert stage.play(token) is None


@pytest.mark.parametrize("bytes_left", [5, 6])
def test_a_name_that_leaves_no_room_for_the_clone(bytes_left: int) -> None:
    """The clone's name must fit whole; the limit counts bytes."""
    stage = MemoryStage(admin=True)
    stage.engine = MemoryEngine(stage.server, Limits(8, 128, name_bytes=len("app") + bytes_left))
    token = stage.store.rotate()
    if bytes_left == 6:
        stage.step(Step.CREATE, token)
        return
    with pytest.raises(InvalidSecret, match="no room"):
        stage.step(Step.CREATE, token)


@pytest.mark.parametrize("record", [{"rotation": {"base": "victim"}}, {"rotationRecord": '{"base": "victim"}'}])
@pytest.mark.parametrize("label", [Stage.PENDING, Stage.CURRENT])
def test_a_record_that_does_not_fit_the_user_is_refused(
    stage: MemoryStage, label: Stage, record: dict[str, object]
) -> None:
    """A base that a foreign hand wrote into the secret leads to no other account."""
    stage.server.accounts["victim"] = Account("victims-own")
    token = until(stage, Step.CREATE)
    edit(stage, label, **{"rotationRecord": None, **record})
    if label is Stage.CURRENT:
        stage.store.abandon()
        token = stage.store.rotate()
    error = stage.play(token)
    assert isinstance(error, GuardViolation)
    assert "neither the base of its pair nor its clone" in str(error)
    assert stage.server.accounts["victim"].password == "victims-own"
    assert "victim_clone" not in stage.server.accounts


def test_a_pending_user_outside_of_the_pair_is_refused(stage: MemoryStage) -> None:
    """The pending value names one of the two users, or nothing is changed."""
    stage.server.accounts["victim"] = Account("victims-own")
    token = until(stage, Step.CREATE)
    edit(stage, Stage.PENDING, username="victim")
    assert isinstance(stage.play(token), GuardViolation)
    assert stage.server.accounts["victim"].password == "victims-own"


class LyingEngine(MemoryEngine):
    """Believes every login at a host that is not the server's, and remembers who logged in where."""

    def __init__(self, stage: MemoryStage) -> None:
        super().__init__(stage.server)
        self.logins: list[tuple[str, str]] = []

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> MemorySession:
        self.logins.append((address.host, credential.username))
        if address.host == HOST:
            return super().connect(address, credential, deadline)
        return MemorySession(self.server, credential.username, deadline)


@pytest.mark.parametrize("strategy", ["single-user", "alternating-users"])
def test_a_foreign_host_proves_nothing(strategy: str) -> None:
    """AWSCURRENT is proven on the server that the admin changes, and the admin logs in nowhere else."""
    stage = MemoryStage(admin=True, host="evil.example", password="guessed-one", rotation={"strategy": strategy})
    engine = LyingEngine(stage)
    stage.engine = engine
    error = stage.play(stage.store.rotate())
    assert isinstance(error, NoWorkingCredential)
    assert ("evil.example", ADMIN) not in engine.logins
    assert stage.server.accounts.keys() == {ADMIN, "app"}
    assert stage.server.accounts["app"].password == FIRST


# When AWSCURRENT changes meanwhile


@pytest.mark.parametrize("changed", [{"dbname": "other"}, {"rotation": {"passwordLength": 20}}])
def test_a_change_of_the_current_value_is_not_lost(stage: MemoryStage, changed: dict[str, Any]) -> None:
    """When AWSCURRENT got another content since createSecret, the pending value is given up."""
    token = until(stage, Step.CREATE)
    edit(stage, Stage.CURRENT, **changed)
    with pytest.raises(GuardViolation, match="was changed after createSecret"):
        stage.step(Step.SET, token)
    assert stage.store.holder(Stage.PENDING) is None
    assert "app_clone" not in stage.server.accounts
    stage.rotate()


def test_a_changed_value_that_does_not_log_in_keeps_the_pending_one(stage: MemoryStage) -> None:
    """Nothing is given up, nor changed, as long as AWSCURRENT is refused."""
    token = until(stage, Step.CREATE)
    edit(stage, Stage.CURRENT, note="changed", password="wrong-password")
    assert isinstance(stage.play(token, [Step.SET]), NoWorkingCredential)
    assert stage.store.holder(Stage.PENDING) == token


def roll_back(stage: MemoryStage) -> None:
    """Move AWSCURRENT back to AWSPREVIOUS, as an operator does."""
    previous, current = stage.store.holder(Stage.PREVIOUS), stage.store.holder(Stage.CURRENT)
    stage.store.promote(previous or "", current or "")


@pytest.mark.parametrize("record", [True, False], ids=["recorded", "without provenance"])
def test_the_user_in_use_is_never_the_one_that_is_prepared(stage: MemoryStage, *, record: bool) -> None:
    """After a rollback in the middle of a rotation the pending value would lock AWSCURRENT out: it is given up."""
    stage.rotate()
    token = until(stage, Step.CREATE)
    if not record:
        edit(stage, Stage.PENDING, rotation=None)
    roll_back(stage)
    assert stage.credential().username == "app"
    with pytest.raises(GuardViolation, match="was moved"):
        stage.step(Step.SET, token)
    assert stage.current_logs_in()
    assert stage.store.holder(Stage.PENDING) is None
    stage.rotate()
    assert stage.current_logs_in()


def test_a_rollback_to_the_prepared_user_goes_forward(stage: MemoryStage) -> None:
    """Where the rollback came after setSecret, only the pending value logs in, and the label moves to it."""
    stage.rotate()
    token = until(stage, Step.CREATE, Step.SET)
    roll_back(stage)
    assert not stage.current_logs_in()
    assert stage.play(token) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()


def test_a_current_password_that_was_lost_goes_forward(stage: MemoryStage) -> None:
    """Where AWSCURRENT is refused and the pending value accepted, the label moves at once."""
    token = until(stage, Step.CREATE, Step.SET)
    stage.server.accounts["app"].password = None
    stage.step(Step.SET, token)
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()


def test_a_pair_that_is_unequal_is_not_promoted(stage: MemoryStage) -> None:
    """FinishSecret compares what the new user sees, right before the label would move."""
    token = until(stage, Step.CREATE, Step.SET, Step.TEST)
    stage.server.accounts["app_clone"].rights.clear()
    with pytest.raises(AccessMismatch):
        stage.step(Step.FINISH, token)
    assert stage.store.holder(Stage.PENDING) == token
    assert stage.current_logs_in()


@pytest.mark.parametrize("rotations", [0, 1, 2])
def test_a_finish_that_arrives_too_early_moves_nothing(stage: MemoryStage, rotations: int) -> None:
    """A password that no server was told never becomes AWSCURRENT, whatever order the steps arrive in."""
    for _ in range(rotations):
        stage.rotate()
    token = until(stage, Step.CREATE)
    for step in (Step.TEST, Step.FINISH):
        error = stage.play(token, [step])
        assert error is None or isinstance(error, AuthenticationFailed)
        assert stage.store.holder(Stage.PENDING) == token
        assert stage.current_logs_in()
    assert stage.play(token) is None
    assert stage.current_logs_in()


def test_nothing_is_given_up_while_awscurrent_does_not_log_in(stage: MemoryStage) -> None:
    """AWSPREVIOUS lets the rotation go on, but no proof that AWSCURRENT is good comes of it."""
    stage.rotate()
    token = until(stage, Step.CREATE)
    stage.server.accounts["app_clone"].password = "changed-by-hand"
    stage.server.rejects = lambda _: True
    with pytest.raises(PasswordRejected, match="AWSPENDING was kept"):
        stage.step(Step.SET, token)
    assert stage.store.holder(Stage.PENDING) == token


def test_a_password_that_the_policy_refuses_is_given_up(stage: MemoryStage) -> None:
    """A value that can never be set loses AWSPENDING."""
    token = until(stage, Step.CREATE)
    stage.server.rejects = lambda _: True
    with pytest.raises(PasswordRejected, match="AWSPENDING was taken off"):
        stage.step(Step.SET, token)
    assert stage.store.holder(Stage.PENDING) is None
    assert "app_clone" not in stage.server.accounts


# Twins


def test_an_abandoned_twin_that_comes_late_changes_nothing(stage: MemoryStage) -> None:
    """A delivery whose token was abandoned is refused under the lock, after another rotation prepared the user."""
    stale = until(stage, Step.CREATE)
    delivery = stage.delivery(stale)
    delivery.staged = stage.store.read(Stage.PENDING, stale)
    _ = delivery.pending, delivery.current
    stage.store.abandon()
    fresh = until(stage, Step.CREATE, Step.SET)
    with pytest.raises(RotationRefused, match="abandoned"):
        steps.set_pending(delivery)
    assert stage.play(fresh, [Step.TEST, Step.FINISH]) is None
    assert stage.current_logs_in()


def test_a_twin_that_waited_and_was_abandoned_changes_nothing(stage: MemoryStage) -> None:
    """After a wait for the lock the token is looked at again."""
    token = until(stage, Step.CREATE)
    waiting = contested(stage.server, "rotation of app", stage.store.abandon)
    with waiting, pytest.raises(RotationRefused, match="abandoned"):
        stage.step(Step.SET, token)
    assert "app_clone" not in stage.server.accounts


def test_a_twin_that_waited_and_is_current_has_nothing_to_do(stage: MemoryStage) -> None:
    """A delivery whose token became AWSCURRENT while it waited succeeds, and leaves the password alone."""
    stage.rotate()
    token = until(stage, Step.CREATE, Step.SET)
    password = stage.server.accounts["app"].password
    levelled: list[str] = []
    stage.server.effect = when("level", "before", lambda: levelled.append("again"), times=9)
    waiting = contested(
        stage.server, "rotation of app", lambda: stage.store.promote(token, stage.store.holder(Stage.CURRENT) or "")
    )
    with waiting:
        stage.step(Step.SET, token)
    assert levelled == []
    assert stage.server.accounts["app"].password == password


# The admin


def test_an_admin_secret_that_was_just_rotated_is_read_again(stage: MemoryStage) -> None:
    """A refused admin login reads the admin secret once more, and uses what it holds by then."""
    stage.server.admin().password = "new-admin-password"
    document = json.loads(stage.store.admins[ADMIN_ARN])
    fresh = json.dumps({**document, "password": "new-admin-password"})
    stage.server.effect = when("connect", "before", lambda: stage.store.admins.update({ADMIN_ARN: fresh}), first=2)
    stage.rotate()
    assert stage.server.refused == [ADMIN]
    assert stage.current_logs_in()


def test_an_admin_that_stays_refused_is_tried_once(stage: MemoryStage) -> None:
    """The same admin password is not sent twice."""
    stage.server.admin().password = "another"
    error = stage.play(stage.store.rotate())
    assert isinstance(error, AuthenticationFailed)
    assert ADMIN_ARN in str(error)
    assert stage.server.refused == [ADMIN]


def test_a_managed_admin_is_found_by_its_tags(stage: MemoryStage) -> None:
    """A secret with only a user name and a password is completed by what the control plane says."""
    stage.store.admins[ADMIN_ARN] = json.dumps({"username": ADMIN, "password": "admin-password"})
    stage.store.tags[ADMIN_ARN] = {"aws:rds:primarydbinstancearn": "the instance"}
    stage.topology = Nowhere({"the instance": {"engine": "memory", "host": HOST, "port": 5432}})
    stage.rotate()
    assert stage.current_logs_in()


def test_a_managed_admin_that_nobody_knows_is_refused(stage: MemoryStage) -> None:
    """Without tags the missing keys are named."""
    stage.store.admins[ADMIN_ARN] = json.dumps({"username": ADMIN, "password": "admin-password"})
    error = stage.play(stage.store.rotate())
    assert isinstance(error, InvalidSecret)
    assert "names no server" in str(error)


def test_a_lost_user_comes_back_through_the_other(stage: MemoryStage) -> None:
    """Where somebody changed the password in use, AWSPREVIOUS of the marked pair lets the rotation go on."""
    stage.rotate()
    stage.server.accounts["app_clone"].password = "somebody-elses"
    stage.rotate()
    assert stage.current_logs_in()
    assert stage.credential().username == "app"


def test_a_lost_user_of_an_unmarked_pair_is_left_alone(stage: MemoryStage) -> None:
    """Without a mark, AWSPREVIOUS alone does not let an admin act: AWSCURRENT was not proven."""
    stage.rotate()
    stage.server.accounts["app_clone"].password = "somebody-elses"
    stage.server.accounts["app_clone"].mark = None
    before = stage.held_passwords()
    assert isinstance(stage.play(stage.store.rotate()), NotOurs)
    assert stage.held_passwords() == before


def test_a_lost_user_without_a_previous_version_needs_a_person(stage: MemoryStage) -> None:
    """In the first rotation there is no other user yet."""
    stage.server.accounts["app"].password = "somebody-elses"
    assert isinstance(stage.play(stage.store.rotate()), NoWorkingCredential)


def test_a_value_of_unknown_history_is_proven_before_it_becomes_current(stage: MemoryStage) -> None:
    """A pending value that does not record its pair may never have been set: finishSecret alone does not move it."""
    token = until(stage, Step.CREATE)
    edit(stage, Stage.PENDING, rotation=None)
    error = stage.play(token, [Step.FINISH])
    assert isinstance(error, AuthenticationFailed)
    assert stage.store.holder(Stage.CURRENT) != token
    assert stage.current_logs_in()


def test_a_pair_without_a_record_looks_at_its_token_again(stage: MemoryStage) -> None:
    """Where no mark tells who came last, a delivery that was abandoned meanwhile is noticed all the same."""
    stage.rotate()
    stage.server.forgets_versions = True
    token = until(stage, Step.CREATE)
    stage.server.effect = when("connect", "after", stage.store.abandon, first=2)
    before = stage.held_passwords()
    assert isinstance(stage.play(token, [Step.SET]), RotationRefused)
    assert stage.held_passwords() == before


def test_a_policy_that_refuses_a_repetition_is_no_obstacle(stage: MemoryStage) -> None:
    """Where the server refuses to set a password again, and the pending one logs in, it is set already."""
    token = until(stage, Step.CREATE, Step.SET)
    stage.server.rejects = lambda _: True
    assert stage.play(token) is None
    assert stage.current_logs_in()


# What was never accepted


@pytest.mark.parametrize(
    "written",
    [
        {"host": "elsewhere.example"},
        {"port": 15432},
        {"ssl": False},
        {"dbname": "other"},
        {"masterarn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-AbCdEf"},
        {"rotation": {"passwordLength": 12}},
    ],
    ids=str,
)
def test_awsprevious_does_not_stand_in_for_what_a_writer_made_of_it(stage: MemoryStage, written: Any) -> None:  # noqa: ANN401 JSON
    """A password that was accepted goes nowhere, and lets nothing be set, by what somebody wrote who never saw it."""
    stage.rotate()
    other = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-AbCdEf"
    stage.settings = Settings(admin_secret_arns=(ADMIN_ARN, other))
    stage.store.admins[other] = stage.store.admins[ADMIN_ARN]
    value = {**json.loads(stage.store.value_at(Stage.CURRENT)), "username": "app", "password": "a-writers", **written}
    stage.store.begin(json.dumps(value))
    before = stage.held_passwords()
    assert isinstance(stage.play(stage.store.rotate()), NoWorkingCredential)
    assert stage.held_passwords() == before


def test_a_clone_whose_new_password_is_refused_where_it_was_set(stage: MemoryStage) -> None:
    """What an admin changed is proven first where the admin acted; it goes to no other place then."""
    edit(stage, Stage.CURRENT, port=15432)
    token = until(stage, Step.CREATE)
    pending, tried, connect = stage.credential(Stage.PENDING), [], stage.engine.connect

    def refuse(address: Address, credential: Credential, deadline: Deadline) -> MemorySession:
        if credential == pending:
            tried.append(address.port)
            raise AuthenticationFailed("refused", engine="memory")
        return connect(address, credential, deadline)

    stage.engine.connect = refuse  # type: ignore[method-assign]
    error = stage.play(token, [Step.SET])
    assert isinstance(error, AuthenticationFailed)
    assert error.retryable
    assert tried == [5432]
