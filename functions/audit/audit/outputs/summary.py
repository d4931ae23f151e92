"""The summary for people who subscribed: on change only, in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.model import Severity

if TYPE_CHECKING:
    import sqlite3

    from audit.memory import Memory
    from audit.outputs.head import Head

_MOST = 20


def summary_of(head: Head, memory: Memory, link: str) -> str | None:
    """Return the text; None where nothing is new, worse, or resolved."""
    changed = [*memory.findings("new", "worse"), *memory.findings("resolved")]
    grave = [it for it in changed if it["severity"] >= Severity.MEDIUM]
    if not grave:
        return None
    lines = [head.verdict, "", *map(_line, grave[:_MOST])]
    if len(grave) > _MOST:
        lines.append(f"and {len(grave) - _MOST} more")
    return "\n".join([*lines, "", f"The page: {link}", ""])


def _line(row: sqlite3.Row) -> str:
    first = row["remedy"].splitlines()[0] if row["remedy"] else ""
    head = f"{row['state']}, {Severity(row['severity']).word}: {row['title']}: {row['name']} ({row['region']})"
    told = [head] if row["state"] == "resolved" else [head, f"  {row['evidence']}", f"  {first}"]
    return "\n".join(told)
