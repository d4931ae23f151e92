"""Programs that tests hold in strings, to run them in a process of their own."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).resolve().parents[2]
IMPORT = re.compile(r"^from ((?:tests|rotation)[\w.]*) import (\w+(?:, \w+)*)", re.MULTILINE)


def imports() -> Iterator[object]:
    """Return each import of ours that stands in a string: where, from which module, and what."""
    for file in sorted(TESTS.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for module, names in IMPORT.findall(node.value):
                    for name in names.split(", "):
                        place = f"{file.relative_to(TESTS)}:{node.lineno} {module}.{name}"
                        yield pytest.param(module, name, id=place)


@pytest.mark.parametrize(("module", "name"), [*imports()])
def test_what_they_import_is_there(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name) or importlib.util.find_spec(f"{module}.{name}")
