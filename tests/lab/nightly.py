"""Whether this run may take hours, as `make crash` does."""

from __future__ import annotations

import os
from typing import Final

NIGHTLY: Final = os.environ.get("NIGHTLY", "") not in {"", "0"}
"""Whether everything is played; else what stands for it."""

BESIDE_CLIENTS: Final = 200 if NIGHTLY else 12
"""Rotations during which a client keeps logging in."""
