"""A database that accepts no version: with Force and a setting it is promoted, and a rotation repairs it there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import AccountUnusable, GuardViolation, NotOurs, NoWorkingCredential, RotationError
from rotation.model import Mark, in_region
from rotation.promotion import promoting
from tests.support.crashes.cuts import Cut, Scissors, cutting
from tests.support.emulators.secretsmanager.replication import AfterStop, Replication
from tests.support.memory.engine import MemoryEngine, MemorySession
from tests.support.memory.regions import AWAY, HOME, TwoRegions

if TYPE_CHECKING:
    from rotation.promotion.case import Case

WITH_ADMIN: Final = ("single-user by admin", "retained-password by admin")
MOST: Final = 60


def lost(strategy: str) -> TwoRegions:
    """Return two Regions of which one is lost, and whose database was restored with a password that nobody knows."""
    scene = TwoRegions(strategy, replication=Replication(after_stop=AfterStop.GONE))
    scene.rotate()
    scene.regions.cut(HOME)
    account = scene.server.accounts["app"]
    account.password, account.second, account.mark = "known-to-nobody", None, Mark(scene.arn, "app", "")
    scene.server.refused.clear()
    scene.delivery = partial(scene.delivery, repair_by_admin=True)  # type: ignore[method-assign]  # that of rotations
    return scene


def case(scene: TwoRegions, *, repair: bool = True, dry_run: bool = False, **event: Any) -> Case:  # noqa: ANN401 JSON
    """Return a promotion by a function that may repair."""
    made = scene.case(dry_run=dry_run, **event)
    made.delivery.settings = replace(made.delivery.settings, repair_by_admin=repair)
    return made


def refused(scene: TwoRegions, **said: Any) -> RotationError:  # noqa: ANN401 settings and JSON
    """Promote, and see that nothing was changed."""
    before = scene.accounts()
    with pytest.raises(RotationError) as caught:
        promoting.promote(case(scene, **{"Force": True, **said}))
    assert scene.accounts() == before
    secret = scene.regions.find("app", AWAY)
    assert secret is not None
    assert secret.primary_region == HOME
    return caught.value


@pytest.mark.parametrize("strategy", WITH_ADMIN)
def test_a_rotation_repairs_it(strategy: str) -> None:
    """The accounts are marked, then a rotation begins at once, in which the admin sets a password of its own making."""
    scene = lost(strategy)
    answer = promoting.promote(case(scene, Force=True)).answer()
    assert not scene.logs_in()
    assert answer["fence"] == "rotation"
    assert answer["chosen"]["label"] == "AWSCURRENT"
    assert any("RepairByAdmin" in what for what in answer["toDo"])
    assert len(scene.server.refused) <= 4
    assert scene.run_due() == [None]
    assert scene.logs_in()
    scene.rotate(AWAY)


def test_the_password_of_the_secret_is_never_set() -> None:
    """Whoever may write the secret may have chosen it."""
    scene = lost("single-user by admin")
    written = scene.credential().password.reveal()
    promoting.promote(case(scene, Force=True))
    scene.run_due()
    assert scene.server.accounts["app"].password not in {written, "known-to-nobody"}


def test_a_dry_run_says_so_and_changes_nothing() -> None:
    scene = lost("single-user by admin")
    before = scene.accounts()
    answer = promoting.promote(case(scene, dry_run=True, Force=True)).answer()
    assert {"step": "Attach the function, and rotate now", "state": "would be done"} in answer["steps"]
    assert scene.accounts() == before


@pytest.mark.parametrize("said", [{"Force": False}, {"repair": False}])
def test_both_have_to_be_said(said: dict[str, bool]) -> None:
    error = refused(lost("single-user by admin"), **said)
    assert isinstance(error, NoWorkingCredential)
    assert "administrator" in error.remedy


def test_without_an_admin_nobody_can() -> None:
    assert isinstance(refused(lost("single-user")), NoWorkingCredential)


@pytest.mark.parametrize("mark", [None, Mark("arn:aws:secretsmanager:eu-west-1:1:secret:other", "app", "")])
def test_an_account_that_is_not_marked_is_left_alone(mark: Mark | None) -> None:
    scene = lost("single-user by admin")
    scene.server.accounts["app"].mark = mark
    error = refused(scene)
    assert isinstance(error, NoWorkingCredential | NotOurs)


def test_an_account_with_the_mark_of_another_user_is_left_alone() -> None:
    scene = lost("single-user by admin")
    scene.server.accounts["app"].mark = Mark(scene.arn, "another", "")
    assert "no mark of this secret" in refused(scene).remedy


def test_a_mark_that_the_user_could_write_proves_nothing() -> None:
    scene = lost("single-user by admin")
    scene.server.users_write_marks = True
    assert isinstance(refused(scene), NotOurs)


def test_a_locked_account_stays_locked() -> None:
    scene = lost("single-user by admin")
    scene.server.accounts["app"].usable = False
    assert isinstance(refused(scene), NoWorkingCredential | AccountUnusable)


def test_a_replica_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemorySession, "takes_changes", lambda _: False)
    assert isinstance(refused(lost("single-user by admin")), GuardViolation)


def test_it_is_completed_wherever_it_is_cut() -> None:
    """Each time by the same event."""
    for at in range(1, MOST):
        scene = lost("single-user by admin")
        scissors = Scissors(at)
        effects = ((MemoryEngine, "connect"), (MemorySession, "_statement"))
        with suppress(Cut), cutting(scissors, *effects):
            promoting.promote(case(scene, Force=True))
        promoting.promote(case(scene, Force=True))
        assert scene.run_due() == [None]
        assert scene.logs_in()
        mark = scene.server.accounts["app"].mark
        assert mark is not None
        assert mark.secret_arn == in_region(scene.arn, AWAY)
        if not scissors.fired:
            return
    raise AssertionError(scissors.trace)
