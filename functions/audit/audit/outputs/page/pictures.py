"""What the page draws: ages of values, a calendar of rotations, strips, the matrix of replicas, and pairs."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from audit.memory import Memory

_AGES: Final = {
    1: "up to a day",
    7: "a week",
    30: "30 days",
    90: "90 days",
    180: "half a year",
    365: "a year",
    730: "two years",
    100_000: "older",
}
_WIDTH: Final = 280
_WEEKS: Final = 4
_ROWS: Final = 200
"""Of a table; what has no room stands in the report in JSON."""
_NAMES: Final = {"succeeded": "done", "failed": "failed", "abandoned": "failed"}


_OTHER: Final = {"base": "clone", "clone": "base"}


def _admin(memory: Memory, arn: str, region: str) -> dict[str, str]:
    """Return an admin secret's name and state, where it was seen: itself, or its replica in the pair's Region."""
    named, here = arn.rpartition(":")[2][: -len("-XXXXXX")], arn.replace(f":{arn.split(':')[3]}:", f":{region}:", 1)
    found = memory.select("select name, kind, rotated from secret where arn in (?, ?) order by kind", arn, here)
    if not found:
        return {"admin": named, "state": "not seen", "weight": "medium"}
    row = found[0]
    if row["kind"] == "deleted":
        return {"admin": row["name"], "state": "scheduled for deletion", "weight": "critical"}
    rotated = f"rotated {row['rotated'][:10]}" if row["rotated"] else "never rotated"
    return {"admin": row["name"], "state": rotated, "weight": "good" if row["rotated"] else "medium"}


def marks_of(row: dict[str, Any], today: dt.date) -> list[dict[str, Any]]:
    """Return the marks of a secret's strip: what happened in the last four weeks."""
    found = []
    for name, text in row.get("events", []):
        ago = (today - dt.date.fromisoformat(text)).days
        if 0 <= ago < 7 * _WEEKS:
            found.append({"name": name, "date": text, "x": (7 * _WEEKS - 1 - ago) * 10 + 2})
    return found


@dataclass
class Pictures:
    """What is counted for the pictures, in one pass over all secrets."""

    today: dt.date
    limit: int
    ages: Counter[int] = field(default_factory=Counter)
    days: dict[dt.date, Counter[str]] = field(default_factory=dict)
    replicas: list[dict[str, Any]] = field(default_factory=list)
    replicas_left: int = 0
    pairs: list[dict[str, Any]] = field(default_factory=list)
    pairs_left: int = 0

    @classmethod
    def of(cls, memory: Memory, facts: dict[str, Any]) -> Pictures:
        """Count."""
        today = dt.date.fromisoformat(facts["generated"][:10])
        pictures = cls(today, int(facts["thresholds"]["max_age_days"]))
        for row in memory.secrets():
            if row["kind"] not in {"replica", "deleted"}:
                pictures.count(row["name"], row["region"], json.loads(row["row"]))
        pictures.pairs = [it | _admin(memory, it["admin"], it["region"]) for it in pictures.pairs]
        return pictures

    def count(self, name: str, region: str, row: dict[str, Any]) -> None:
        """Count a secret."""
        born = row.get("rotated") or row.get("value") or row.get("created")
        if born:
            age = (self.today - dt.date.fromisoformat(born[:10])).days
            self.ages[next(most for most in _AGES if age <= most)] += 1
        for mark, text in row.get("events", []):
            self._on(text, _NAMES.get(mark, mark))
        if row.get("due"):
            self._on(row["due"], "due")
        if row.get("replicas"):
            if len(self.replicas) < _ROWS:
                self.replicas.append({"name": name, "region": region, "at": {it[0]: it for it in row["replicas"]}})
            else:
                self.replicas_left += 1
        if row.get("pair"):
            turn, admin = row["pair"]
            if len(self.pairs) < _ROWS:
                shown = {"name": name, "region": region, "turn": turn, "next": _OTHER[turn], "admin": admin}
                self.pairs.append(shown | {key: row.get(key, "")[:10] for key in ("rotated", "due")})
            else:
                self.pairs_left += 1

    def _on(self, text: str, name: str) -> None:
        self.days.setdefault(dt.date.fromisoformat(text[:10]), Counter())[name] += 1

    def shown(self) -> dict[str, Any]:
        """Return what the template draws."""
        regions = sorted({region for it in self.replicas for region in it["at"]})
        pairs = {"pairs": self.pairs, "pairs_left": self.pairs_left}
        replicas = {"replicas": self.replicas, "replica_regions": regions, "replicas_left": self.replicas_left}
        return {"histogram": self._histogram(), "weeks": self._weeks(), **replicas, **pairs}

    def _histogram(self) -> list[dict[str, Any]]:
        most = max(self.ages.values(), default=1)
        return [
            {
                "label": label,
                "count": self.ages[days],
                "width": _WIDTH * self.ages[days] // most,
                "over": days > self.limit,
            }
            for days, label in _AGES.items()
        ]

    def _weeks(self) -> list[list[dict[str, Any]]]:
        monday = self.today - dt.timedelta(days=self.today.weekday(), weeks=_WEEKS)
        every = [monday + dt.timedelta(days=it) for it in range(7 * (2 * _WEEKS + 1))]
        shown = [self._day(it) for it in every]
        return [shown[it : it + 7] for it in range(0, len(shown), 7)]

    def _day(self, date: dt.date) -> dict[str, Any]:
        counts = self.days.get(date, Counter())
        return {
            "date": f"{date:%d %b}",
            "today": date == self.today,
            "over": date < self.today,
            **{it: counts[it] for it in ("done", "failed", "due")},
        }
