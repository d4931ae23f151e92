"""The demo's screen: live progress, and one table of what happened."""

from __future__ import annotations

import json
import re
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table
from rich.terminal_theme import DIMMED_MONOKAI

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.client import Seen
    from tests.support.emulators.secretsmanager.rotation import RotationResult, StepResult


COLUMNS: Final = 110
"""Of the screen in a picture."""


@dataclass
class Findings:
    """What the demo measured; ``verdicts`` are the claims it checked, each with whether it holds."""

    strategy: str
    title: str
    rotations: list[RotationResult] = field(default_factory=list)
    accepted: int = 0
    refused: int = 0
    seen: Seen | None = None
    cached: bool = False
    cutover: list[float] = field(default_factory=list)
    verdicts: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every claim does."""
        return all(true for _, true in self.verdicts)


class Screen:
    """Writes to the terminal."""

    def __init__(self, picture: Path | None = None) -> None:
        """Take the real standard output, before anything redirects it; ``picture`` is for what will be shown."""
        self._picture = picture
        self._console = Console(
            highlight=False, emoji=False, record=picture is not None, width=COLUMNS if picture else None
        )

    def draw(self, title: str) -> None:
        """Write what was shown as an SVG, if a picture is wanted. It names no font that a server would have to give."""
        if self._picture is not None:
            svg = self._console.export_svg(title=title, theme=DIMMED_MONOKAI)
            self._picture.write_text(re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL), "utf-8")

    def say(self, text: str) -> None:
        """Tell of the next stage of the set-up."""
        self._console.print(f"[dim]·[/] {text}")

    def rotation(self, number: int, of: int, users: str) -> None:
        """Begin a line for a rotation."""
        self._console.print(f"  rotation {number}/{of} {users} ", end="")

    def step(self, step: StepResult) -> None:
        """Add a step to the line."""
        sign = "[green]✓[/]" if step.error is None else "[red]✗[/]"
        self._console.print(f" {step.step} {sign} [dim]{step.seconds * 1000:.0f} ms[/]", end="")

    def aside(self, text: str) -> None:
        """Tell of something between two steps; the line goes on below it."""
        self._console.print()
        self.say(text)
        self._console.print("   ", end="")

    def end_of_line(self, result: RotationResult) -> None:
        """End the line."""
        self._console.print()
        for step in result.steps:
            if step.error is not None:
                self._console.print(f"    [red]{type(step.error).__name__}[/]: {step.error}", markup=True)

    def log(self, text: str) -> None:
        """Show the function's log as it is."""
        self._console.print(text, markup=False, soft_wrap=True)

    def findings(self, findings: Findings) -> None:
        """Say in one screen what happened."""
        console = self._console
        console.print()
        table = Table(title=f"{findings.title}: {findings.strategy}, {len(findings.rotations)} rotations")
        for column, justify in (("step", "left"), ("median", "right"), ("slowest", "right"), ("calls", "left")):
            table.add_column(column, justify=justify)  # type: ignore[arg-type]  # rich's own literal
        for row in _rows(findings.rotations):
            table.add_row(*row)
        console.print(table)
        for name, text in _facts(findings):
            console.print(f"  [bold]{name:<22}[/] {text}")
        console.print()
        for claim, true in findings.verdicts:
            console.print(f"  {'[green]✓[/]' if true else '[red]✗[/]'} {claim}")


def _rows(rotations: list[RotationResult]) -> Iterator[tuple[str, str, str, str]]:
    by_step: dict[str, list[StepResult]] = {}
    for rotation in rotations:
        for step in rotation.steps:
            by_step.setdefault(step.step, []).append(step)
    for name, steps in by_step.items():
        times = [step.seconds * 1000 for step in steps]
        calls = ", ".join(call.operation for call in steps[-1].calls)
        yield name, f"{statistics.median(times):.0f} ms", f"{max(times):.0f} ms", calls or "none"


def _facts(findings: Findings) -> Iterator[tuple[str, str]]:
    count = max(1, len(findings.rotations))
    calls = [len(rotation.calls) for rotation in findings.rotations]
    yield "Secrets Manager calls", f"{max(calls, default=0)} per rotation (AWS's functions: 14)"
    logins = f"{findings.accepted / count:.1f} accepted, {findings.refused / count:.1f} refused per rotation"
    yield "logins of the function", f"{logins} (AWS's functions: 1 refused)"
    if findings.seen:
        seen = findings.seen
        yield "the client's logins", f"{seen.logins}, of them {seen.rejected} rejected"
        if seen.windows:
            yield "rejected for", f"{statistics.median(seen.windows):.0f} ms (median), {seen.longest:.0f} ms at most"
    if findings.cutover:
        yield (
            "change to label move",
            f"{statistics.median(findings.cutover):.0f} ms (median), {max(findings.cutover):.0f} ms at most",
        )


def cutover_windows(log: str) -> list[float]:
    """Read the function's own measure of each window, in milliseconds, from its embedded metrics."""
    return [window for record in _records(log) for window in record.get("CutoverWindow", [])]


def _records(log: str) -> Iterator[dict[str, Any]]:
    """Return the JSON records; where two deliveries wrote at once, several stand in a line."""
    decoder = json.JSONDecoder()
    for line in log.splitlines():
        rest = line
        while rest.startswith("{"):
            record, end = decoder.raw_decode(rest)
            yield record
            rest = rest[end:].lstrip()
