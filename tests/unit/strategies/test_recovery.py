"""What is tried when neither AWSCURRENT nor AWSPENDING logs in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rotation.engines.session import login_at
from rotation.errors import AccountUnusable, AuthenticationFailed, NoWorkingCredential, StoreUnavailable
from rotation.model import LAST_REFUSED, SEARCHING, Mark, Stage, Step
from rotation.strategies.logins import MOST_REFUSALS
from rotation.strategies.recovery import Recovery
from tests.support.memory.engine import HOST, PORT
from tests.support.memory.interruptions import fail, when
from tests.support.memory.stage import ADMIN_ARN, MemoryStage

if TYPE_CHECKING:
    from rotation.model import Address, Credential, Deadline
    from tests.support.memory.engine import MemorySession


def store_unlabelled(stage: MemoryStage, name: str, **changed: object) -> None:
    """Leave a version without a label behind."""
    document = json.loads(stage.store.value_at(Stage.CURRENT))
    stage.store.values[name] = json.dumps({**document, "password": f"old-{name}", **changed})


def orphaned() -> tuple[MemoryStage, str]:
    """Return a password that lives only in a pending version whose label was taken off."""
    stage = MemoryStage()
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    stage.server.accounts["app"].password = stage.credential(Stage.PENDING).password.reveal()
    stage.store.abandon()
    return stage, token


def test_an_orphaned_password_is_found_and_never_promoted() -> None:
    """The version without a label logs in, serves to set the pending password, and stays without a label."""
    stage, orphan = orphaned()
    fresh = stage.rotate()
    assert stage.store.holder(Stage.CURRENT) == fresh
    assert not stage.store.stages[orphan]
    assert stage.current_logs_in()
    assert any(orphan in line for line in stage.notes.warned)


def test_the_previous_password_comes_before_unlabelled_ones() -> None:
    """A database that was restored to yesterday accepts AWSPREVIOUS."""
    stage = MemoryStage()
    stage.rotate()
    stage.server.accounts["app"].password = stage.credential(Stage.PREVIOUS).password.reveal()
    calls = len(stage.store.calls)
    stage.rotate()
    assert "unlabelled" not in stage.store.calls[calls:]
    assert stage.current_logs_in()


@pytest.mark.parametrize("admin", [False, True])
def test_a_version_that_is_passed_over_is_named(*, admin: bool) -> None:
    """A deployment that puts an old value back, with another database in it, hides the password that works."""
    stage = MemoryStage(admin=admin)
    document = json.loads(stage.store.value_at(Stage.CURRENT))
    stage.rotate()
    good = stage.store.holder(Stage.CURRENT)
    stage.store.put(json.dumps({**document, "dbname": "shop"}), Stage.CURRENT)
    if admin:
        stage.server.accounts["app"].password = "known-to-nobody"
    error = stage.play(stage.store.rotate())
    assert isinstance(error, NoWorkingCredential)
    assert f"Version {good} was not tried, since AWSCURRENT differs from it in dbname." in str(error)


def test_a_version_of_the_same_password_is_not_named() -> None:
    """What is refused in AWSCURRENT is refused in an older version, too."""
    stage = MemoryStage()
    document = json.loads(stage.store.value_at(Stage.CURRENT))
    stage.store.put(json.dumps({**document, "dbname": "shop"}), Stage.CURRENT)
    stage.server.accounts["app"].password = "known-to-nobody"
    error = stage.play(stage.store.rotate())
    assert isinstance(error, NoWorkingCredential)
    assert "was not tried" not in str(error)


def test_no_more_than_four_logins_are_refused() -> None:
    """Servers lock accounts: one delivery fails few logins, and says which versions it tried."""
    stage, _ = orphaned()
    stage.server.accounts["app"].password = "known-to-nobody"
    for number in range(20):
        store_unlabelled(stage, f"version-{number}")
    token = stage.store.rotate()
    stage.play(token, [Step.CREATE, Step.SET])
    with pytest.raises(NoWorkingCredential) as error:
        stage.step(Step.TEST, token)
    assert len(stage.server.refused) == MOST_REFUSALS
    assert token in str(error.value)
    assert stage.store.holder(Stage.PENDING) == token


def test_a_sum_of_refusals_keeps_what_each_said() -> None:
    """Which version was tried where and as whom, what the server said of it, and each remedy once."""
    stage = MemoryStage(admin=True)
    stage.rotate()
    engine, connect = stage.engine, stage.engine.connect

    def refuse(address: Address, credential: Credential, deadline: Deadline) -> MemorySession:
        where = login_at(address, credential.username)
        if credential.username == "app_clone":
            raise AuthenticationFailed("Wrong", engine="memory", code="7", where=where, remedy="See REQUIRE.")
        if credential.username == "app":
            raise AccountUnusable("Locked", engine="memory", where=where, remedy="Unlock it.", locked=True)
        return connect(address, credential, deadline)

    engine.connect = refuse  # type: ignore[method-assign]
    error = stage.play(stage.store.rotate())
    assert isinstance(error, NoWorkingCredential)
    current, pending = stage.store.holder(Stage.CURRENT), stage.store.holder(Stage.PENDING)
    assert f"Wrong [memory 7]: version {current} (AWSCURRENT) at {HOST}:{PORT}/main, as app_clone." in error.what
    assert f"Locked [memory]: version {pending} (AWSPENDING) at {HOST}:{PORT}/main, as app" in error.what
    assert error.remedy.startswith("See REQUIRE. Unlock it. Otherwise")
    assert "REPAIR_BY_ADMIN" not in error.remedy


def test_the_newest_unlabelled_version_comes_first() -> None:
    """Of the versions without a label the youngest is the likeliest."""
    stage = MemoryStage()
    for number in range(9):
        store_unlabelled(stage, f"version-{number}")
    stage.server.accounts["app"].password = "old-version-8"
    stage.rotate()
    assert stage.current_logs_in()


@pytest.mark.parametrize(
    "other",
    [
        {"username": "other"},
        {"host": "elsewhere.example"},
        {"port": 5433},
        {"engine": "other"},
        {"engine": "memory-of-two"},
        {"dbname": "other"},
        {"authSource": "other"},
        {"masterarn": "arn:of:another"},
        {"rotation": {"host": "elsewhere.example"}},
        {"rotation": {"passwordLength": 8}},
        {"rotation": 5},
        {"password": ""},
    ],
    ids=str,
)
def test_only_the_same_user_of_the_same_server_is_tried(other: dict[str, object]) -> None:
    """A version that proves another place, admin or rule, or that is no valid secret, is passed over."""
    stage = MemoryStage()
    store_unlabelled(stage, "unfit", **({"password": "good-one"} | other))
    stage.server.accounts["app"].password = "good-one"
    assert isinstance(stage.play(stage.store.rotate()), NoWorkingCredential)
    assert len(stage.server.refused) == 2


def test_the_same_password_is_tried_once() -> None:
    """A version that holds a password that was refused already costs no login."""
    stage = MemoryStage()
    store_unlabelled(stage, "same", password="first-password")
    stage.server.accounts["app"].password = "known-to-nobody"
    assert isinstance(stage.play(stage.store.rotate()), NoWorkingCredential)
    assert len(stage.server.refused) == 2


def forget_the_password(stage: MemoryStage, *names: str) -> None:
    """Leave versions without a label behind, of which the oldest alone logs in."""
    for name in names:
        store_unlabelled(stage, name)
    stage.server.accounts["app"].password = f"old-{names[0]}"


def test_a_retry_goes_on_where_the_last_one_ended() -> None:
    """Four logins are refused in an invocation, and in the end each version without a label was tried."""
    stage = MemoryStage()
    stage.rotate()
    forget_the_password(stage, "right", "b", "c", "d")
    token = stage.store.rotate()
    for retries in range(3):
        assert isinstance(stage.play(token), NoWorkingCredential), retries
        assert len(stage.server.refused) == MOST_REFUSALS * (retries + 1)
    assert [LAST_REFUSED in labels for labels in stage.store.stages.values()].count(True) == 1
    assert stage.play(token) is None
    assert stage.current_logs_in()


def test_the_last_refused_version_is_not_labelled_where_labels_cannot_be_moved() -> None:
    """What matters is that nobody was let in."""
    stage = MemoryStage()
    forget_the_password(stage, "right", "b", "c", "d")
    stage.store.effect = fail("label", "before", StoreUnavailable("No answer"))
    token = stage.store.rotate()
    assert isinstance(stage.play(token), NoWorkingCredential)
    assert not any(LAST_REFUSED in labels for labels in stage.store.stages.values())


@pytest.mark.parametrize(("arn", "first"), [(None, "right"), ("another secret's", "d")])
def test_the_version_that_the_mark_names_comes_first(arn: str | None, first: str) -> None:
    """The admin reads the account's mark; one of another secret says nothing."""
    stage = MemoryStage(admin=True, rotation={"strategy": "single-user"})
    forget_the_password(stage, "right", "b", "c", "d")
    stage.server.accounts["app"].mark = Mark(arn or stage.store.arn, "app", "right")
    stage.play(stage.store.rotate())
    assert f"'version': '{first}'" in stage.notes.warned[0]


def test_an_account_without_a_mark_names_no_version() -> None:
    """Then the newest comes first."""
    stage = MemoryStage(admin=True, rotation={"strategy": "single-user"})
    forget_the_password(stage, "a", "b", "right")
    stage.server.accounts["app"].password = "old-right"
    stage.rotate()
    assert len(stage.server.refused) == 2


def test_the_admins_refusals_count_too() -> None:
    """Not more than four logins are refused in an invocation, whosever they are."""
    stage = MemoryStage(admin=True, rotation={"strategy": "single-user"})
    stage.rotate()
    store_unlabelled(stage, "right")
    stage.server.accounts["app"].password = "old-right"
    stage.server.admin().password = "changed"
    document = json.loads(stage.store.admins[ADMIN_ARN])
    reread = json.dumps({**document, "password": "wrong-as-well"})
    stage.server.effect = when("connect", "after", lambda: stage.store.admins.update({ADMIN_ARN: reread}))
    token = stage.store.rotate()
    stage.play(token, [Step.CREATE, Step.SET])
    with pytest.raises(AuthenticationFailed):
        stage.step(Step.FINISH, token)
    assert len(stage.server.refused) == MOST_REFUSALS


@pytest.mark.parametrize(
    ("works", "reason"),
    [
        (Stage.PENDING, Recovery.PENDING),
        (Stage.PREVIOUS, Recovery.PREVIOUS),
        (None, Recovery.UNLABELLED),
    ],
)
def test_a_recovery_is_told_and_counted(works: Stage | None, reason: Recovery) -> None:
    """What AWSCURRENT was brought back with is named, at each step that needed it."""
    stage = MemoryStage()
    stage.rotate()
    store_unlabelled(stage, "right")
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    password = "old-right" if works is None else stage.credential(works).password.reveal()
    stage.server.accounts["app"].password = password
    assert stage.play(token) is None
    assert set(stage.notes.recoveries) == {reason}


def test_giving_up_is_a_recovery() -> None:
    """A rotation that can never complete makes way for the next one."""
    stage = MemoryStage()
    stage.server.rejects = lambda password: password != "first-password"
    stage.play(stage.store.rotate())
    assert stage.notes.recoveries == [Recovery.GIVEN_UP]


@pytest.mark.parametrize("newer", [{"username": "other"}, {"password": "first-password"}, {"password": "old-twice"}])
def test_newer_versions_that_hold_nothing_new_do_not_hide_the_right_one(newer: dict[str, object]) -> None:
    """Somebody stored another user's, or one and the same value, again and again."""
    stage = MemoryStage()
    store_unlabelled(stage, "wanted", password="good-one")
    for number in range(12):
        store_unlabelled(stage, f"version-{number}", **newer)
    stage.server.accounts["app"].password = "good-one"
    stage.rotate()
    assert stage.current_logs_in()
    assert len(stage.server.refused) <= 2 * 3  # AWSCURRENT, AWSPENDING and one more, in testSecret and in finishSecret


def test_the_label_of_an_old_search_does_not_lead_the_next_one() -> None:
    """Another rotation begins with the newest version, where the right one is likeliest."""
    stage = MemoryStage()
    forget_the_password(stage, "right", "b", "c", "d")
    abandoned = stage.store.rotate()
    assert isinstance(stage.play(abandoned), NoWorkingCredential)
    assert SEARCHING in stage.store.stages[abandoned]
    stage.store.abandon()
    store_unlabelled(stage, "newest")
    stage.server.accounts["app"].password = "old-newest"
    stage.server.refused.clear()
    fresh = stage.rotate()
    assert len(stage.server.refused) == 2 * 2  # AWSCURRENT and AWSPENDING, in testSecret and in finishSecret
    assert SEARCHING not in stage.store.stages[fresh]


def test_a_locked_account_ends_the_search() -> None:
    """More attempts would do harm, and the lock says more than a list of versions."""
    stage, _ = orphaned()
    locked = AccountUnusable("locked", engine="memory", locked=True)
    stage.server.effect = fail("connect", "before", locked, times=9)
    token = stage.store.rotate()
    assert stage.play(token) is locked
    assert stage.server.refused == []


def test_a_right_password_on_an_unusable_account_ends_the_search() -> None:
    """Once a password was accepted no other one can be better."""
    stage = MemoryStage()
    stage.server.accounts["app"].usable = False
    error = stage.play(stage.store.rotate())
    assert isinstance(error, AccountUnusable)
    assert error.password_accepted


def test_an_unexplained_refusal_lets_the_next_one_be_tried() -> None:
    """A refusal of another kind than the password is no reason to stop, and is what is told in the end."""
    stage, _ = orphaned()
    unexplained = AccountUnusable("refused", engine="memory")
    stage.server.effect = fail("connect", "before", unexplained)
    stage.rotate()
    assert stage.current_logs_in()
    stage.server.accounts["app"].password = "known-to-nobody"
    stage.server.effect = fail("connect", "before", unexplained)
    assert stage.play(stage.store.rotate()) is unexplained
