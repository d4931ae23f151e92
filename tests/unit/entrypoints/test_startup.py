"""What a function's start does with the garbage collector."""

from __future__ import annotations

import gc
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from rotation.entrypoints.startup import loading

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.parametrize("fails", [False, True])
def test_the_collector_rests_while_a_function_loads(*, fails: bool) -> None:
    """Afterwards it works again, whatever became of the start, and leaves what was loaded alone."""
    seen: list[bool] = []
    with suppress(ImportError), loading():
        seen.append(gc.isenabled())
        if fails:
            raise ImportError
    assert seen == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count()
