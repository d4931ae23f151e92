"""The moment between the change of the password and the move of AWSCURRENT, disturbed in every way."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    GuardViolation,
    RotationError,
    StoreDenied,
    StoreError,
    StoreUnavailable,
    TlsFailed,
    Unreachable,
)
from rotation.model import Stage, Step
from tests.support.memory.interruptions import fail, together, when
from tests.support.memory.stage import FIRST, MemoryStage

if TYPE_CHECKING:
    from rotation.model import Address, Credential, Deadline, Versions
    from tests.support.memory.engine import MemorySession
    from tests.support.memory.interruptions import Effect

ENGINE = "memory"
UNANSWERED = StoreUnavailable("no answer")


@pytest.fixture(params=[False, True], ids=["by itself", "by an admin"])
def stage(request: pytest.FixtureRequest) -> MemoryStage:
    """Return a secret of one user, with and without an admin."""
    return MemoryStage(admin=True, rotation={"strategy": "single-user"}) if request.param else MemoryStage()


@pytest.fixture
def token(stage: MemoryStage) -> str:
    """Return a token for which all but finishSecret has run."""
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE, Step.SET, Step.TEST]) is None
    return token


def finish(stage: MemoryStage, token: str) -> RotationError | None:
    """Deliver finishSecret; whatever becomes of it, let all go well again afterwards."""
    error = stage.play(token, [Step.FINISH])
    stage.server.effect = stage.store.effect = lambda _name, _phase: None
    assert stage.server.sessions == []
    return error


def heals(stage: MemoryStage, token: str) -> None:
    """See that the service's retry completes, with the same value."""
    value = stage.store.values[token]
    assert stage.play(token) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.store.values[token] == value
    assert stage.current_logs_in()


def proof_fails(stage: MemoryStage, error: Exception) -> None:
    """Let the first login after the change fail."""
    changed = False

    def mark() -> None:
        nonlocal changed
        changed = True

    def refuse() -> None:
        if changed:
            raise error

    after = when("set_password", "after", mark)
    stage.server.effect = together(after, when("connect", "before", refuse, times=99))


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationFailed("refused", engine=ENGINE),
        AccountUnusable("locked", engine=ENGINE, locked=True),
        Unreachable("gone", engine=ENGINE),
        TlsFailed("no TLS", engine=ENGINE),
        StoreDenied("the cluster's API"),
        GuardViolation("the cluster has no writer here"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_proof_that_fails_puts_the_old_password_back(stage: MemoryStage, token: str, error: RotationError) -> None:
    """Without an accepted login the change is taken back through the session that is still open."""
    proof_fails(stage, error)
    assert finish(stage, token) is error
    assert stage.server.accounts["app"].password == FIRST
    assert stage.current_logs_in()
    assert "CutoverWindow" not in stage.notes.measured
    heals(stage, token)


def test_a_refusal_after_the_password_was_accepted_is_a_proof(stage: MemoryStage, token: str) -> None:
    """A limit that the server checks after the password does not stop the cutover."""
    proof_fails(stage, AccountUnusable("at its limit", engine=ENGINE, password_accepted=True))
    assert finish(stage, token) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()


@pytest.mark.parametrize("error", [StoreError("refused"), StoreDenied("denied")], ids=["refused", "denied"])
def test_a_refused_label_move_puts_the_old_password_back(stage: MemoryStage, token: str, error: StoreError) -> None:
    """AWSCURRENT that may not move logs in again when the step ends."""
    stage.store.effect = fail("promote", "before", error)
    assert finish(stage, token) is error
    assert stage.server.accounts["app"].password == FIRST
    assert stage.current_logs_in()
    assert "was put back" in stage.notes.warned[-1]
    heals(stage, token)


def test_an_unanswered_move_that_took_effect_is_the_end(stage: MemoryStage, token: str) -> None:
    """The labels say that the move was made, and nothing is taken back."""
    stage.store.effect = fail("promote", "after", UNANSWERED)
    assert finish(stage, token) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()
    assert stage.store.calls.count("promote") == 1


def test_an_unanswered_move_that_made_nothing_is_tried_once_more(stage: MemoryStage, token: str) -> None:
    """One lost call does not cost the rotation."""
    stage.store.effect = fail("promote", "before", UNANSWERED)
    assert finish(stage, token) is None
    assert stage.current_logs_in()
    assert stage.store.calls.count("promote") == 2


def test_a_move_that_is_never_answered_nor_made_puts_the_old_password_back(stage: MemoryStage, token: str) -> None:
    """When the labels say that AWSCURRENT stayed, its password is the server's again."""
    stage.store.effect = fail("promote", "before", UNANSWERED, times=2)
    error = finish(stage, token)
    assert error is UNANSWERED
    assert error.retryable
    assert stage.current_logs_in()
    heals(stage, token)


def test_a_move_that_takes_effect_after_the_password_was_put_back_is_followed(stage: MemoryStage, token: str) -> None:
    """After each change the labels are read again, and the server is made to agree."""
    current = stage.store.holder(Stage.CURRENT) or ""
    stage.store.effect = fail("promote", "before", UNANSWERED, times=2)
    late = when("set_password", "after", lambda: stage.store.promote(token, current), first=2)
    stage.server.effect = late
    assert finish(stage, token) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()


def test_a_move_that_is_shown_late_is_followed(stage: MemoryStage, token: str) -> None:
    """The answer was lost, the repetition refused, and the labels are those of before: they are looked at again."""
    stage.store.effect = _lost_and_shown_late(stage, [stage.store.describe()] * 4)
    assert finish(stage, token) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()


def _lost_and_shown_late(stage: MemoryStage, shown: list[Versions]) -> Effect:
    """Let the first move's answer be lost, and the labels then be shown as these."""
    fresh, late = stage.store.describe, iter(shown)

    def lose() -> None:
        stage.store.describe = lambda: next(late, None) or fresh()  # type: ignore[method-assign]
        raise UNANSWERED

    return when("promote", "after", lose)


def test_labels_that_cannot_be_read_leave_the_new_password(stage: MemoryStage, token: str) -> None:
    """Nothing is decided without knowing where AWSCURRENT is; the next delivery sees which password logs in."""
    stage.store.effect = together(
        fail("promote", "before", UNANSWERED, times=2), fail("describe", "before", UNANSWERED, times=9)
    )
    assert finish(stage, token) is UNANSWERED
    pending = stage.credential(Stage.PENDING)
    assert stage.server.logs_in(pending)
    heals(stage, token)


@pytest.mark.parametrize("refusal", [Unreachable("gone", engine=ENGINE), StoreUnavailable("the cluster's API")])
def test_a_revert_that_is_refused_stays_forward(stage: MemoryStage, token: str, refusal: RotationError) -> None:
    """A change that cannot be taken back is kept for the retry, which goes forward."""
    stage.store.effect = fail("promote", "before", StoreError("refused"))
    stage.server.effect = fail("set_password", "before", refusal, first=2)
    error = finish(stage, token)
    assert error is not None
    assert "could not be taken back" in str(error)
    assert error.retryable
    assert stage.server.logs_in(stage.credential(Stage.PENDING))
    assert "stays in place" in stage.notes.warned[-1]
    heals(stage, token)


def test_a_proof_whose_revert_is_unanswered_heals(stage: MemoryStage, token: str) -> None:
    """Whichever password an unanswered revert left, the retry completes."""
    changed = fail("set_password", "after", Unreachable("gone", engine=ENGINE), first=2)
    refused = fail("connect", "before", Unreachable("gone", engine=ENGINE), first=3 if by_admin(stage) else 2)
    stage.server.effect = together(changed, refused)
    error = finish(stage, token)
    assert error is not None
    assert error.retryable
    heals(stage, token)


def test_an_unanswered_change_that_took_effect_goes_forward(stage: MemoryStage, token: str) -> None:
    """Where the answer was lost, the password that logs in tells that the change was made."""
    stage.server.effect = fail("set_password", "after", Unreachable("gone", engine=ENGINE))
    assert finish(stage, token) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()


def test_an_unanswered_change_without_effect_ends_the_step(stage: MemoryStage, token: str) -> None:
    """Where AWSCURRENT still logs in, nothing was changed, and the retry does it."""
    stage.server.effect = fail("set_password", "before", Unreachable("gone", engine=ENGINE))
    assert isinstance(finish(stage, token), Unreachable)
    assert stage.current_logs_in()
    heals(stage, token)


def test_an_unanswered_change_on_a_server_that_is_gone_is_left_to_the_retry(stage: MemoryStage, token: str) -> None:
    """Where nobody can log in, nothing is decided."""
    gone = Unreachable("gone", engine=ENGINE)
    after = 3 if by_admin(stage) else 2
    stage.server.effect = together(
        fail("set_password", "after", gone), fail("connect", "before", gone, first=after, times=9)
    )
    assert finish(stage, token) is gone
    heals(stage, token)


def test_a_twin_that_promotes_while_the_proof_fails_is_followed(stage: MemoryStage, token: str) -> None:
    """Where AWSCURRENT has moved meanwhile, the password that was put back is replaced by the new one again."""

    def twin() -> None:
        stage.store.promote(token, stage.store.holder(Stage.CURRENT) or "")
        raise Unreachable("gone", engine=ENGINE)

    stage.server.effect = when("connect", "before", twin, first=3 if by_admin(stage) else 2)
    assert finish(stage, token) is None
    assert stage.store.holder(Stage.CURRENT) == token
    assert stage.current_logs_in()


@pytest.mark.parametrize("key", ["the function's", None])
def test_a_value_stored_in_between_is_not_set(stage: MemoryStage, key: str | None) -> None:
    """
    Where AWSCURRENT moved to a third version, the password that was accepted before goes back, and the error says so.

    Whoever may write the secret, and no more, would choose a live password otherwise. What they write bears no seal.
    """
    stage.settings = replace(stage.settings, seal_key=key)
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE, Step.SET, Step.TEST]) is None
    current = stage.store.holder(Stage.CURRENT)
    store_between(stage, password="by-a-writer")
    error = finish(stage, token)
    assert isinstance(error, StoreError)
    assert stage.server.accounts["app"].password == FIRST
    assert f"AWSCURRENT was replaced by version {stage.store.holder(Stage.CURRENT)}" in error.remedy
    assert "move AWSCURRENT back there" in error.remedy
    assert f"the password of version {current}" in error.remedy


@pytest.mark.parametrize("key", ["the function's", None])
def test_a_rotation_that_came_in_between_gets_its_password_back(stage: MemoryStage, key: str | None) -> None:
    """
    A person gave this one up, and the next one was whole, within the seconds in which no label is looked at again.

    Its seal says that createSecret made its value. Without a key for seals nothing says so, and the error tells it.
    """
    stage.settings = replace(stage.settings, seal_key=key)
    stage.server.withheld["rotation of app"] = "a server without locks"
    late = stage.store.rotate()
    assert stage.play(late, [Step.CREATE, Step.SET, Step.TEST]) is None

    def another() -> None:
        stage.server.effect = lambda _name, _phase: None
        stage.store.abandon()
        stage.rotate()

    stage.server.effect = when("set_password", "before", another)
    error = stage.play(late, [Step.FINISH])
    assert error is not None
    assert stage.store.holder(Stage.CURRENT) != late
    assert stage.current_logs_in() is (key is not None)
    assert ("its password was set again" in error.remedy) is (key is not None)
    assert stage.play(stage.store.rotate()) is None


def test_what_is_put_back_is_what_was_accepted(stage: MemoryStage, token: str) -> None:
    """AWSCURRENT that was refused before the change is not set: an older version let the rotation go on."""
    stage.play(token)
    document = json.loads(stage.store.value_at(Stage.CURRENT))
    accepted = str(document["password"])
    stage.store.begin(json.dumps({**document, "password": "never-accepted"}))
    stage.store.effect = fail("promote", "before", StoreError("refused"), times=9)
    assert isinstance(stage.play(stage.store.rotate()), StoreError)
    assert stage.server.accounts["app"].password == accepted


def test_a_password_that_the_admins_server_refuses_goes_nowhere_else() -> None:
    """What an admin changed is proven first where the admin acted."""
    stage = MemoryStage(admin=True, rotation={"strategy": "single-user"}, port=15432)
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE, Step.SET, Step.TEST]) is None
    ports: list[int] = []
    connect = stage.engine.connect

    def listen(address: Address, credential: Credential, deadline: Deadline) -> MemorySession:
        if credential == stage.credential(Stage.PENDING):
            ports.append(address.port)
            raise AuthenticationFailed("refused", engine=ENGINE)
        return connect(address, credential, deadline)

    stage.engine.connect = listen  # type: ignore[method-assign]
    assert isinstance(stage.play(token, [Step.FINISH]), AuthenticationFailed)
    assert ports == [5432]
    assert stage.server.accounts["app"].password == FIRST


def test_a_password_goes_to_another_host_only_if_the_old_one_was_accepted_there() -> None:
    """Where clients log in somebody else may answer: nothing is changed then."""
    stage = MemoryStage(admin=True, rotation={"strategy": "single-user"}, port=15432)
    token = stage.store.rotate()
    assert stage.play(token, [Step.CREATE, Step.SET, Step.TEST]) is None
    seen: list[Credential] = []
    connect = stage.engine.connect

    def refuse(address: Address, credential: Credential, deadline: Deadline) -> MemorySession:
        if address.port == 15432:
            seen.append(credential)
            raise AuthenticationFailed("refused", engine=ENGINE)
        return connect(address, credential, deadline)

    stage.engine.connect = refuse  # type: ignore[method-assign]
    error = stage.play(token, [Step.FINISH])
    assert isinstance(error, GuardViolation)
    assert "refused where clients log in" in str(error)
    assert seen == [stage.credential()]
    assert stage.server.accounts["app"].password == FIRST


@pytest.mark.parametrize("other", [{"username": "other"}, {"host": "elsewhere.example"}, {"port": 5433}], ids=str)
def test_a_version_about_another_account_in_between_is_left_alone(
    stage: MemoryStage, token: str, other: dict[str, object]
) -> None:
    """Where AWSCURRENT has come to be about another one, ours gets its password back and the other keeps its own."""
    store_between(stage, password="anothers", **other)
    error = finish(stage, token)
    assert isinstance(error, StoreError)
    assert stage.server.accounts["app"].password == FIRST
    assert "other" not in stage.server.accounts


def test_labels_that_never_rest_end_the_step(stage: MemoryStage, token: str) -> None:
    """After a few looks at a label that moves each time, the error that began it is told."""
    numbers = itertools.count()
    document = json.loads(stage.store.value_at(Stage.CURRENT))

    def store() -> None:
        stage.store.begin(json.dumps({**document, "password": f"by-a-person-{next(numbers)}"}))

    stage.server.effect = when("set_password", "after", store, times=9)
    error = finish(stage, token)
    assert isinstance(error, StoreError)
    assert next(numbers) == 2
    assert "was put back" in stage.notes.warned[-1]


def by_admin(stage: MemoryStage) -> bool:
    """Return whether the stage's secret names an admin."""
    return "masterarn" in stage.store.value_at(Stage.CURRENT)


def store_between(stage: MemoryStage, **changed: object) -> None:
    """Let a person store a new AWSCURRENT between the change of the password and the move."""
    value = json.dumps({**json.loads(stage.store.value_at(Stage.CURRENT)), **changed})
    stage.server.effect = when("set_password", "after", lambda: stage.store.begin(value))
