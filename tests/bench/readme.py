"""
What the guides show of a run: ``python -m tests.bench.readme`` writes it from docs/measured.json, and a test compares.

The README shows three cases, docs/measured.md all of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.bench import table
from tests.bench.words import NAMES, SHOWN, STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Cell = Callable[[dict[str, Any], str], str]

ROOT: Final = Path(__file__).resolve().parents[2]
FIGURES: Final = ROOT / "docs" / "measured.json"
INTRODUCTION: Final = ROOT / "README.md"
PAGE: Final = ROOT / "docs" / "measured.md"
BEGIN: Final = "<!-- What was measured: written by tests/bench/readme.py -->"
END: Final = "<!-- The end of what was measured -->"
PICTURES: Final = {
    "clients": "A client's logins around a rotation, accepted and rejected",
    "parts": "What a warm rotation takes, part by part",
    "growth": "What grows with grants, with versions and with secrets",
}


def _time(latency: str) -> Cell:
    return lambda case, whose: f"{case['times'][latency][whose]['wall']['median']:.0f} ms"


def _window(cache: str) -> Cell:
    def cell(case: dict[str, Any], whose: str) -> str:
        seen = case[whose]["clients"][cache]
        return f"{seen['rejected']}, for {seen['window']:.0f} ms" if seen["rejected"] else "0"

    return cell


def rows(found: dict[str, Any]) -> Iterator[tuple[str, Cell]]:
    """Yield what the README's table shows of a case: the name of each row, and its cell."""
    yield "calls of Secrets Manager", lambda case, whose: str(sum(case[whose]["calls"].values()))
    yield "logins that the server refused", lambda case, whose: f"{case[whose]['logins']['refused']:g}"
    yield "a client that reads before each login: rejected", _window("fresh")
    yield "a client that keeps what it read: rejected", _window(list(found["cases"][0]["ours"]["clients"])[-1])
    for latency in found["cases"][0]["times"]:
        yield f"time, {latency} ms a call", _time(latency)
    yield "peak memory", lambda case, whose: f"{case[whose]['peak']:.0f} MB"


def section(found: dict[str, Any]) -> str:
    """Return what stands in the README between the two marks."""
    cases = [case for which in SHOWN for case in found["cases"] if (case["engine"], case["strategy"]) == which]
    names = [f"{STRATEGIES[case['strategy']]}, {NAMES[case['engine']]}" for case in cases]
    lines = ["| one rotation, these functions / AWS's | " + " | ".join(names) + " |", "|---|" + "---|" * len(cases)]
    for name, cell in rows(found):
        cells = (" / ".join(cell(case, whose) for whose in ("ours", "peer") if whose in case) for case in cases)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for latency in found["cases"][0]["times"]:
        ratios = (case["times"][latency].get("ratios", {}).get("wall", 1) for case in cases)
        lines.append(f"| ratio of times, {latency} ms a call | " + " | ".join(f"{it:.2f}" for it in ratios) + " |")
    lines.append("| cold start | " + " | ".join(map(_start, [found] * len(cases), cases)) + " |")
    return "\n\n".join([said(found), "\n".join(lines), *pictures(found)])


def _start(found: dict[str, Any], case: dict[str, Any]) -> str:
    start = found["starts"][case["engine"]]
    times = " / ".join(f"{start[whose]:.0f} ms" for whose in ("ours", "peer") if whose in start)
    return f"{times}, ratio of pairs {start['ratio']:.2f}" if "ratio" in start else times


def said(found: dict[str, Any]) -> str:
    """Say when it was measured, of what, and by which command."""
    run = found["run"]
    servers = ", ".join(dict.fromkeys(case["server"].partition("-")[0] for case in found["cases"]))
    return (
        f"Measured on {run['date']} by `make measured` at commit {run['version']}, on {run['processors']} processors, "
        f"in the minute before with a load of {run['load_of_a_minute']:.1f}, Python {run['python']}. "
        f"AWS's functions are those of commit {run['peer']}, in the same run by turns. Servers: {servers}. "
        "They rotate one user with one password where ours keep two. [All figures](docs/measured.md)."
    )


def pictures(found: dict[str, Any], folder: str = "docs/pictures") -> Iterator[str]:
    """Yield each picture that was drawn, for light and dark pages."""
    for name, words in PICTURES.items():
        if name == "growth" and not found.get("growth"):
            continue
        light, dark = (f"{folder}/measured-{name}-{look}.svg" for look in ("light", "dark"))
        yield (
            f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
            f'<img alt="{words}" src="{light}"></picture>'
        )


def longer(found: dict[str, Any]) -> str:
    """Say on which engines the database's part was longer in a case, where nothing is added to a call."""
    latency = next(iter(found["cases"][0]["times"]))
    slow = dict.fromkeys(
        NAMES[case["engine"]]
        for case in found["cases"]
        if case["times"][latency].get("ratios", {}).get("database", 0) > 1
    )
    *others, last = slow or [""]
    names = f"{', '.join(others)} and {last}" if others else last
    return f"The database's part is longer here than there on {names}. " if slow else ""


def page(found: dict[str, Any]) -> str:
    """Return the guide with all figures."""
    return (
        "# What a rotation takes\n\n"
        "`make measured` writes this page, the README's table and its pictures. "
        "[How it is measured](development.md#what-a-rotation-takes). "
        "The first column is these functions, the second AWS's published ones. "
        "With two passwords their function for one user stands beside ours.\n\n"
        f"{longer(found)}The checks ask the server more than AWS's functions do: "
        "whose an account is, what it may do, whether both users may do the same. "
        "Calls of Secrets Manager that are saved weigh more, as soon as a call takes some milliseconds.\n\n"
        f"```text\n{table.drawn(found).strip()}\n```\n"
    )


def written(text: str) -> str:
    """Return what stands between the two marks in a text."""
    return text.partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Write both."""
    found = json.loads(FIGURES.read_text("utf-8"))
    text = INTRODUCTION.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    INTRODUCTION.write_text(f"{head}{BEGIN}\n\n{section(found)}\n\n{END}{rest.partition(END)[2]}", "utf-8")
    PAGE.write_text(page(found), "utf-8")


if __name__ == "__main__":
    main()
