"""
The guides as the tests read them: README.md and the pages of docs/, with their blocks, tables and links.

A test asks for what it holds against the code, not for the page that it stands on. So text can move from page to page,
and what stands twice is found.
"""

from __future__ import annotations

import re
import shlex
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[3]
_FENCED: Final = re.compile(r"^```(\w+) ?(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY_FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, the word after it that says what it shows, and its text."""

    language: str
    kind: str
    text: str


class Page:
    """One page of the guides."""

    def __init__(self, path: Path) -> None:
        """Read it."""
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text("utf-8")
        self.prose = _ANY_FENCE.sub("", self.text)

    @cached_property
    def blocks(self) -> list[Block]:
        """Its fenced blocks, in order."""
        return [Block(*found) for found in _FENCED.findall(self.text)]

    @cached_property
    def links(self) -> list[str]:
        """What its links and pictures lead to."""
        return re.findall(r"\]\(([^)\s]+)\)", self.prose) + re.findall(r'(?:src|srcset)="([^"]+)"', self.prose)

    @cached_property
    def headings(self) -> list[tuple[int, str]]:
        """Its headings, each with its level."""
        return [(len(marks), title) for marks, title in re.findall(r"^(#+) (.+)$", self.prose, re.MULTILINE)]

    @cached_property
    def anchors(self) -> set[str]:
        """The addresses that GitHub makes of its headings; the second of one name is numbered."""
        found: set[str] = set()
        for _, heading in self.headings:
            name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            number = next(it for it in range(100) if (f"{name}-{it}" if it else name) not in found)
            found.add(f"{name}-{number}" if number else name)
        return found


PAGES: Final = [Page(ROOT / "README.md"), *map(Page, sorted((ROOT / "docs").rglob("*.md")))]
"""The introduction and the guides."""

TEXT: Final = "\n".join(page.text for page in PAGES)
PROSE: Final = "\n".join(page.prose for page in PAGES)
BLOCKS: Final = [block for page in PAGES for block in page.blocks]
LINES: Final = TEXT.replace("\\\n", " ").splitlines()
"""Every line of the guides; a command that goes on over several is one."""


def page(name: str) -> Page:
    """Return the page of that name, such as ``docs/deploy.md``."""
    return next(it for it in PAGES if it.name == name)


def blocks(language: str, kind: str = "") -> list[str]:
    """Return the texts of the blocks of a language, or of those of one kind."""
    return [block.text for block in BLOCKS if block.language == language and kind in {"", block.kind}]


def block(language: str, kind: str = "") -> str:
    """Return the only block of a language, or of one kind."""
    (text,) = blocks(language, kind)
    return text


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the only table whose first line is ``heading``, without the two lines of its head."""
    having = [it for it in PAGES if f"\n{heading}\n" in it.prose]
    assert len(having) == 1, f"{[it.name for it in having]} have the table that begins with: {heading}"
    lines = having[0].prose.split(f"\n{heading}\n")[1].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]


def column(heading: str) -> list[str]:
    """Return every name in code type in the first column of a table, in order."""
    return [name for row in rows(heading) for name in re.findall(r"`([^`]+)`", row[0])]


def between(begin: str, end: str) -> str:
    """Return what stands between two texts, of which the first stands once in the guides."""
    assert PROSE.count(begin) == 1, f"{PROSE.count(begin)} times in the guides: {begin}"
    return PROSE.split(begin)[1].split(end)[0]


def line(begin: str) -> str:
    """Return the only line of the guides that begins so."""
    found = [it for it in LINES if it.startswith(begin)]
    assert len(found) == 1, f"{len(found)} lines of the guides begin with: {begin}"
    return found[0]


def commands() -> Iterator[list[str]]:
    """Yield each command of the shell blocks as its words."""
    for text in blocks("sh"):
        for one in text.replace("\\\n", " ").splitlines():
            yield shlex.split(one, comments=True)


def statements(kind: str) -> list[str]:
    """Return the statements of an engine's SQL blocks, in order."""
    return [one.strip() for text in blocks("sql", kind) for one in text.split(";") if one.strip()]
