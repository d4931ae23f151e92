"""SCRAM as the drivers speak it: the server says in how many turns the key is derived (RFC 5802)."""

from __future__ import annotations

import contextlib
from typing import Final

MOST_ITERATIONS: Final = 1_000_000
"""
More than servers are set to, and seconds of a small function's work.

PostgreSQL's default is 4,096, MongoDB's 15,000; advice for stored passwords goes up to 600,000.
"""


class TooManyIterations(Exception):
    """The server asks for more work than a login is worth, before it has proven anything itself."""


def require_bounded(server_first: bytes) -> None:
    """
    Raise TooManyIterations where the server's first message orders that; the key is not derived yet.

    A number is read as the drivers read it, which take more for one than the standard does.
    """
    for part in server_first.decode(errors="replace").split(","):
        name, _, number = part.partition("=")
        with contextlib.suppress(ValueError):  # what is no number, they refuse themselves
            if name == "i" and int(number) > MOST_ITERATIONS:
                raise TooManyIterations
