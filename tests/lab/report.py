"""The demo's screen: live progress, and one table of what happened."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.lab.client import Seen
    from tests.support.emulators.secretsmanager.rotation import RotationResult, StepResult


COLUMNS: Final = 120
"""Of the screen in a picture."""
ROOMY: Final = 100
"""From how many columns on the table takes what it needs."""
LONGEST_CALL: Final = len("UpdateSecretVersionStage")
WOULD_DO: Final = "Dry run: a rotation would do this: "

_STORES: Final = "stores a new password as AWSPENDING"
_MOVES: Final = "moves AWSCURRENT to it"
DOES: Final = {
    "alternating-users": {
        "createSecret": _STORES,
        "setSecret": "gives it to the other user, with equal rights",
        "testSecret": "logs in with it",
        "finishSecret": _MOVES,
    },
    "retained-password": {
        "createSecret": _STORES,
        "setSecret": "sets it beside the old one, which keeps working",
        "testSecret": "logs in with it",
        "finishSecret": _MOVES,
    },
    "single-user": {
        "createSecret": _STORES,
        "setSecret": "changes nothing yet",
        "testSecret": "proves that it may change the password",
        "finishSecret": "changes the password, logs in with it, moves AWSCURRENT to it",
    },
}
"""What each step does under a strategy."""
EXPECTED: Final = (
    " (expected with one password: the old one is refused from the change until AWSCURRENT moves, one login and one "
    "call later)"
)
ONE_PASSWORD: Final = ("make demo STRATEGY=single-user", "one password: how long clients are rejected")
TWO_USERS: Final = ("make demo", "two users that take turns: no client is rejected")
OTHER_ENGINE: Final = ("make demo ENGINE=mysql", "another engine")
DEPLOY: Final = ("docs/deploy.md", "how to deploy it")
LOOK: Final = (("make demo OPTIONS=--log", "with the same variables as now"),)


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


def console(**options: Any) -> Console:  # noqa: ANN401 rich's own
    """Return a terminal that shows a text as it is: an ARN has `:secret:` in it, and an error may have brackets."""
    return Console(highlight=False, emoji=False, **options)


class Screen:
    """Writes to the terminal."""

    def __init__(self, picture: Path | None = None) -> None:
        """Take the real standard output, before anything redirects it; ``picture`` is for what will be shown."""
        self._picture, self._column = picture, 0
        self._console = console(record=picture is not None, width=COLUMNS if picture else None)

    def draw(self, title: str) -> None:
        """Write what was shown as an SVG, if a picture is wanted. It names no font that a server would have to give."""
        if self._picture is not None:
            svg = self._console.export_svg(title=title, theme=DIMMED_MONOKAI)
            self._picture.write_text(re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL), "utf-8")

    def say(self, text: str) -> None:
        """Tell of the next stage of the set-up."""
        self._hanging("[dim]·[/] ", text)

    def rotation(self, which: str, users: str) -> None:
        """Begin a line for a rotation."""
        self._end()
        self._add(f"  rotation {which} {users}")

    def step(self, step: StepResult) -> None:
        """Add a step to the line, or to the next one where it has no room."""
        sign = "[green]✓[/]" if step.error is None else "[red]✗[/]"
        self._add(f"  {step.step} {sign} [dim]{step.seconds * 1000:.0f} ms[/]")

    def played(self, step: StepResult) -> None:
        """Show a step on a line of its own, with its error."""
        self.step(step)
        self._end()
        if step.error is not None:
            self._hanging("    [red]✗[/] ", str(step.error))

    def command(self, shows: str, command: str) -> None:
        """Show a command whole, so that it can be copied, below what it does; a picture has no room for that."""
        self._hanging("  [dim]#[/] ", shows)
        self._console.print(f"  {command}", markup=False, soft_wrap=self._picture is None)

    def letter(self, text: str) -> None:
        """Show a message as whoever is told of something gets it."""
        bar = Text.from_markup("  [yellow]│[/] ")
        for number, line in enumerate(text.rstrip("\n").split("\n")):
            shown = Text(line, style="bold" if number == 0 else "")
            for part in shown.wrap(self._console, self._console.width - bar.cell_len) or [Text()]:
                part.rstrip()
                self._console.print(bar + part, soft_wrap=True)

    def aside(self, text: str) -> None:
        """Tell of what happens in the middle of a rotation, on a line of its own; what follows goes below it."""
        self._end()
        self.say(text)

    def end_of_line(self, result: RotationResult) -> None:
        """End the line."""
        self._end()
        for step in result.steps:
            if step.error is not None:
                self._console.print(f"    [red]{type(step.error).__name__}[/]: {escape(str(step.error))}")

    def _add(self, part: str) -> None:
        width = Text.from_markup(part).cell_len
        if self._column and self._column + width > self._console.width:
            self._end()
        if not self._column and not part.startswith("  rotation"):
            part, width = f"    {part}", width + 4
        self._console.print(part, end="", soft_wrap=True)
        self._column += width

    def _end(self) -> None:
        if self._column:
            self._console.print()
        self._column = 0

    def dry_run(self, text: str) -> None:
        """Show what a dry run says that a rotation would do, a line each."""
        for record in records(text):
            message = str(record.get("message", ""))
            if message.startswith(WOULD_DO):
                self._hanging("    - ", message.removeprefix(WOULD_DO))

    def _hanging(self, lead: str, text: str) -> None:
        """Print a text behind its lead, and what is too long for the line below itself."""
        begin = Text.from_markup(lead)
        lines = Text(text).wrap(self._console, max(20, self._console.width - begin.cell_len))
        for number, line in enumerate(lines):
            line.rstrip()
            self._console.print((begin if number == 0 else Text(" " * begin.cell_len)) + line, soft_wrap=True)

    def log_in_words(self, text: str) -> None:
        """Show what the function's log says to people: a line each, with its level and its step."""
        for record in records(text):
            if "message" in record:
                where = f"{record.get('level', ''):<7} {record.get('step', '')!s:<14}"
                self._hanging(f"  [dim]{where}[/] ", str(record["message"]))

    def log(self, text: str) -> None:
        """Show the function's log as it is."""
        self._console.print(text, markup=False, soft_wrap=True)

    def fact(self, name: str, text: str) -> None:
        """Show a figure by its name."""
        self._hanging(f"  [bold]{name:<22}[/] ", text)

    def table(self, title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
        """Show a table of few words; what is too long for the screen goes below itself."""
        table = Table(title=title, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        self._console.print()
        self._console.print(table)

    def failure(self, what: str, text: str) -> None:
        """Show what failed and, below it, why: an ARN has a line that holds it."""
        self._hanging("[red]✗[/] ", what)
        self._hanging("  ", text)

    def verdicts(self, verdicts: Iterable[tuple[str, bool]]) -> None:
        """Show the claims that were checked, each with whether it holds."""
        self._console.print()
        for claim, true in verdicts:
            self._hanging(f"  {'[green]✓[/]' if true else '[red]✗[/]'} ", claim)
        self._console.print()

    def findings(self, findings: Findings) -> None:
        """Say in one screen what happened, and what to do next."""
        console = self._console
        console.print()
        count = len(findings.rotations)
        title = f"{findings.title}: {findings.strategy}, {count} rotation{'s' * (count != 1)}"
        console.print(_table(title, _rows(findings), narrow=console.width < ROOMY))
        console.print()
        for name, text in _facts(findings):
            self.fact(name, text)
        self.verdicts(findings.verdicts)
        self.say("next" if findings.holds else "a claim does not hold: look into the function's log")
        for command, shows in _next(findings) if findings.holds else LOOK:
            self._hanging(f"    [bold]{command:<31}[/] ", shows)


def _next(findings: Findings) -> Iterator[tuple[str, str]]:
    yield TWO_USERS if findings.strategy.startswith("single-user") else ONE_PASSWORD
    if "MySQL" not in findings.title:
        yield OTHER_ENGINE
    yield DEPLOY


def _table(title: str, rows: Iterable[tuple[str, ...]], *, narrow: bool) -> Table:
    """Return the table of the steps, in which no word is broken at 80 columns."""
    table = Table(title=title, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=narrow is False)
    table.add_column("step", no_wrap=True)
    table.add_column("what it does", width=18 if narrow else None)
    table.add_column("median", justify="right", no_wrap=True)
    table.add_column("slowest", justify="right", no_wrap=True)
    table.add_column("calls", width=LONGEST_CALL if narrow else None)
    for row in rows:
        table.add_row(*row)
    return table


def _rows(findings: Findings) -> Iterator[tuple[str, str, str, str, str]]:
    by_step: dict[str, list[StepResult]] = {}
    for rotation in findings.rotations:
        for step in rotation.steps:
            by_step.setdefault(step.step, []).append(step)
    does = next(does for strategy, does in DOES.items() if findings.strategy.startswith(strategy))
    for name, steps in by_step.items():
        times = [step.seconds * 1000 for step in steps]
        calls = Counter(call.operation for call in steps[-1].calls)
        named = ", ".join(f"{number}x {call}" if number > 1 else call for call, number in calls.items())
        yield name, does[name], f"{statistics.median(times):.0f} ms", f"{max(times):.0f} ms", named or "none"


def _facts(findings: Findings) -> Iterator[tuple[str, str]]:
    count = max(1, len(findings.rotations))
    calls = [len(rotation.calls) for rotation in findings.rotations]
    yield "Secrets Manager calls", f"{max(calls, default=0)} per rotation (AWS's functions: 14)"
    logins = f"{findings.accepted / count:.1f} accepted, {findings.refused / count:.1f} refused per rotation"
    yield "logins of the function", f"{logins} (AWS's functions: 1 refused)"
    if findings.seen:
        seen = findings.seen
        expected = EXPECTED if seen.rejected and findings.strategy.startswith("single-user") else ""
        yield "the client's logins", f"{seen.logins}, of them {seen.rejected} rejected{expected}"
        if seen.windows:
            yield "rejected for", f"{statistics.median(seen.windows):.0f} ms (median), {seen.longest:.0f} ms at most"
    if findings.cutover:
        yield (
            "change to label move",
            f"{statistics.median(findings.cutover):.0f} ms (median), {max(findings.cutover):.0f} ms at most",
        )


def cutover_windows(log: str) -> list[float]:
    """Read the function's own measure of each window, in milliseconds, from its embedded metrics."""
    return [window for record in records(log) for window in record.get("CutoverWindow", [])]


def records(log: str) -> Iterator[dict[str, Any]]:
    """Return the JSON records; where two deliveries wrote at once, several stand in a line."""
    decoder = json.JSONDecoder()
    for line in log.splitlines():
        rest = line
        while rest.startswith("{"):
            record, end = decoder.raw_decode(rest)
            yield record
            rest = rest[end:].lstrip()
