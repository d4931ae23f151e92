"""RetainedPassword: two passwords of one user, and AWSCURRENT always one of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    GuardViolation,
    InvalidSettings,
    NoWorkingCredential,
    RotationRefused,
)
from rotation.model import LATE_CUTOVER, Mark, Stage, Step, StrategyName
from rotation.settings import Settings
from rotation.steps import revoke_previous
from rotation.strategies import strategy_for
from tests.support.memory.interruptions import contested, fail, when
from tests.support.memory.stage import FIRST, MemoryStage

if TYPE_CHECKING:
    from tests.support.memory.engine import Account

BY_ADMIN = {"strategy": "retained-password"}


def stage_of(*, admin: bool = False) -> MemoryStage:
    """Return a user on a server that keeps two passwords."""
    named: dict[str, Any] = {"rotation": BY_ADMIN} if admin else {}
    return MemoryStage(admin=admin, engine="memory-of-two", **named)


def account(stage: MemoryStage) -> Account:
    """Return the user's account."""
    return stage.server.accounts["app"]


@pytest.fixture(params=[False, True], ids=["itself", "by admin"])
def stage(request: pytest.FixtureRequest) -> MemoryStage:
    """Return the stage for either changer."""
    return stage_of(admin=request.param)


def pending_password(stage: MemoryStage, token: str) -> str:
    """Read the password of a token."""
    password: str = json.loads(stage.store.values[token])["password"]
    return password


def test_it_is_the_default_where_servers_may_keep_two_passwords() -> None:
    """Without an admin secret the engine's traits decide."""
    assert strategy_for(stage_of().delivery("t").current, Settings()).name is StrategyName.RETAINED_PASSWORD
    assert strategy_for(MemoryStage().delivery("t").current, Settings()).name is StrategyName.SINGLE_USER


def test_a_pair_may_rest_and_go_on() -> None:
    """A secret whose clone is in use keeps two passwords for a while: the clone stays marked as the pair's."""
    stage = MemoryStage(admin=True, engine="memory-of-two")
    for strategy in ("alternating-users", "retained-password", "retained-password", "alternating-users"):
        document = json.loads(stage.store.value_at(Stage.CURRENT))
        stage.store.put(json.dumps({**document, "rotation": {"strategy": strategy}}), Stage.CURRENT)
        stage.rotate()
        assert stage.current_logs_in()
    assert stage.credential().username == "app"


def test_an_engine_without_it_refuses_the_name() -> None:
    """Where no server keeps two passwords the strategy is not possible."""
    current = MemoryStage(rotation=BY_ADMIN).delivery("t").current
    with pytest.raises(InvalidSettings, match="retained-password is not possible"):
        strategy_for(current, Settings())


def test_both_passwords_are_accepted_between_rotations(stage: MemoryStage) -> None:
    """A client that keeps what it read is let in until the next rotation begins."""
    for _ in range(3):
        kept = stage.credential()
        stage.rotate()
        assert stage.server.logs_in(kept)
        assert stage.current_logs_in()
    assert stage.server.refused == []


@pytest.mark.parametrize(("admin", "calls", "logins"), [(False, 8, 3), (True, 9, 4)])
def test_its_cost(calls: int, logins: int, *, admin: bool) -> None:
    """So many calls and logins, the last look included."""
    stage = stage_of(admin=admin)
    stage.rotate()
    stage.store.calls.clear()
    stage.server.accepted.clear()
    stage.rotate()
    assert len(stage.store.calls) == calls
    assert len(stage.server.accepted) == logins


@pytest.mark.parametrize("admin", [False, True])
def test_a_limit_of_the_user_proves_its_password(*, admin: bool) -> None:
    """The last look comes beside an open session, and a user may be allowed one: it was refused after the password."""
    stage = stage_of(admin=admin)
    limit = AccountUnusable("At its limit", engine="memory", password_accepted=True)
    stage.server.effect = fail("connect", "before", limit, first=3 if admin else 2)
    stage.rotate()
    assert stage.current_logs_in()
    unusable = AccountUnusable("Blocked", engine="memory")
    stage.server.effect = fail("connect", "before", unusable, first=3 if admin else 2)
    assert stage.play(stage.store.rotate()) is unusable


def test_the_record_names_versions_and_no_base() -> None:
    """The pending value says from which version and for which token it was made."""
    stage = stage_of()
    old = stage.store.holder(Stage.CURRENT)
    token = stage.rotate()
    assert json.loads(json.loads(stage.store.values[token])["rotationRecord"]) == {"from": old, "to": token}


def test_an_abandoned_password_never_pushes_awscurrent_out(stage: MemoryStage) -> None:
    """Three rotations are abandoned after setSecret, and AWSCURRENT logs in throughout."""
    for _ in range(3):
        token = stage.store.rotate()
        assert stage.play(token, [Step.CREATE, Step.SET, Step.TEST]) is None
        assert stage.current_logs_in()
        stage.store.abandon()
    stage.rotate()
    assert stage.current_logs_in()


def test_a_step_that_is_repeated_changes_nothing_more(stage: MemoryStage) -> None:
    """The step setSecret may come three times, and both passwords stay."""
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE, Step.SET, Step.SET, Step.SET, Step.TEST]) is None
    assert account(stage).password == pending_password(stage, token)
    assert account(stage).second == FIRST


def test_a_finish_that_arrives_too_early_moves_nothing(stage: MemoryStage) -> None:
    """A password that no server was told never becomes AWSCURRENT, whatever order the steps arrive in."""
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE, Step.TEST]) is None
    assert isinstance(stage.play(token, [Step.FINISH]), AuthenticationFailed)
    assert stage.store.holder(Stage.PENDING) == token
    assert stage.current_logs_in()
    assert stage.play(token) is None


def test_what_a_person_set_with_retain_goes_and_is_told() -> None:
    """AWSCURRENT is the second password then: it stays, and the person's is replaced."""
    stage = stage_of()
    account(stage).password, account(stage).second = "by-a-person", FIRST
    kept = stage.credential()
    stage.rotate()
    assert account(stage).second == FIRST
    assert stage.server.logs_in(kept)
    assert any("Another password was set" in warning for warning in stage.notes.warned)


def test_a_delivery_that_was_abandoned_meanwhile_touches_nothing() -> None:
    """Before a first place is taken the token is looked at again, under the lock."""
    stage = stage_of()
    account(stage).password, account(stage).second = "by-a-person", FIRST
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    stage.server.effect = lambda name, phase: stage.store.abandon() if (name, phase) == ("retain", "before") else None
    delivery = stage.delivery(token)
    delivery.staged = stage.store.read(Stage.PENDING, token)
    stage.store.abandon()
    with pytest.raises(RotationRefused):
        strategy_for(delivery.pending, delivery.settings).set(delivery)
    assert account(stage).password == "by-a-person"


@pytest.mark.parametrize("by", ["itself", "admin"])
def test_a_twin_that_was_first_is_left_alone(by: str) -> None:
    """Where the token has become AWSCURRENT meanwhile nothing is changed."""
    stage = stage_of(admin=by == "admin")
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    account(stage).password, account(stage).second = "by-a-person", FIRST
    account(stage).mark = Mark(stage.store.arn, "app", "another-version")
    delivery = stage.delivery(token)
    delivery.staged = stage.store.read(Stage.PENDING, token)
    assert delivery.current
    stage.store.promote(token, stage.store.holder(Stage.CURRENT) or "")
    strategy = strategy_for(delivery.pending, delivery.settings)
    strategy.set(delivery)
    assert account(stage).password == "by-a-person"


def test_a_pending_password_that_logs_in_alone_is_promoted(stage: MemoryStage) -> None:
    """Roll forward at first sight: AWSCURRENT is refused, the token's value is accepted."""
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    account(stage).password = pending_password(stage, token)
    stage.step(Step.SET, token)
    assert stage.store.holder(Stage.CURRENT) == token


def test_an_older_password_is_replaced_late() -> None:
    """Where only a version without a label logs in the cutover is late, as with a single user."""
    stage = stage_of()
    lost = stage.store.rotate()
    stage.step(Step.CREATE, lost)
    stage.store.abandon()
    account(stage).password = pending_password(stage, lost)
    token = stage.rotate()
    assert LATE_CUTOVER in stage.store.stages[token]
    assert stage.current_logs_in()


def test_nothing_that_logs_in_ends_the_step() -> None:
    """Without any accepted password nothing is done."""
    stage = stage_of()
    account(stage).password = "lost"
    assert isinstance(stage.play(stage.store.rotate()), NoWorkingCredential)


def test_a_changed_awscurrent_gives_the_token_up() -> None:
    """Somebody stored another content meanwhile: rotating on would lose it."""
    stage = stage_of()
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    current = stage.store.holder(Stage.CURRENT) or ""
    stage.store.values[current] = json.dumps({**json.loads(stage.store.values[current]), "note": "new"})
    assert isinstance(stage.play(token, [Step.SET]), GuardViolation)
    assert stage.store.holder(Stage.PENDING) is None


def test_without_the_right_the_change_is_late_and_the_log_says_why() -> None:
    """The fallback is told once a rotation, fails no login, and survives repetition."""
    stage = stage_of()
    account(stage).may_retain = False
    for _ in range(2):
        stage.notes.said.clear()
        token = stage.store.rotate()
        assert stage.play(token, [Step.CREATE, Step.SET, Step.SET, Step.TEST, Step.FINISH]) is None
        assert stage.current_logs_in()
        assert sum("keeps one password" in said for said in stage.notes.said) == 1
    assert stage.server.refused == []
    assert [LATE_CUTOVER in labels for labels in stage.store.stages.values()].count(True) == 1


def test_a_policy_that_refuses_gives_the_token_up(stage: MemoryStage) -> None:
    """A hopeless value is not retried for ever."""
    stage.server.rejects = lambda text: text != FIRST
    assert stage.play(stage.store.rotate()) is not None
    assert stage.store.holder(Stage.PENDING) is None
    assert stage.current_logs_in()


def test_a_dry_run_says_what_would_happen(stage: MemoryStage) -> None:
    """It tells of the second password, or of the obstacle, and changes nothing."""
    assert stage.play(stage.store.rotate(), [Step.TEST]) is None
    assert any("set a second password" in said for said in stage.notes.said)
    account(stage).may_retain = False
    stage.store.abandon()
    assert stage.play(stage.store.rotate(), [Step.TEST]) is None
    assert any("keeps one password" in said for said in stage.notes.said)
    assert (account(stage).password, account(stage).second) == (FIRST, None)


@pytest.mark.parametrize("may_retain", [True, False])
def test_awsprevious_can_be_ended_now(stage: MemoryStage, *, may_retain: bool) -> None:
    """After a revocation the old password is refused, twice over, and AWSCURRENT is not."""
    account(stage).may_retain = may_retain
    old = stage.credential()
    stage.rotate()
    for _ in range(2):
        revoke_previous(stage.delivery("revoke"), end_sessions=True)
        assert not stage.server.logs_in(old)
        assert stage.current_logs_in()
    stage.rotate()


def test_awsprevious_of_another_user_is_left_alone() -> None:
    """A version about another user is nothing that this strategy made."""
    stage = stage_of()
    stage.rotate()
    previous = stage.store.holder(Stage.PREVIOUS) or ""
    stage.store.values[previous] = json.dumps({**json.loads(stage.store.values[previous]), "username": "other"})
    with pytest.raises(GuardViolation):
        revoke_previous(stage.delivery("revoke"), end_sessions=False)


def test_an_admin_that_is_not_listed_is_refused() -> None:
    """By an admin the same list counts as for other strategies."""
    stage = stage_of(admin=True)
    stage.settings = Settings()
    error = stage.play(stage.store.rotate())
    assert isinstance(error, GuardViolation)
    assert "ADMIN_SECRET_ARNS" in error.remedy


def test_a_twin_that_finished_while_the_lock_was_waited_for_leaves_nothing_to_do() -> None:
    """A delivery that waited looks at its token again, and changes nothing where it is AWSCURRENT by then."""
    stage = stage_of()
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    before = stage.held_passwords()

    def twin() -> None:
        stage.store.promote(token, stage.store.holder(Stage.CURRENT) or "")

    with contested(stage.server, "rotation of app", twin):
        stage.step(Step.SET, token)
    assert stage.held_passwords() == before


def test_a_rotation_that_begins_meanwhile_stops_a_revocation(stage: MemoryStage) -> None:
    """Under the lock the labels are read once more: the password that is being prepared must not be discarded."""
    stage.rotate()
    before = stage.held_passwords()
    stage.server.effect = when("connect", "after", stage.store.rotate)
    with pytest.raises(RotationRefused, match="under way"):
        revoke_previous(stage.delivery(""), end_sessions=False)
    assert stage.held_passwords() == before


def test_a_replaced_awscurrent_gives_the_token_up(stage: MemoryStage) -> None:
    """Where a person stored another version, with another password alone, the recorded move can never succeed."""
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    value = {**json.loads(stage.store.value_at(Stage.CURRENT)), "password": "by-a-person"}
    account(stage).password = "by-a-person"
    stage.store.begin(json.dumps(value))
    stage.store.stages[token].add(Stage.PENDING)
    error = stage.play(token)
    assert isinstance(error, GuardViolation)
    assert stage.store.holder(Stage.PENDING) is None
    assert stage.current_logs_in()
