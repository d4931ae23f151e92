"""What a function's start does with the garbage collector."""

from __future__ import annotations

import gc
from contextlib import suppress
from unittest import mock

import pytest

from rotation.entrypoints.startup import loading


@pytest.mark.parametrize("fails", [False, True])
def test_the_collector_rests_while_a_function_loads(*, fails: bool) -> None:
    """Afterwards it works again, whatever became of the start, and leaves what was loaded alone."""
    seen: list[bool] = []
    with mock.patch.object(gc, "freeze") as freeze, suppress(ImportError), loading():
        seen.append(gc.isenabled())
        if fails:
            raise ImportError
    assert seen == [False]
    assert gc.isenabled()
    freeze.assert_called_once_with()
