"""What a user holds may be very much: the work grows with it, and no faster. By counts, which a busy machine keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench import growth
from tests.lab.nightly import NIGHTLY

if TYPE_CHECKING:
    from tests.lab.stages.mysql import Stage

TIMES = 10
MOST = {"grants": 10_000, "roles": 1_000} if NIGHTLY else {"grants": 1_400, "roles": 60}


@pytest.mark.parametrize("what", MOST)
def test_the_work_grows_with_what_a_user_holds_and_no_faster(stage: Stage, what: str) -> None:
    few, many = (growth.on_mysql(stage, what, MOST[what] // parts) for parts in (TIMES, 1))
    assert many[0].within(few[0], TIMES)
    assert many[1].within(few[1], TIMES)
    if what == "grants":  # each role is asked for what it holds
        assert many[1].statements == few[1].statements
