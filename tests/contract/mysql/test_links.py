"""MariaDB's marks: what they tell of a pair, and who can write them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pymysql
import pytest

from rotation.engines.mysql.accounts import MARK_ROLE
from rotation.engines.mysql.passwords import native_hash
from rotation.errors import AccountUnusable, AuthenticationFailed, GuardViolation, NotOurs
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


def marks(stage: Stage, name: str) -> list[str]:
    """List the marks that an account holds."""
    rows = stage.run(f"SELECT Role FROM mysql.roles_mapping WHERE User = '{name}' AND Role LIKE '{MARK_ROLE}%'")
    return [str(row[0]) for row in rows]


@pytest.mark.parametrize(
    ("wrong", "whose"),
    [
        ({"secret_arn": "arn:other"}, Ownership.FOREIGN),
        ({"current": "zero"}, Ownership.OURS),
        ({"current": ""}, Ownership.OURS),
    ],
)
def test_a_mark_of_another_secret_or_version_proves_nothing(
    rotated: Rotated, wrong: dict[str, str], whose: Ownership
) -> None:
    """All that the mark is made of has to fit."""
    assert rotated.told(replace(rotated.next_pair(), **wrong)) == (None, whose)


def test_a_clone_of_somebody_elses_clone_is_not_made(rotated: Rotated) -> None:
    """Neither for its rights, nor in any other way: another secret's users are not read from, and not changed."""
    stage, clone = rotated.stage, rotated.first.clone
    stolen = Pair("arn:thief", clone, f"{clone}_clone", "v", current="u")
    for pair in (stolen, replace(stolen, base=rotated.base.username, idle=rotated.base.username)):
        with pytest.raises(NotOurs, match="DROP ROLE rotation_"):
            stage.level(rotated.admin, pair)
    assert stage.run(f"SELECT User FROM mysql.user WHERE User = '{clone}_clone'") == []


def test_a_user_cannot_mark_itself(rotated: Rotated) -> None:
    """A change of one's own password leaves the marks, and a mark in the place of the password is none."""
    stage, clone = rotated.stage, rotated.first.clone
    idle, _ = stage.level(rotated.admin, rotated.first)
    [mark] = marks(stage, clone)
    new = replace(idle, password=stage.password())
    stage.as_clients_see(idle, f"SET PASSWORD = '{native_hash(new.password)}'")
    assert rotated.told(rotated.first) == ("one", Ownership.OURS)
    with stage.login(rotated.admin) as session:
        assert session.mark_is_proof(clone)
    for statement in (f"GRANT {mark} TO CURRENT_USER()", "CREATE ROLE rotation_mine", f"DROP ROLE {mark}"):
        with pytest.raises(pymysql.err.OperationalError):
            stage.as_clients_see(new, statement)
    stage.run(f"DROP ROLE {mark}")
    stage.as_clients_see(new, f"SET PASSWORD = '*{mark.removeprefix(MARK_ROLE)}'")
    assert rotated.told(rotated.first)[1] is Ownership.UNMARKED


def test_a_mark_is_made_anew_in_each_rotation(rotated: Rotated) -> None:
    """Each user has one; what a delivery that broke off has left is no hindrance, nor another admin's role."""
    stage, pair = rotated.stage, rotated.next_pair()
    stage.level(rotated.admin, pair)
    third = replace(rotated.first, version="three", current="two")
    with stage.login(rotated.admin) as session:
        session.level(third, stage.password())
    names = (rotated.first.base, rotated.first.clone)
    assert [len(marks(stage, name)) for name in names] == [1, 1]
    [role] = marks(stage, third.clone)
    stage.as_clients_see(
        rotated.admin, f"REVOKE {role} FROM {third.clone}", f"GRANT {marks(stage, third.base)[0]} TO {third.clone}"
    )
    assert rotated.told(third)[1] is Ownership.UNMARKED
    stage.level(stage.admin(), third)
    assert role in marks(stage, third.clone)
    assert rotated.told(third) == ("three", Ownership.OURS)


def test_wrong_passwords_are_counted_as_before(rotated: Rotated) -> None:
    """The server counts them (max_password_errors) of accounts with one method: the mark is none."""
    stage, clone = rotated.stage, rotated.first.clone
    stage.level(rotated.admin, rotated.next_pair())
    stage.run("SET GLOBAL max_password_errors = 2")
    try:
        for name in (rotated.base.username, clone):
            wrong = Credential(name, stage.password())
            for _ in range(2):
                with pytest.raises(AuthenticationFailed):
                    stage.login(wrong)
            with pytest.raises(AccountUnusable, match="too many failed logins"):
                stage.login(wrong)
    finally:
        stage.run("SET GLOBAL max_password_errors = DEFAULT", "FLUSH PRIVILEGES")


def test_a_mark_that_was_given_a_right_is_looked_at(rotated: Rotated) -> None:
    """A role is a role: the guard reads what the mark of a user lets it do."""
    stage, clone = rotated.stage, rotated.first.clone
    stage.run(f"GRANT CREATE USER ON *.* TO {marks(stage, clone)[0]}")
    with stage.login(stage.superuser()) as session, pytest.raises(GuardViolation, match="CREATE USER"):
        session.guard_target(clone, allow_privileged=False)


def test_a_revocation_leaves_the_marks(rotated: Rotated) -> None:
    """Ending the idle user's password is no preparation; one whose mark is gone gets the one that says whose it is."""
    pair = rotated.next_pair()
    rotated.stage.run(f"DROP ROLE {marks(rotated.stage, pair.idle)[0]}")
    with rotated.stage.login(rotated.admin) as session:
        assert session.ownership(pair) is Ownership.UNMARKED
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
