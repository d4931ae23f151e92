"""The engine keeps its promises on a real MariaDB, whose marks say less."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.contract.engine_contract import ClosingContract, EngineContract, NetworkContract
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
    """Run the specification; what differs is that a mark can be checked, and not read."""

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
