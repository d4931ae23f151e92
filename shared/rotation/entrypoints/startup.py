"""The start of a function, which a rotation waits for."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def loading() -> Iterator[None]:
    """
    Let the garbage collector rest while modules and clients are loaded, and leave them alone from then on.

    They stay as long as the process. To look through them again and again takes an eighth of a start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
