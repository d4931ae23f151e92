"""
What is not known of Parameter Store: each a switch, played in both positions.

No recording of a real account covers them. The API reference is silent on what a plain overwrite keeps.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class LeftOut(enum.StrEnum):
    """What an overwrite does with what it does not name."""

    DEFAULT = "falls back to the default"
    KEPT = "is kept"


@dataclass(frozen=True)
class World:
    """One position of each switch."""

    key: LeftOut = LeftOut.DEFAULT
    """API reference, PutParameter, KeyId: "If you don't specify a key ID, the system uses the default key"."""
    attributes: LeftOut = LeftOut.DEFAULT
    """Description, AllowedPattern and DataType."""
    short_pages: bool = False
    """Whether lists give fewer than asked for and a token all the same (GetParametersByPath: "best-effort basis")."""
    labels_date: bool = False
    """Whether labels move LastModifiedDate (API reference, Parameter: "the parameter was last changed or updated")."""
    names_rest: bool = True
    """Whether a deleted name is refused for 30 s (API reference, DeleteParameters: "wait for at least 30 seconds")."""


STRICT: Final = World()
"""The harder position of each: what survives it survives the other."""

WORLDS: Final[Mapping[str, World]] = {
    "an overwrite keeps nothing": STRICT,
    "an overwrite keeps the key": World(key=LeftOut.KEPT),
    "an overwrite keeps what it does not name": World(LeftOut.KEPT, LeftOut.KEPT),
    "pages are short": World(short_pages=True),
    "labels move the date": World(labels_date=True),
    "a deleted name is taken at once": World(names_rest=False),
}
