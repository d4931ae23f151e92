"""The engine keeps its promises on a real MariaDB, which has no place for a mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.model import Ownership
from tests.contract.engine_contract import EngineContract, NetworkContract
from tests.contract.mysql_lab import MySQLLab, lab_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.engine_contract import EngineLab
    from tests.dialect.mysql.stage import Stage


@pytest.fixture
def lab(mariadb: Stage) -> Iterator[MySQLLab]:
    """Set the lab up."""
    with lab_on(mariadb) as lab:
        yield lab


class TestMariaDB(EngineContract, NetworkContract):
    """Run the specification, but for marks: the strategy proves an unmarked account by AWSPREVIOUS."""

    def test_whose_a_clone_is(self, lab: EngineLab) -> None:
        """A clone is absent or unmarked; one whose password the secret's function ended is ours."""
        base, absent = lab.create_user(lab.unique()).username, lab.create_user(lab.unique()).username
        pair = self.pair(lab, base)
        self.level(lab, pair)
        with self.login(lab, lab.admin) as session:
            assert session.ownership(self.pair(lab, absent)) is Ownership.ABSENT
            assert session.ownership(pair) is Ownership.UNMARKED
            session.disable_password(pair.clone)
            assert session.ownership(pair) is Ownership.OURS

    def test_whose_a_base_is(self, lab: EngineLab) -> None:
        """A base is unmarked, prepared or not."""
        base = lab.create_user(lab.unique()).username
        self.level(lab, self.pair(lab, base))
        with self.login(lab, lab.admin) as session:
            assert session.ownership(self.pair(lab, base, promote="base")) is Ownership.UNMARKED

    def test_the_mark(self, lab: EngineLab) -> None:
        """Nobody carries a mark, so nothing tells for which version a pair was prepared."""
        base = lab.create_user(lab.unique()).username
        pair = self.pair(lab, base)
        self.level(lab, pair)
        with self.login(lab, lab.admin) as session:
            assert session.mark_of(pair.clone) is None
            assert session.prepared_version(pair) is None

    def test_a_user_cannot_tell_a_clones_mark_from_an_admins_word(self, lab: EngineLab) -> None:
        """There is no mark to tell."""
        user = lab.create_user(lab.unique())
        with self.login(lab, lab.admin) as session:
            assert session.mark_of(user.username) is None

    def test_unequal_access_is_seen_by_the_user_itself(self, lab: EngineLab) -> None:
        """A clone cannot see what its base holds; the admin's levelling mends what was taken from it."""
        base = lab.create_user(lab.unique())
        pair = self.pair(lab, base.username)
        self.level(lab, pair)
        lab.make_unequal(pair.clone)
        idle, changes = self.level(lab, pair)
        assert changes
        with self.login(lab, idle) as session:
            session.check_access(pair)
