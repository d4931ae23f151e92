"""A secret may have a hundred versions: a rotation reads no more of them than of three."""

from __future__ import annotations

import pytest

from tests.bench.growth import with_versions


@pytest.mark.parametrize("admin", [False, True], ids=["one user", "two users"])
def test_a_hundred_versions_cost_no_call_more_than_three(*, admin: bool) -> None:
    assert with_versions(100, admin=admin) == with_versions(3, admin=admin)
