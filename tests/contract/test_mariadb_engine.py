"""The engine keeps its promises on a real MariaDB, whose marks say less."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotation.model import Ownership
from tests.contract.engine_contract import OTHER_ARN, ClosingContract, EngineContract, NetworkContract
from tests.contract.mysql_lab import MySQLLab, lab_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.engine_contract import EngineLab
    from tests.lab.stages.mysql import Stage


@pytest.fixture
def lab(mariadb: Stage) -> Iterator[MySQLLab]:
    """Set the lab up."""
    with lab_on(mariadb) as lab:
        yield lab


class TestMariaDB(EngineContract, ClosingContract, NetworkContract):
    """Run the specification, but for marks: the strategy proves an unmarked account by AWSPREVIOUS."""

    def test_whose_a_clone_is(self, lab: EngineLab) -> None:
        """A clone is absent, unmarked, or ours; another secret's looks like an unmarked one."""
        absent, unmarked, ours, foreign = (lab.create_user(lab.unique()).username for _ in range(4))
        lab.create_user(self.pair(lab, unmarked).clone)
        self.level(lab, self.pair(lab, ours))
        self.level(lab, replace(self.pair(lab, foreign), secret_arn=OTHER_ARN))
        with self.login(lab, lab.admin) as session:
            found = [session.ownership(self.pair(lab, base)) for base in (absent, unmarked, ours, foreign)]
            assert found == [Ownership.ABSENT, Ownership.UNMARKED, Ownership.OURS, Ownership.UNMARKED]
            session.disable_password(self.pair(lab, ours).clone)
            assert session.ownership(self.pair(lab, ours)) is Ownership.UNMARKED

    def test_whose_a_base_is(self, lab: EngineLab) -> None:
        """A base is unmarked until it was promoted once: its own mark comes with its password."""
        base = lab.create_user(lab.unique()).username
        self.level(lab, self.pair(lab, base))
        pair = self.pair(lab, base, promote="base")
        with self.login(lab, lab.admin) as session:
            assert session.ownership(pair) is Ownership.UNMARKED
            session.level(pair, lab.password())
            assert session.ownership(pair) is Ownership.OURS
            session.disable_password(base)
            assert session.ownership(pair) is Ownership.OURS

    def test_the_mark(self, lab: EngineLab) -> None:
        """No mark can be read; whether it was made for a version can be checked."""
        base = lab.create_user(lab.unique()).username
        pair = replace(self.pair(lab, base), current="version-0")
        self.level(lab, pair)
        with self.login(lab, lab.admin) as session:
            assert session.mark_of(pair.clone) is None
            assert session.prepared_version(pair) == pair.version
            assert session.prepared_version(replace(pair, version="version-2")) is None

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
