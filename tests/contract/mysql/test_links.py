"""MariaDB's marks: what they tell of a pair, and who can write them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from rotation.engines.mysql.passwords import native_hash
from rotation.model import Credential, Ownership, Pair
from tests.lab.stages.mysql import pair_of

if TYPE_CHECKING:
    from tests.lab.stages.mysql import Stage


class Rotated(NamedTuple):
    """A pair whose clone was promoted once by the version ``one``."""

    stage: Stage
    base: Credential
    admin: Credential
    first: Pair

    def told(self, pair: Pair) -> tuple[str | None, Ownership]:
        """Return what the server tells of the pair."""
        with self.stage.login(self.admin) as session:
            return session.prepared_version(pair), session.ownership(pair)

    def next_pair(self, version: str = "two") -> Pair:
        """Return the pair whose base is about to be promoted."""
        return replace(self.first, idle=self.base.username, version=version, current="one")


@pytest.fixture
def rotated(mariadb: Stage) -> Rotated:
    """Prepare a clone, AWSCURRENT's user being a base that carries no mark."""
    base, admin = mariadb.user(), mariadb.admin()
    first = replace(pair_of(base.username, version="one"), current="zero")
    mariadb.level(admin, first)
    return Rotated(mariadb, base, admin, first)


def test_what_was_prepared_last_is_told_rotation_after_rotation(rotated: Rotated) -> None:
    """AWSCURRENT's version before the idle user is prepared, and the pending one after it."""
    assert rotated.told(rotated.first) == ("one", Ownership.OURS)
    pair, following = rotated.next_pair(), {"two": "three", "three": "four", "four": "five"}
    for version in ("two", "three", "four"):
        assert rotated.told(pair) == (pair.current, Ownership.OURS)
        rotated.stage.level(rotated.admin, pair)
        assert rotated.told(pair) == (version, Ownership.OURS)
        pair = replace(pair, idle=pair.active, version=following[version], current=version)


def test_another_preparation_of_either_user_is_noticed(rotated: Rotated) -> None:
    """Whatever an abandoned token's late delivery finds, it is neither its own version nor the one that it knew."""
    pair = rotated.next_pair()
    rotated.stage.level(rotated.admin, replace(pair, version="another"))
    assert rotated.told(pair) == (None, Ownership.OURS)
    rotated.stage.level(rotated.admin, replace(rotated.first, version="a third", current="another"))
    assert rotated.told(pair) == (None, Ownership.OURS)


def test_a_preparation_between_two_of_ones_own_is_noticed(rotated: Rotated) -> None:
    """A delivery that comes again after another token's does not take the idle user for its own."""
    pair = rotated.next_pair()
    rotated.stage.level(rotated.admin, pair)
    rotated.stage.level(rotated.admin, replace(pair, version="another"))
    assert rotated.told(pair)[0] is None


def test_a_base_whose_password_was_changed_is_not_proven(rotated: Rotated) -> None:
    """The clone's mark proves the base by the very hash that was AWSCURRENT's."""
    rotated.stage.run(f"SET PASSWORD FOR {rotated.base.username} = PASSWORD('{rotated.stage.password().reveal()}')")
    assert rotated.told(rotated.next_pair()) == (None, Ownership.UNMARKED)


def test_a_base_that_nobody_saw_log_in_is_not_proven(rotated: Rotated) -> None:
    """Where another credential than AWSCURRENT opened the step, the mark says nothing of the partner."""
    rotated.stage.level(rotated.admin, replace(rotated.first, current=""))
    assert rotated.told(rotated.next_pair()) == (None, Ownership.UNMARKED)


@pytest.mark.parametrize("wrong", [{"secret_arn": "arn:other"}, {"current": "zero"}, {"current": ""}])
def test_a_mark_of_another_secret_or_version_proves_nothing(rotated: Rotated, wrong: dict[str, str]) -> None:
    """All that the mark is made of has to fit."""
    assert rotated.told(replace(rotated.next_pair(), **wrong)) == (None, Ownership.UNMARKED)


def test_a_user_cannot_mark_itself(rotated: Rotated) -> None:
    """A change of one's own password leaves the marks, and a mark in the place of the password is none."""
    clone = Credential(rotated.first.clone, rotated.stage.password())
    rotated.stage.run(f"ALTER USER {clone.username} IDENTIFIED BY '{clone.password.reveal()}'")
    assert rotated.told(rotated.first)[1] is Ownership.UNMARKED
    idle, _ = rotated.stage.level(rotated.admin, rotated.first)
    (shown,) = rotated.stage.run(f"SHOW CREATE USER {clone.username}")[0]
    mark = shown.split("'")[3]
    rotated.stage.as_clients_see(idle, f"SET PASSWORD = '{native_hash(clone.password)}'")
    assert rotated.told(rotated.first) == ("one", Ownership.OURS)
    rotated.stage.run(f"ALTER USER {clone.username} IDENTIFIED BY '{clone.password.reveal()}'")
    rotated.stage.as_clients_see(clone, f"SET PASSWORD = '{mark}'")
    assert mark in rotated.stage.run(f"SHOW CREATE USER {clone.username}")[0][0]
    assert rotated.told(rotated.first)[1] is Ownership.UNMARKED


def test_a_revocation_leaves_the_marks(rotated: Rotated) -> None:
    """Ending the idle user's password is no preparation; one without a mark gets the one that says whose it is."""
    pair = rotated.next_pair()
    with rotated.stage.login(rotated.admin) as session:
        assert session.ownership(pair) is Ownership.OURS
        session.disable_password(pair.idle)
        assert session.ownership(replace(pair, current="")) is Ownership.OURS
    rotated.stage.level(rotated.admin, pair)
    third = replace(rotated.first, version="three", current="two")
    with rotated.stage.login(rotated.admin) as session:
        assert session.ownership(third) is Ownership.OURS
        session.disable_password(third.idle)
    assert rotated.told(third) == ("two", Ownership.OURS)


def test_a_pair_that_is_not_whole_tells_nothing(rotated: Rotated) -> None:
    """Where one of the users is missing, or is there twice, no version is named."""
    clone = rotated.first.clone
    rotated.stage.run(f"DROP USER {clone}")
    assert rotated.told(rotated.first) == (None, Ownership.ABSENT)
