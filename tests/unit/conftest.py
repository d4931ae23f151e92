"""What every unit test relies on."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _quick(no_pauses: None) -> None:
    """Wait for no label."""
