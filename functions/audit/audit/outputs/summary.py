"""The summary for people who subscribed: on change only, in plain text."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from audit.model import Severity

if TYPE_CHECKING:
    import sqlite3

    from audit.memory import Memory
    from audit.outputs.head import Head

_MOST: Final = 20
_HEAD: Final = 2
"""Lines before the first change."""


def summary_of(head: Head, memory: Memory, link: str) -> str | None:
    """Return the text; None where nothing is new, worse, or resolved."""
    changed = chain(memory.findings("new", "worse"), memory.findings("resolved"))
    grave = (it for it in changed if it["severity"] >= Severity.MEDIUM)
    lines = [head.verdict, "", *map(_line, islice(grave, _MOST))]
    if len(lines) == _HEAD:
        return None
    if more := sum(1 for _ in grave):
        lines.append(f"and {more} more")
    return "\n".join([*lines, "", f"The page: {link}", ""])


def _line(row: sqlite3.Row) -> str:
    first = row["remedy"].splitlines()[0] if row["remedy"] else ""
    head = f"{row['state']}, {Severity(row['severity']).word}: {row['title']}: {row['name']} ({row['region']})"
    told = [head] if row["state"] == "resolved" else [head, f"  {row['evidence']}", f"  {first}"]
    return "\n".join(told)
