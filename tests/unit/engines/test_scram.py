"""How much work a server may order, without a server."""

from __future__ import annotations

import pytest

from rotation.engines.scram import MOST_ITERATIONS, TooManyIterations, require_bounded


@pytest.mark.parametrize("number", ["4096", "15000", str(MOST_ITERATIONS), "many", ""])
def test_what_servers_are_set_to_is_computed(number: str) -> None:
    """And what is no number is left to the driver, which refuses it."""
    require_bounded(f"r=nonce,s=salt,i={number}".encode())
    require_bounded(b"v=signature")


@pytest.mark.parametrize("number", [str(MOST_ITERATIONS + 1), "2147483647", " 8000000", "8_000_000", "\u0669" * 9])
def test_what_would_take_long_is_not(number: str) -> None:
    """However it is written: Python takes more for a number than the standard does."""
    with pytest.raises(TooManyIterations):
        require_bounded(f"r=nonce,s=salt,i={number}".encode())
