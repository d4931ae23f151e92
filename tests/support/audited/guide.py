"""
The tables of docs/audit.md that are made from the audit's data.

``python -m tests.support.audited.guide`` writes them anew, with ``shared`` and ``functions/audit`` on the path.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from audit import rules
from audit.settings import meanings

if TYPE_CHECKING:
    from collections.abc import Iterable

GUIDE: Final = Path(__file__).parents[3] / "docs/audit.md"


def tables() -> dict[str, str]:
    """Return each table by the name of its place in the guide."""
    return {"rules": _rules(), "settings": _settings()}


def _rules() -> str:
    lines = ((f"`{it.id}`", it.severity.word, it.condition) for it in rules.EVERY)
    return _table(("rule", "severity", "found where"), lines)


def _settings() -> str:
    lines = ((f"`{name}`", _shown(default), meaning) for name, (default, meaning) in meanings().items())
    return _table(("setting", "default", "meaning"), lines)


def _shown(default: object) -> str:
    return "none" if default == () else f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    names = list(head)
    return "\n".join(["| " + " | ".join(it) + " |" for it in (names, ["---"] * len(names), *lines)])


def filled(text: str) -> str:
    """Return the guide with its tables made anew."""
    for name, table in tables().items():
        mark = f"<!-- {name} -->"
        head, _, rest = text.partition(mark)
        after = rest[rest.index("\n\n#") :] if "\n\n#" in rest else "\n"
        text = f"{head}{mark}\n\n{table}{after}"
    return text


if __name__ == "__main__":
    GUIDE.write_text(filled(GUIDE.read_text("utf-8")), "utf-8")
