"""What every unit test relies on."""

from __future__ import annotations

import pytest

from rotation import machine
from rotation.strategies import cutover


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a fresh AWSPENDING, and a moved AWSCURRENT, again at once."""
    monkeypatch.setattr(machine, "REREAD_PAUSES", (0, 0, 0))
    monkeypatch.setattr(cutover, "LOOKS", (0, 0, 0))
