"""
How many schedules were played, and how many of them broke an invariant: the table of `make crash`.

``python -m tests.support.crashes.tally FOLDER`` draws one table of what several runs wrote down there.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass
class Row:
    """What was played of a strategy on an engine."""

    effects: int = 0
    schedules: int = 0
    violations: int = 0
    seconds: float = 0.0


@dataclass
class Tally:
    """The rows, by strategy and engine."""

    rows: dict[tuple[str, str], Row] = field(default_factory=dict)

    @contextlib.contextmanager
    def schedule(self, strategy: str, engine: str) -> Iterator[Row]:
        """Count a schedule, and a violation if it raises."""
        row = self.rows.setdefault((strategy, engine), Row())
        row.schedules += 1
        begun = time.monotonic()
        try:
            yield row
        except BaseException:
            row.violations += 1
            raise
        finally:
            row.seconds += time.monotonic() - begun

    def lines(self) -> Iterator[str]:
        """Draw the table."""
        form = "{:<38} {:<24} {:>8} {:>10} {:>11} {:>8}"
        yield form.format("strategy", "engine", "effects", "schedules", "violations", "seconds")
        for (strategy, engine), row in sorted(self.rows.items(), key=lambda item: item[0][::-1]):
            yield form.format(strategy, engine, row.effects, row.schedules, row.violations, f"{row.seconds:.0f}")
        schedules, violations = (
            sum(getattr(row, name) for row in self.rows.values()) for name in ("schedules", "violations")
        )
        yield form.format("all", "", "", schedules, violations, f"{sum(row.seconds for row in self.rows.values()):.0f}")

    def save(self, file: Path) -> None:
        """Write the rows down."""
        file.write_text(json.dumps([[*names, asdict(row)] for names, row in self.rows.items()]))

    @classmethod
    def load(cls, files: Iterable[Path]) -> Tally:
        """Read what runs wrote down, as one."""
        tally = cls()
        for strategy, engine, read in (row for file in files for row in json.loads(file.read_text())):
            row = tally.rows.setdefault((strategy, engine), Row())
            row.effects = max(row.effects, read["effects"])
            row.schedules += read["schedules"]
            row.violations += read["violations"]
            row.seconds += read["seconds"]
        return tally


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in Tally.load(Path(sys.argv[1]).glob("*.json")).lines())
