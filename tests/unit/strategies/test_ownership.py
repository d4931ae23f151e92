"""Whose an account is, and which user of a pair is the base."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from rotation.errors import AccountUnusable, GuardViolation, NotOurs, Unreachable
from rotation.model import Mark, Ownership, Stage, Step
from rotation.settings import Settings
from rotation.strategies.admins import require_unclaimed
from tests.support.memory.engine import HOST, Account
from tests.support.memory.interruptions import fail
from tests.support.memory.stage import ADMIN_ARN, MemoryStage

if TYPE_CHECKING:
    from rotation.errors import RotationError

ADOPTING = Settings(admin_secret_arns=(ADMIN_ARN,), adopt_unmarked_clones=True)
THEIRS = "clones-own-password"


def value(username: str, password: str, **more: object) -> str:
    """Return a secret's JSON as another rotation function leaves it."""
    place = {"engine": "memory", "host": HOST, "port": 5432, "masterarn": ADMIN_ARN}
    return json.dumps({**place, "username": username, "password": password, **more})


def taken_over(*names: str, previous: str | None = None) -> MemoryStage:
    """Return a pair that another rotation function made: two accounts without a mark, and the secret's versions."""
    stage = MemoryStage(admin=True)
    stage.store.values.clear()
    stage.store.stages.clear()
    del stage.server.accounts["app"]
    for name in names:
        stage.server.accounts[name] = Account(f"password of {name}", {"read orders", "write orders"})
    if previous:
        stage.store.begin(value(previous, f"password of {previous}"))
    stage.store.begin(value(names[0], f"password of {names[0]}"))
    return stage


def play(stage: MemoryStage) -> RotationError | None:
    """Rotate, and see that no session is left open and that AWSCURRENT logs in."""
    error = stage.play(stage.store.rotate())
    assert stage.server.sessions == []
    assert stage.current_logs_in()
    return error


# An account that exists already


def test_an_unmarked_account_is_not_ours() -> None:
    """A clone that exists without a proof is refused, and told how to adopt."""
    stage = MemoryStage(admin=True)
    stage.server.accounts["app_clone"] = Account(THEIRS)
    error = play(stage)
    assert isinstance(error, NotOurs)
    assert "ADOPT_UNMARKED_CLONES" in error.remedy
    assert stage.server.accounts["app_clone"].password == THEIRS


@pytest.mark.parametrize("settings", [Settings(admin_secret_arns=(ADMIN_ARN,)), ADOPTING])
def test_another_secrets_account_is_never_ours(settings: Settings) -> None:
    """A mark that names another secret is refused, whatever the settings say."""
    stage = MemoryStage(admin=True, settings=settings)
    stage.server.accounts["app_clone"] = Account(THEIRS, mark=Mark("arn:of:another", "app", "v"))
    error = play(stage)
    assert isinstance(error, NotOurs)
    assert "take the mark off" in error.remedy
    assert stage.server.accounts["app_clone"].password == THEIRS


def test_adoption_by_setting() -> None:
    """Where the function's settings say so, an unmarked clone is taken, marked and logged."""
    stage = MemoryStage(admin=True, settings=ADOPTING)
    stage.server.accounts["app_clone"] = Account(THEIRS)
    token = stage.rotate()
    assert stage.server.accounts["app_clone"].mark == Mark(stage.store.arn, "app", token)
    assert any("Adopted the account app_clone" in line for line in stage.notes.warned)
    stage.settings = Settings(admin_secret_arns=(ADMIN_ARN,))
    stage.rotate()
    assert stage.current_logs_in()


@pytest.mark.parametrize(("current", "idle"), [("app", "app_clone"), ("app_clone", "app")])
def test_adoption_by_possession_of_the_previous_password(current: str, idle: str) -> None:
    """An unmarked account whose password AWSPREVIOUS holds is this secret's."""
    stage = taken_over(current, idle, previous=idle)
    assert play(stage) is None
    assert stage.credential().username == idle


def test_a_previous_password_that_the_server_refuses_proves_nothing() -> None:
    """AWSPREVIOUS that does not log in leaves the account alone."""
    stage = taken_over("app", "app_clone", previous="app_clone")
    stage.server.accounts["app_clone"].password = THEIRS
    assert isinstance(play(stage), NotOurs)
    assert stage.server.accounts["app_clone"].password == THEIRS


def test_a_previous_password_that_was_accepted_is_a_proof() -> None:
    """A refusal that comes only after the password was accepted proves the account; the step that needs it fails."""
    stage = taken_over("app", "app_clone", previous="app_clone")
    stage.server.accounts["app_clone"].usable = False
    token = stage.store.rotate()
    error = stage.play(token)
    assert isinstance(error, AccountUnusable)
    assert stage.server.accounts["app_clone"].mark is not None
    assert stage.store.holder(Stage.CURRENT) != token


def test_an_account_that_cannot_be_looked_at_ends_the_step() -> None:
    """A refusal of which it is not known whether the password was accepted decides nothing."""
    stage = taken_over("app", "app_clone", previous="app_clone")
    locked = AccountUnusable("The account is locked", engine="memory")
    stage.server.effect = fail("connect", "before", locked, first=3)
    assert play(stage) is locked


def test_a_network_failure_is_no_refusal() -> None:
    """When the proof by possession gets no answer, the step ends and may be retried."""
    stage = taken_over("app", "app_clone", previous="app_clone")
    stage.server.effect = fail("connect", "before", Unreachable("gone", engine="memory"), first=3)
    assert isinstance(play(stage), Unreachable)


def test_only_the_idle_users_previous_password_counts() -> None:
    """AWSPREVIOUS about the user in use says nothing of the other account."""
    stage = MemoryStage(admin=True)
    stage.store.begin(stage.store.value_at(Stage.CURRENT))
    stage.server.accounts["app_clone"] = Account(THEIRS)
    assert isinstance(play(stage), NotOurs)


def test_a_pending_version_that_names_the_account_proves_nothing() -> None:
    """CreateSecret itself writes a value that names the clone; a retry does not take that for a proof."""
    stage = MemoryStage(admin=True)
    stage.server.accounts["app_clone"] = Account(THEIRS)
    token = stage.store.rotate()
    stage.step(Step.CREATE, token)
    stage.server.accounts["app_clone"].password = stage.credential(Stage.PENDING).password.reveal()
    assert isinstance(stage.play(token), NotOurs)


def test_a_base_that_is_missing_is_refused() -> None:
    """The base is never created: it has what the application owns."""
    stage = MemoryStage(admin=True)
    stage.rotate()
    del stage.server.accounts["app"]
    assert isinstance(play(stage), GuardViolation)
    assert "app" not in stage.server.accounts


# Which user is the base


def idle_user(stage: MemoryStage) -> str:
    """Return the user that createSecret chooses."""
    stage.step(Step.CREATE, stage.store.rotate())
    return stage.credential(Stage.PENDING).username


def test_the_record_decides() -> None:
    """A recorded base counts, whatever the name looks like; nobody is asked."""
    stage = taken_over("app_clone")
    stage.store.begin(value("app_clone", "password of app_clone", rotation={"base": "app_clone"}))
    assert idle_user(stage) == "app_clone_clone"
    assert stage.server.accepted == []


@pytest.mark.parametrize("name", ["app", "_clone"])
def test_a_name_without_a_stem_is_a_base(name: str) -> None:
    """A name that is not somebody's clone is a base, without a look at anything."""
    stage = taken_over(name)
    calls = len(stage.store.calls)
    assert idle_user(stage) == f"{name}_clone"
    assert stage.store.calls[calls:] == ["describe", "read", "stage_pending"]


def test_the_previous_versions_user_is_the_base() -> None:
    """AWSCURRENT about the clone and AWSPREVIOUS about its stem: the stem is the base."""
    assert idle_user(taken_over("app_clone", "app", previous="app")) == "app"


def test_the_previous_versions_clone_makes_a_base_of_a_name_that_ends_so() -> None:
    """AWSPREVIOUS about the current name's own clone: the current name is the base."""
    assert idle_user(taken_over("app_clone", previous="app_clone_clone")) == "app_clone_clone"


def test_the_mark_decides_without_a_previous_version() -> None:
    """The clone's own mark says of which base it is a clone."""
    stage = taken_over("app_clone", "app")
    stage.server.accounts["app_clone"].mark = Mark(stage.store.arn, "app", "v")
    assert idle_user(stage) == "app"


@pytest.mark.parametrize("mark", [None, Mark("arn:of:another", "app", "v"), Mark("", "other", "v")])
def test_a_name_that_merely_ends_like_a_clones_is_a_base(mark: Mark | None) -> None:
    """Without a proof the current name is the base."""
    stage = taken_over("app_clone", "app")
    stage.server.accounts["app_clone"].mark = mark and mark._replace(secret_arn=mark.secret_arn or stage.store.arn)
    assert idle_user(stage) == "app_clone_clone"


def test_a_previous_version_that_cannot_be_read_says_nothing() -> None:
    """An AWSPREVIOUS that is no database secret is passed over."""
    stage = taken_over("app_clone", "app", previous="app")
    stage.store.values[stage.store.holder(Stage.PREVIOUS) or ""] = "no JSON"
    assert idle_user(stage) == "app_clone_clone"


def test_an_admin_secret_named_without_its_suffix_must_be_on_the_list_itself() -> None:
    """A name that looks like a listed secret with its suffix may be another secret's, and is refused once read."""
    listed = ADMIN_ARN.removesuffix("-AbCdEf")
    stage = MemoryStage(
        admin=True, settings=Settings(admin_secret_arns=(f"{listed}-??????",)), masterarn=f"{listed}-others"
    )
    stage.store.admins[f"{listed}-others-GhIjKl"] = stage.store.admins[ADMIN_ARN]
    stage.store.resolves[f"{listed}-others"] = f"{listed}-others-GhIjKl"
    error = stage.play(stage.store.rotate())
    assert isinstance(error, GuardViolation)
    assert "ADMIN_SECRET_ARNS" in str(error)
    assert stage.server.accepted == []


@pytest.mark.parametrize("named", ["admin", ADMIN_ARN.removesuffix("-AbCdEf"), ADMIN_ARN[:-1], f"{ADMIN_ARN}-?"])
def test_an_arn_without_its_end_is_called_so(named: str) -> None:
    """The remedy is the end of the ARN, not another entry on the list; nothing is read before."""
    stage = MemoryStage(admin=True, masterarn=named)
    error = stage.play(stage.store.rotate())
    assert isinstance(error, GuardViolation)
    assert "is not the whole ARN of a secret, which ends in a hyphen and six characters" in error.what
    assert "read_admin" not in stage.store.calls


@pytest.mark.parametrize("name", ["admin", "prod-master"])
def test_an_end_that_the_list_leaves_open_may_be_left_off(name: str) -> None:
    """Then the secret of that name is read, and its whole ARN is on the list; a name can end as an ARN does."""
    whole = ADMIN_ARN.replace("admin-", f"{name}-")
    stem = whole.removesuffix("-AbCdEf")
    stage = MemoryStage(admin=True, settings=Settings(admin_secret_arns=(f"{stem}-??????",)), masterarn=stem)
    stage.store.admins[whole] = stage.store.admins[ADMIN_ARN]
    stage.store.resolves[stem] = whole
    stage.rotate()
    assert stage.current_logs_in()


# Whose the account is that an admin reads or changes


ALONE: dict[str, object] = {"strategy": "single-user"}
FOREIGN = Mark("arn:of:another", "app", "v")


@pytest.mark.parametrize("strategy", ["single-user", "retained-password"])
@pytest.mark.parametrize("marked", ["app", "app_clone"])
def test_one_users_account_that_is_anothers_stays(marked: str, strategy: str) -> None:
    """Whoever read a password once has no admin give them the account: be it another's base, or its clone."""
    stage = MemoryStage(
        admin=True,
        engine="memory-of-two",
        rotation={"strategy": strategy},
        username=marked,
        password=f"password of {marked}",
    )
    stage.server.accounts["app"].password = "password of app"
    stage.server.accounts["app_clone"] = Account("password of app_clone", {"read orders", "write orders"}, mark=FOREIGN)
    before = stage.held_passwords()
    for error in (stage.play(stage.store.begin_dry_run()), play(stage)):
        assert isinstance(error, NotOurs)
        assert "another secret's" in str(error)
    assert stage.held_passwords() == before


def test_nobody_makes_a_clone_of_anothers_clone() -> None:
    """The other secret's rotations would not take the access of a copy away."""
    stage = taken_over("app_clone")
    stage.server.accounts["app"] = Account("password of app", {"read orders", "write orders"})
    stage.server.accounts["app_clone"].mark = FOREIGN
    assert isinstance(play(stage), NotOurs)
    assert "app_clone_clone" not in stage.server.accounts


@pytest.mark.parametrize("username", ["app", "app_clone"])
def test_one_user_of_what_was_the_secrets_pair_is_its_own(username: str) -> None:
    """A secret that goes over to one user keeps its mark."""
    stage = MemoryStage(admin=True)
    stage.rotate()
    if username == "app":
        stage.rotate()
    document = json.loads(stage.store.value_at(Stage.CURRENT))
    assert document["username"] == username
    stage.store.begin(json.dumps({**document, "rotation": ALONE}))
    assert play(stage) is None


def test_a_mark_that_names_the_secret_outweighs_the_name_of_the_base() -> None:
    """Where accounts bear their own marks, a user of what was the secret's pair is no base, and still its own."""
    stage = MemoryStage(admin=True, rotation=ALONE)
    bases = {"app_clone": Ownership.FOREIGN, "app": Ownership.OURS}
    session = mock.Mock(ownership=lambda pair: bases[pair.base])
    require_unclaimed(session, stage.delivery("token").current, "app_clone")
    bases["app"] = Ownership.UNMARKED
    with pytest.raises(NotOurs):
        require_unclaimed(session, stage.delivery("token").current, "app_clone")
