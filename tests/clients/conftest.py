"""How often the clients' secrets rotate: a few times in `make test`, more in `make crash`."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def rotations(request: pytest.FixtureRequest) -> int:
    """Return how many rotations each library sees."""
    return 11 if request.config.getoption("--exhaustive") else 3
