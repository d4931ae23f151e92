"""What every unit test relies on."""

from __future__ import annotations

import pytest

from rotation import machine


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a fresh AWSPENDING again at once."""
    monkeypatch.setattr(machine, "REREAD_PAUSES", (0, 0, 0))
