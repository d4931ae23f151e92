"""The engine keeps its promises on a real MySQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.errors import PermissionDenied
from rotation.model import Mark
from tests.contract.engine_contract import ARN, ClosingContract, EngineContract, NetworkContract
from tests.contract.mysql_lab import MySQLLab, lab_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.engine_contract import EngineLab
    from tests.lab.stages.mysql import Stage


@pytest.fixture
def lab(mysql: Stage) -> Iterator[MySQLLab]:
    """Set the lab up."""
    with lab_on(mysql) as lab:
        yield lab


class TestMySQL(EngineContract, ClosingContract, NetworkContract):
    """Run the specification; what differs is where marks stand, and who may read them."""

    def test_the_mark(self, lab: EngineLab) -> None:
        """Both users carry a mark, since each proves something of itself alone."""
        base = lab.create_user(lab.unique()).username
        pair = self.pair(lab, base)
        with self.login(lab, lab.admin) as session:
            assert session.mark_of(pair.clone) is None
            assert session.prepared_version(pair) is None
            session.level(pair, lab.password())
            assert session.mark_of(pair.clone) == session.mark_of(base) == Mark(ARN, base, "version-1")
            assert session.prepared_version(pair) == "version-1"
            session.level(self.pair(lab, base, promote="base", version="version-2"), lab.password())
            assert session.prepared_version(pair) == "version-2"

    def test_a_user_cannot_tell_a_clones_mark_from_an_admins_word(self, lab: EngineLab) -> None:
        """What the mark of another user says is for admins."""
        user = lab.create_user(lab.unique())
        pair = self.pair(lab, user.username)
        self.level(lab, pair)
        with self.login(lab, user) as session, pytest.raises(PermissionDenied):
            session.mark_of(pair.clone)
