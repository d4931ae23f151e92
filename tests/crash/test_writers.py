"""
Whoever may write the secret, and neither read it nor log in, neither learns nor chooses a live password.

A writer puts any value at any effect of any rotation. Each fault that once let them is put back, and found.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from rotation import steps
from rotation.errors import RotationError
from rotation.model import Credential, Mark, Password, Stage, Step
from rotation.settings import Settings
from rotation.strategies import admins, cutover, pairs, recovery, repair, single_user
from rotation.strategies.retained_password import RetainedPassword
from rotation.strategies.single_user import SingleUser
from tests.lab.nightly import NIGHTLY
from tests.support.crashes.invariants import Invariant, Sight, Violated, require_kept
from tests.support.crashes.recorder import watched
from tests.support.emulators.secretsmanager.worlds import WORLDS
from tests.support.memory import engine as memory_engine
from tests.support.memory.engine import HOST
from tests.support.memory.stage import ADMIN_ARN, MemoryStage
from tests.support.memory.writer import FOUNDATIONS, LABELS, THEIR_ADMIN, THEIR_HOST, THEIR_PORT, Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.delivery import Delivery
    from rotation.model import Secret

STEPS_OF_A_WALK: Final = 15
STEPS, AT_A_TIME = (10_000, 50) if NIGHTLY else (400, 30)
"""Of each strategy, at least; and how many walks are drawn together."""
MOST_STEPS: Final = 60_000
"""In which a fault is found."""
TRIES: Final = 4
"""Rotations until one completes; each may try as many versions as four refused logins allow."""
BOTH: Final = (ADMIN_ARN, THEIR_ADMIN)
LOST: Final = "known-to-nobody"


def _stage(strategy: str | None = None, *, admin: bool = False, engine: str = "memory", repaired: bool = False) -> Any:  # noqa: ANN401 a stage
    chosen: dict[str, Any] = {"rotation": {"strategy": strategy}} if strategy else {}
    stage = MemoryStage(admin=admin, engine=engine, **chosen)
    stage.settings = Settings(admin_secret_arns=BOTH, repair_by_admin=repaired, seal_key="the function's")
    return stage


STAGES: Final[dict[str, Callable[[], MemoryStage]]] = {
    "single-user": _stage,
    "single-user by admin": partial(_stage, "single-user", admin=True),
    "single-user, repaired": partial(_stage, "single-user", admin=True, repaired=True),
    "alternating-users": partial(_stage, admin=True),
    "alternating-users, repaired": partial(_stage, admin=True, repaired=True),
    "retained-password": partial(_stage, engine="memory-of-two"),
    "retained-password by admin": partial(_stage, "retained-password", admin=True, engine="memory-of-two"),
    "retained-password, repaired": partial(
        _stage, "retained-password", admin=True, engine="memory-of-two", repaired=True
    ),
}

_steps = st.sampled_from(list(Step))
_moments = st.integers(1, 14)
_worlds = st.sampled_from(sorted(WORLDS))
_phases = st.sampled_from(["before", "after"])
_SETTINGS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "strategy": st.sampled_from(["single-user", "alternating-users", "retained-password"]),
    "host": st.sampled_from([HOST, THEIR_HOST]),
    "port": st.sampled_from([5432, THEIR_PORT]),
    "passwordLength": st.sampled_from([12, 40]),
    "excludePunctuation": st.booleans(),
}


def _one_of(keys: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Change one key alone."""
    return st.sampled_from(sorted(keys)).flatmap(lambda key: st.fixed_dictionaries({key: keys[key]}))


_settings = st.one_of(_one_of(_SETTINGS), st.fixed_dictionaries({}, optional=_SETTINGS))
_KEYS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "engine": st.sampled_from(["memory", "memory-of-two"]),
    "host": st.sampled_from([HOST, THEIR_HOST]),
    "port": st.sampled_from([5432, THEIR_PORT]),
    "username": st.sampled_from(["app", "app_clone"]),
    "dbname": st.sampled_from(["main", "other"]),
    "authSource": st.just("other"),
    "ssl": st.just(False),  # noqa: FBT003 JSON
    "masterarn": st.sampled_from([ADMIN_ARN, THEIR_ADMIN, None]),
    "rotation": _settings,
    "rotationRecord": st.sampled_from([None, '{"base": "app"}', '{"base": "app_clone"}']),
    "note": st.just("another"),
}
_one = _one_of(_KEYS)
_of_another_user = st.tuples(_one, st.sampled_from(["app", "app_clone"])).map(lambda it: it[0] | {"username": it[1]})
_values = st.one_of(
    st.just({}), _one, _one_of({"rotation": _settings}), _of_another_user, st.fixed_dictionaries({}, optional=_KEYS)
)
_foundations = st.sampled_from(sorted(FOUNDATIONS))


class Writing(RuleBasedStateMachine):
    """One secret that is rotated, and somebody who writes it."""

    kind: str = "single-user"
    taken: int = 0
    """Steps so far, of all walks of this kind."""
    found: int = 0
    """After how many of them the tenth invariant was broken."""

    @initialize(earlier=st.integers(0, 2), believes=st.booleans(), world=_worlds, lost=st.booleans())
    def begin(self, world: str, *, earlier: int, believes: bool, lost: bool) -> None:
        """Start with a secret that was rotated before, or not; where it may be repaired its password may be lost."""
        self.stage = STAGES[self.kind]()
        self.stage.store.world = WORLDS[world]
        self.first = self.stage.store.value_at(Stage.CURRENT)
        self.chronicle = watched(self.stage)
        self.chronicle.plain_text_allowed = True  # the writer says so, and the tenth invariant what may go there
        self.chronicle.ours |= {"app_clone_clone"}  # on the writer's own server
        self.chronicle.repair_allowed = self.stage.settings.repair_by_admin
        for _ in range(earlier):
            self.stage.rotate()
        self.writer = Writer(self.stage, self.chronicle.proofs, believes=believes)
        self.token = self.stage.store.rotate()
        if lost:
            self.lose()

    @rule()
    def lose(self) -> None:
        """Let somebody change all passwords, where that may be repaired, and mark the accounts as the guides say."""
        pair = "alternating" in self.kind
        if not self.chronicle.repair_allowed or (pair and "app_clone" not in self.stage.server.accounts):
            return
        for name, account in self.stage.server.accounts.items():
            if name.startswith("app"):
                account.password, account.second = LOST, None
                if not pair:
                    account.mark = Mark(self.stage.store.arn, name, "")

    @rule(foundation=_foundations, changed=_values)
    def write(self, foundation: str, changed: dict[str, Any]) -> None:
        """Put a value between two steps."""
        self.writer.put(foundation, changed)

    @rule(foundation=_foundations, changed=_values, label=st.sampled_from(LABELS))
    def write_under_a_label(self, foundation: str, changed: dict[str, Any], label: str) -> None:
        """Put a value that is not AWSCURRENT; what takes AWSPENDING ends the rotation, whose token is another."""
        self.writer.put(foundation, changed, label)

    @rule(foundation=_foundations, changed=_values)
    def have_it_delivered(self, foundation: str, changed: dict[str, Any]) -> None:
        """Put a value with AWSPENDING, which the service takes for a rotation to go on with, and delivers."""
        self.token = self.writer.put(foundation, changed, Stage.PENDING)

    @rule(step=_steps, at=_moments, phase=_phases, foundation=_foundations, changed=_values)
    def write_within(self, step: Step, at: int, phase: str, foundation: str, changed: dict[str, Any]) -> None:
        """Put a value at the n-th effect of a step."""
        count = 0

        def effect(_name: str, now: str) -> None:
            nonlocal count
            count += now == phase
            if now == phase and count == at:
                count += 1
                self.writer.put(foundation, changed)

        self.stage.play(self.token, tuple(Step)[: tuple(Step).index(step)])
        with (
            mock.patch.object(self.stage.store, "effect", effect),
            mock.patch.object(self.stage.server, "effect", effect),
        ):
            self.deliver(step)

    @rule(late=st.booleans(), foundation=_foundations, changed=_values)
    def write_while_it_takes_long(self, *, late: bool, foundation: str, changed: dict[str, Any]) -> None:
        """Put a value just before the last effect that counts, in a step that has been under way for a while."""

        def effect(name: str, now: str) -> None:
            if name in {"level", "set_password", "retain", "promote"} and now == "before" and not written:
                written.append(True)
                self.stage.late += 10 * late
                self.writer.put(foundation, changed)

        written: list[bool] = []
        with (
            mock.patch.object(self.stage.store, "effect", effect),
            mock.patch.object(self.stage.server, "effect", effect),
        ):
            self.go_on()

    @rule(step=_steps)
    def deliver(self, step: Step) -> None:
        """Deliver any step."""
        with contextlib.suppress(RotationError):
            self.stage.step(step, self.token)

    @rule()
    def go_on(self) -> None:
        """Deliver all steps in order, as the service's retry does."""
        self.stage.play(self.token)

    @rule()
    def begin_anew(self) -> None:
        """Let an operator give the rotation up, and begin another."""
        self.stage.store.abandon()
        self.token = self.stage.store.rotate()

    @rule()
    def put_right(self) -> None:
        """Let an operator store again what logs in, if anything does."""
        works = [value for value in self.stage.store.values.values() if self._works(value)]
        if works:
            self.stage.store.begin(works[-1])

    def teardown(self) -> None:
        """See that the next rotation completes once an operator has put the secret right."""
        if not hasattr(self, "stage"):
            return
        self.stage.store.abandon()
        works = [value for value in self.stage.store.values.values() if self._works(value)]
        self.stage.store.begin(works[-1] if works else self.first)
        errors = []
        for _ in range(TRIES):
            error = self.stage.play(self.stage.store.rotate())
            if error is None:
                return
            errors.append(str(error))
            self.stage.store.abandon()
        raise Violated(f"It does not complete: {errors}")

    def _works(self, value: str) -> bool:
        document = json.loads(value)
        return self.stage.server.logs_in(Credential(document["username"], Password(document["password"])))

    @invariant()
    def holds(self) -> None:
        """See that nothing unproven decided anything, and that no password is lost."""
        if hasattr(self, "stage"):
            type(self).taken += 1
            assert "app_clone_clone" not in self.stage.server.accounts
            held = self.stage.stored_passwords() | {LOST}
            accounts = self.stage.server.accounts.items()
            lost = [user for user, it in accounts if {it.password, it.second} - {None} - held]
            try:
                require_kept(Sight(lost=lost), self.chronicle)
            except Violated as violated:
                if Invariant.ONLY_PROVEN_DECIDES in str(violated):
                    type(self).found = type(self).found or self.taken
                raise
            self.chronicle.clear()


def _as_many_as(steps: int, walk: type[Writing], **more: Any) -> None:  # noqa: ANN401 hypothesis's settings
    quiet = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    while walk.taken < steps:
        run_state_machine_as_test(
            walk, settings=settings(quiet, max_examples=AT_A_TIME, stateful_step_count=STEPS_OF_A_WALK, **more)
        )


@pytest.fixture(autouse=True)
def _no_waits_for_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a lock up at once."""
    monkeypatch.setattr(memory_engine, "LOCK_WAIT", 0.01)


@pytest.mark.parametrize("kind", STAGES)
def test_a_writer_neither_learns_nor_chooses_a_password(kind: str) -> None:
    """As many walks as it takes; afterwards an operator puts the secret right, and the next rotation completes."""
    _as_many_as(STEPS, type("Writing", (Writing,), {"kind": kind}))


CUT_OVER, SET = cutover.cut_over, cutover._set  # noqa: SLF001 what the faults are made of


def by_the_account_alone(delivery: Delivery, older: Secret) -> bool:
    """Compare the user and its server with AWSCURRENT's, and nothing else."""
    return _same_account(older, delivery.current)


def _same_account(proven: Secret, other: Secret) -> bool:
    places = [replace(it.address, database="", tls=True, users_database=None) for it in (proven, other)]
    return proven.username == other.username and places[0] == places[1]


def put_back_awscurrent(delivery: Delivery, changer: Any, _proven: Any, admin: Any = None) -> None:  # noqa: ANN401 passed on
    """Take the change back to AWSCURRENT, whether or not it was accepted."""
    CUT_OVER(delivery, changer, delivery.current, admin)


def follow_awscurrent(delivery: Delivery, changer: Any, error: RotationError, *_: Any, **__: Any) -> None:  # noqa: ANN401 passed on
    """Make the server agree with whatever AWSCURRENT is now."""
    fresh = delivery.parse(delivery.store.read(Stage.CURRENT))
    if fresh.version != delivery.token:
        SET(delivery, changer, fresh if _same_account(fresh, delivery.current) else delivery.current)
        raise error


def bring_awscurrent_back(delivery: Delivery, stack: Any, admin: Any) -> None:  # noqa: ANN401 passed on
    """Let the admin set AWSCURRENT's password, and the pending one beside it."""
    session = stack.enter_context(admins.open_admin(delivery, admin))
    if repair.begin(delivery, session):
        RetainedPassword()._retain(delivery, session, admin)  # noqa: SLF001 as it was


def always(*_: object) -> bool:
    """Agree."""
    return True


FAULTS: Final[dict[str, tuple[str, object, str, object]]] = {
    "AWSPREVIOUS proves a pair by its user alone": ("alternating-users", recovery, "may_stand_in", always),
    "an older version stands in by its account alone": ("single-user", recovery, "may_stand_in", by_the_account_alone),
    "the same, by admin": ("single-user by admin", recovery, "may_stand_in", by_the_account_alone),
    "AWSCURRENT is put back": ("single-user by admin", single_user, "cut_over", put_back_awscurrent),
    "AWSCURRENT is followed": ("single-user", cutover, "_follow_current", follow_awscurrent),
    "the same, by the admin": ("single-user by admin", cutover, "_follow_current", follow_awscurrent),
    "who is overtaken sets AWSCURRENT": ("alternating-users", pairs, "was_made_from", always),
    "a mark is enough for a repair": ("single-user, repaired", repair, "_unproven", lambda *_: []),
    "the same, for a pair": ("alternating-users, repaired", repair, "_unproven", lambda *_: []),
    **{f"any pending value is kept, {kind}": (kind, steps, "require_own", always) for kind in STAGES},
    "a repair brings AWSCURRENT back": (
        "retained-password, repaired",
        SingleUser,
        "repair",
        staticmethod(bring_awscurrent_back),
    ),
}
"""Each as it was once: where it is played, and what is replaced by what."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault: str) -> None:
    """With the fault put back a writer gets through, and the tenth invariant says so."""
    kind, *place = FAULTS[fault]
    walk: type[Writing] = type("Writing", (Writing,), {"kind": kind})
    with mock.patch.object(*place), pytest.raises(Violated):  # type: ignore[call-overload]
        _as_many_as(MOST_STEPS, walk, phases=[Phase.generate], report_multiple_bugs=False)
    assert walk.found
    print(f"{fault}: found after {walk.found} steps")  # noqa: T201 shown by -rP
