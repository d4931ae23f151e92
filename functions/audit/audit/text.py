"""Text that others chose, made fit to be shown and kept: nothing in it is invisible, or turns a line around."""

from __future__ import annotations

import re
from typing import Final

_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""Control characters, those of direction (Unicode Standard Annex 9), those of no width, and half characters."""


def visible(text: str) -> str:
    """Write out by its number what would not be seen."""
    return _HIDDEN.sub(lambda it: f"<U+{ord(it[0]):04X}>", text)
