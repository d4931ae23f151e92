"""Two Regions are copied as they are, and told alike where only what is random differs."""

from __future__ import annotations

import pytest

from tests.support.memory.alike import copied, told
from tests.support.memory.regions import AWAY, HOME, TwoRegions


@pytest.fixture
def scene() -> TwoRegions:
    """Set two Regions up after a rotation."""
    made = TwoRegions("alternating-users")
    made.rotate()
    return made


def test_copies_go_on_by_themselves_and_end_alike(scene: TwoRegions) -> None:
    """Neither the first one nor another copy notices; versions and passwords alone differ."""
    before, one, other = told(scene), copied(scene), copied(scene)
    one.rotate()
    assert told(scene) == told(other) == before
    other.rotate()
    assert told(one) == told(other) != before
    assert one.credential() != other.credential()


def test_what_differs_is_told(scene: TwoRegions) -> None:
    """A label, an account, a Region that is cut off."""
    deeds = (
        lambda it: it.player(HOME).abandon("app"),
        lambda it: it.server.accounts.pop("app"),
        lambda it: setattr(it.server.accounts["app"], "password", "another"),
        lambda it: it.regions.cut(HOME),
        lambda it: it.regions.find("app", AWAY).tags.update(a="tag"),
        lambda it: it.clock.advance(hours=1),
    )
    seen = {told(scene)}
    for deed in deeds:
        other = copied(scene)
        deed(other)
        seen.add(told(other))
    assert len(seen) == 1 + len(deeds)
