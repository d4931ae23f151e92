"""What the library says to people: every text that stands in its code."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from tests.support.guides.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHIPPED: Final = sorted((ROOT / "shared/rotation").rglob("*.py"))


def texts_of(file: Path) -> Iterator[str]:
    """Yield every piece of text that stands in a file's code."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def constants() -> Iterator[str]:
    """Yield every piece of text that stands in the library's code."""
    for file in SHIPPED:
        yield from texts_of(file)
