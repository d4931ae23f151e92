"""
Parts of an audit: an account in a Region each, looked at side by side, and put together in the end.

Each part has a memory of its own, which keeps what it found. What is new, worse or resolved is decided where the parts
are put together, by the memory of the whole: what could not be told there is told the next time.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from audit.calls import Sight
from audit.memory import FIELDS, MEMORY, SEEN, Memory
from audit.model import Accepted, Blind, Finding, Severity

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path

    from audit.run import Audit

_TOTALS: Final = "totals"
_SIGHTS: Final = "sights"


@dataclass(frozen=True, slots=True)
class Part:
    """An account in a Region; the role is empty for the function's own account."""

    account: str
    region: str
    role: str = ""

    @property
    def key(self) -> str:
        """Return where its memory is kept."""
        return f"parts/{self.account}/{self.region}/{MEMORY}"


def planned(roles: Iterable[str], regions: Iterable[str], own: str) -> list[Part]:
    """Return every part; without roles those of the own account."""
    accounts = [((role.split(":") + [""] * 5)[4], role) for role in roles] or [(own, "")]
    listed = list(regions)
    return [Part(account, region, role) for account, role in accounts for region in listed]


def keep(audit: Audit) -> None:
    """Keep what a part counted and could not see, beside what it found."""
    audit.memory.note(_TOTALS, vars(audit.totals))
    audit.memory.note(
        _SIGHTS, [[it.account, it.region, [asdict(spot) for spot in it.blind.values()]] for it in audit.sights]
    )


def take_in(audit: Audit, part: Part, file: Path, since: str) -> None:
    """Take a part's findings, secrets and counts into the whole; one that did not finish is a blind spot."""
    memory = Memory(file) if file.exists() else None
    if memory is None or not _is_of(memory, since):
        lost = Sight(part.account, part.region)
        lost.lost("secrets", "its part of the audit did not finish", advice="look at the log of the audit's function")
        audit.sights.append(lost)
        audit.totals.regions.append(f"{part.account}/{part.region}")
    else:
        for row in memory.findings(*SEEN):
            finding = _finding(row)
            audit.exceptions.of(finding, {}, audit.now)
            if finding.rule != "blind-spot":
                audit.memory.found(finding)
        audit.memory.copy_secrets(file)
        _count(audit, memory)
    if memory is not None:
        memory.close()


def _is_of(memory: Memory, since: str) -> bool:
    last = memory.noted("last")
    return bool(last and memory.noted(_TOTALS)) and datetime.fromisoformat(last) >= datetime.fromisoformat(since)


def _finding(row: sqlite3.Row) -> Finding:
    fields = {name: row[name] for name in FIELDS if name != "id"}
    accepted = None
    if row["accepted"]:
        rule, *told = json.loads(row["accepted"])
        accepted = Accepted(rule, row["arn"], *told)
    return Finding(severity=Severity(row["severity"]), accepted=accepted, **fields)


def _count(audit: Audit, memory: Memory) -> None:
    told: dict[str, Any] = memory.noted(_TOTALS)
    for name, count in told.items():
        known = getattr(audit.totals, name)
        total = Counter(known) + Counter(count) if isinstance(count, dict) else known + count
        setattr(audit.totals, name, total)
    for account, region, spots in memory.noted(_SIGHTS):
        sight = Sight(account, region)
        sight.blind = {spot.arn: spot for spot in (Blind(**it) for it in spots)}
        audit.sights.append(sight)
