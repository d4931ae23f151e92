"""Whether this run may take hours, as `make crash` does."""

from __future__ import annotations

import os
import zlib
from typing import Final

NIGHTLY: Final = os.environ.get("NIGHTLY", "") not in {"", "0"}
"""Whether everything is played; else what stands for it."""

BESIDE_CLIENTS: Final = 200 if NIGHTLY else 6
"""Rotations during which a client keeps logging in."""


def some(end: int, every: int, *case: object) -> range:
    """
    Return the effects to cut at before the end: all of them nightly, else one of so many.

    Each case begins at another one, always the same, so that all cases together leave none out.
    """
    first = 1 + zlib.crc32(repr(case).encode()) % every
    return range(1, end) if NIGHTLY else range(first, end, every)
