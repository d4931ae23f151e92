"""The guides can be read once: short sentences, and none of the words that had to be read twice."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.guides.messages import LIBRARY, SHIPPED, tree_of
from tests.support.guides.pages import PAGES, Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MOST_WORDS: Final = 25
"""In a sentence. A name in code type, a link's address and a number are one word each."""

RIDDLES: Final = {
    r"\bbut for\b": "except",
    r"\bhad here\b": "available",
    r"\bsuch as have\b": "those that have",
    r"\bwhose the\b": "who owns the",
    r"\bwho attaches\b": "whoever attaches, or: you",
    r"\bthere is no third way\b": "name the two ways",
}
"""Turns of phrase that readers had to read twice, and what to write in their place."""


def passages(page: Page) -> Iterator[str]:
    """Yield each paragraph, list item, heading and table cell of a page, without its markup."""
    text = re.sub(r"<!--.*?-->", "", page.prose, flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`]*`", "CODE", text).replace("**", "")
    text = re.sub(r"\n(?=\s*(?:[-*|#>]|\d+\.) ?)", "\n\n", text)
    for passage in re.split(r"\n\s*\n", text):
        yield from (cell.strip() for cell in passage.split("|")) if passage.startswith("|") else [passage.strip()]


def sentences(page: Page) -> Iterator[str]:
    """Yield the sentences of a page."""
    for passage in passages(page):
        yield from re.split(r"(?<=[.?!:;])\s+(?=[A-Z(\"'])|\n(?=\s*[-*] )", passage)


def docstrings(file: Path) -> Iterator[str]:
    """Yield the sentences of a file's docstrings, without sources in brackets and without drawings."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for passage in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", ast.get_docstring(node) or ""):
                plain = re.sub(r"\([^()]*\)", "", re.sub(r"``[^`]*``", "CODE", passage))
                yield from () if "├" in plain else re.split(r"(?<=[.?!:;])\s+", plain)


def too_long(found: Iterable[str]) -> list[str]:
    """Return the sentences that have too many words, each with their number."""
    counted = [(len(re.findall(r"\w[\w'/.-]*", one)), " ".join(one.split())) for one in found]
    return [f"{count} words: {one}" for count, one in counted if count > MOST_WORDS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_sentence_can_be_read_once(page: Page) -> None:
    """One idea a sentence. Where this fails, make two sentences of the one that is shown."""
    assert too_long(sentences(page)) == []


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.relative_to(LIBRARY).as_posix())
def test_a_docstring_can_be_read_once(file: Path) -> None:
    """The same holds for what the library says of itself to those who change it."""
    assert too_long(docstrings(file)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_riddles(page: Page) -> None:
    """None of the turns that readers stumbled over comes back."""
    for riddle, better in RIDDLES.items():
        found = re.search(riddle, page.prose, re.IGNORECASE)
        around = found and page.prose[max(0, found.start() - 40) : found.end() + 40]
        assert not found, f"{page.name}: {around!r}; write {better!r}"
