"""The report in JSON, written piece by piece (report.schema.json describes it)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from audit.model import Severity

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from audit.memory import Memory
    from audit.outputs.head import Head

_SHOWN = ("id", "rule", "state", "arn", "name", "region", "account", "kind", "title", "evidence", "remedy")


def finding_of(row: sqlite3.Row) -> dict[str, Any]:
    """Return a finding as the report has it."""
    found: dict[str, Any] = {key: row[key] for key in _SHOWN}
    found |= {"severity": Severity(row["severity"]).word, "first_seen": row["first"], "last_seen": row["last"]}
    found |= {"cause": row["cause"]} if row["cause"] else {}
    if row["accepted"]:
        found["accepted"] = dict(zip(("rule", "until", "by", "why"), json.loads(row["accepted"]), strict=True))
    return found


def secret_of(row: sqlite3.Row) -> dict[str, Any]:
    """Return a secret as the report has it."""
    worst = {"worst": Severity(row["worst"]).word} if row["worst"] >= 0 else {}
    known = {key: row[key] for key in ("arn", "name", "region", "account", "kind")}
    return {**known, **worst, **json.loads(row["row"])}


def write(file: TextIO, head: Head, memory: Memory) -> None:
    """Write the report."""
    first = {"verdict": head.verdict, "clean": head.clean, "counts": head.counts, "changes": head.changes}
    file.write(json.dumps({**first, **head.facts}, indent=1)[:-2])
    _list(file, "findings", map(finding_of, memory.findings()))
    _list(file, "secrets", map(secret_of, memory.secrets()))
    file.write("\n}\n")


def _list(file: TextIO, name: str, entries: Iterable[dict[str, Any]]) -> None:
    file.write(f',\n "{name}": [')
    for place, entry in enumerate(entries):
        file.write(",\n  " if place else "\n  ")
        json.dump(entry, file)
    file.write("]")
