"""What stands first in every output: the verdict, the counts, what changed, and what was not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit.memory import OPEN
from audit.model import Severity

if TYPE_CHECKING:
    from audit.memory import Memory
    from audit.run import Audit

VERSION = "1.0"
"""Of the report's schema (report.schema.json): the first number changes when a reader must."""


@dataclass(frozen=True)
class Head:
    """The head of a report."""

    verdict: str
    clean: bool
    counts: dict[str, int]
    changes: dict[str, int]
    first: bool
    """Whether there was no run before: then everything is new."""
    facts: dict[str, Any]


def head_of(audit: Audit) -> Head:
    """Sum a run up."""
    memory, totals = audit.memory, audit.totals
    counted = memory.counted()
    counts = {it.word: sum(counted.get(state, {}).get(it, 0) for state in OPEN) for it in reversed(Severity)}
    changes = {state: sum(counted.get(state, {}).values()) for state in ("new", "worse", "resolved", "accepted")}
    blind = sum(len(sight.blind) for sight in audit.sights)
    needy = _secrets_in_need(memory)
    facts = {
        "schema": VERSION,
        "generated": f"{audit.now:%Y-%m-%dT%H:%M:%SZ}",
        "regions": totals.regions,
        "secrets_seen": totals.secrets,
        "kinds": dict(totals.kinds),
        "parameters_seen": totals.parameters,
        "blind_spots": blind,
        "looked_twice": totals.looked_twice,
        "repaired": totals.repaired,
        "calls": dict(sorted(totals.calls.items())),
        "thresholds": audit.settings.printed(),
        "functions": totals.functions,
    }
    clean = not blind and not any(counts[it] for it in ("critical", "high", "medium"))
    return Head(verdict(counts, totals.secrets, blind, needy), clean, counts, changes, memory.first, facts)


def _secrets_in_need(memory: Memory) -> int:
    rows = memory.select("select count(*) as many from secret where worst >= ?", int(Severity.HIGH))
    return int(rows[0]["many"])


def verdict(counts: dict[str, int], secrets: int, blind: int, needy: int) -> str:
    """Say in a sentence or two what a person has to know."""
    unseen = f" {_many(blind, 'thing was', 'things were')} not seen: this is not the whole picture." if blind else ""
    if not secrets:
        return f"No secret was seen.{unseen}"
    grave = [f"{counts[it]} {it}" for it in ("critical", "high") if counts[it]]
    if grave:
        about = f"{needy} of {_many(secrets, 'secret', 'secrets')} need you" if needy else "Something needs you"
        return f"{about}: {' and '.join(grave)} {_noun(grave, counts)}.{unseen}"
    if counts["medium"]:
        found = _many(counts["medium"], "finding is", "findings are")
        return f"Nothing is urgent in {_many(secrets, 'secret', 'secrets')}; {found} of medium weight.{unseen}"
    return f"All is well with {_many(secrets, 'secret', 'secrets')}, as far as they were seen.{unseen}"


def _noun(grave: list[str], counts: dict[str, int]) -> str:
    return "finding" if len(grave) == 1 and counts["critical"] + counts["high"] == 1 else "findings"


def _many(number: int, one: str, more: str) -> str:
    return f"{number:,} {one if number == 1 else more}"
