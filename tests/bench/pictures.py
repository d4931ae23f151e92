"""
Draw the figures of a run: ``python -m tests.bench.pictures FIGURES FOLDER``, each picture for light and dark pages.

Needs matplotlib alone (tests/requirements/bench.txt).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

from tests.bench.words import NAMES, SHOWN, SIDES, STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Look(NamedTuple):
    """The colours of a page."""

    name: str
    ink: str
    faint: str
    accepted: str
    rejected: str
    parts: tuple[str, str, str]


LOOKS: Final = (
    Look("light", "#1f2328", "#d1d9e0", "#0969da", "#cf222e", ("#0969da", "#bf8700", "#8250df")),
    Look("dark", "#e6edf3", "#3d444d", "#58a6ff", "#ff7b72", ("#58a6ff", "#d29922", "#bc8cff")),
)
"""Ink on the page itself: a picture has no background of its own. Colours differ in lightness, too."""
PARTS: Final = {"aws": "Secrets Manager", "database": "database", "own": "the function itself"}
CAPTION: Final = 9
BEFORE: Final = -200
"""Milliseconds before a rotation that are shown."""


def clients(found: dict[str, Any], look: Look) -> Figure | None:
    """Draw the logins of a client around a rotation: a dot each, ours above the peer's."""
    cases = [case for which in SHOWN for case in found["cases"] if (case["engine"], case["strategy"]) == which]
    rows = [(case, whose) for case in cases for whose in SIDES if whose in case]
    if not rows:
        return None
    figure = Figure(figsize=(9, 0.5 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    for row, (case, whose) in enumerate(rows):
        seen = case[whose]["clients"]["fresh"]
        for answer, colour, mark in (("accepted", look.accepted, "|"), ("rejected", look.rejected, "x")):
            at = [moment for moment in seen["trace"][answer] if moment >= BEFORE]
            axes.plot(at, [row] * len(at), mark, color=colour, markersize=7, label=answer if not row else None)
    axes.set_yticks(range(len(rows)), [_row(case, whose) for case, whose in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"milliseconds since the rotation began; {found['run']['between']:.0f} ms between two invocations")
    figure.legend(loc="outside upper right", ncols=2, frameon=False, labelcolor=look.ink)
    _dress([axes], look)
    return figure


def _row(case: dict[str, Any], whose: str) -> str:
    seen = case[whose]["clients"]["fresh"]
    told = f"{seen['rejected']} rejected"
    return f"{STRATEGIES[case['strategy']]}, {NAMES.get(case['engine'], case['engine'])}\n{SIDES[whose]}: {told}"


def parts(found: dict[str, Any], look: Look) -> Figure | None:
    """Draw what a rotation takes, part by part, at the longest latency of a call that was measured."""
    cases = [case for case in found["cases"] if case["engine"] in NAMES]
    if not cases:
        return None
    latency = max(cases[0]["times"], key=float)
    rows = [(case, whose) for case in cases for whose in SIDES if whose in case]
    figure = Figure(figsize=(9, 0.32 * len(rows) + 1.2), layout="constrained")
    axes = figure.subplots()
    for row, (case, whose) in enumerate(rows):
        begin = 0.0
        for (part, name), colour in zip(PARTS.items(), look.parts, strict=True):
            width = case["times"][latency][whose][part]["median"]
            axes.barh(row, width, 0.72, begin, color=colour, label=name if not row else None)
            begin += width
        axes.text(begin + 3, row, f"{begin:.0f} ms", va="center", color=look.ink, fontsize=CAPTION)
    names = [f"{NAMES[it['engine']]}, {STRATEGIES[it['strategy']]}: {SIDES[whose]}" for it, whose in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel(f"milliseconds of a warm rotation, {latency} ms a call of Secrets Manager")
    figure.legend(loc="outside upper right", ncols=3, frameon=False, labelcolor=look.ink)
    _dress([axes], look)
    return figure


def growth(found: dict[str, Any], look: Look) -> Figure | None:
    """Draw what grows with what: the counts that the tests of growth hold, and the time of a fleet."""
    curves = found.get("growth", [])
    if not curves:
        return None
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    axes = figure.subplots(1, len(curves), squeeze=False)[0]
    for place, curve in zip(axes, curves, strict=True):
        place.plot(curve["x"], curve["y"], "o-", color=look.accepted, markersize=4)
        place.set_xlabel(curve["of"])
        place.set_title(curve["what"], fontsize=CAPTION + 1, color=look.ink)
        if curve.get("logarithmic"):
            place.set_xscale("log")
            place.set_yscale("log")
        else:
            place.set_ylim(0, 1.1 * max(curve["y"]))
    _dress(list(axes), look)
    return figure


def _dress(axes: Sequence[Any], look: Look) -> None:
    for place in axes:
        place.patch.set_alpha(0)
        place.tick_params(colors=look.ink, labelsize=CAPTION)
        place.xaxis.label.set(color=look.ink, fontsize=CAPTION)
        place.grid(axis="x", color=look.faint, linewidth=0.5)
        place.set_axisbelow(True)
        for side in ("top", "right"):
            place.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            place.spines[side].set_color(look.faint)


DRAWN: Final[dict[str, Callable[[dict[str, Any], Look], Figure | None]]] = {
    "clients": clients,
    "parts": parts,
    "growth": growth,
}


def main() -> None:
    """Draw all of them."""
    figures, folder = Path(sys.argv[1]), Path(sys.argv[2])
    found = json.loads(figures.read_text(encoding="utf-8"))
    mpl.rcParams.update({"svg.hashsalt": "rotation", "svg.fonttype": "path", "font.family": "DejaVu Sans"})
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DRAWN.items():
        for look in LOOKS:
            figure = draw(found, look)
            if figure is not None:
                figure.patch.set_alpha(0)
                figure.savefig(folder / f"measured-{name}-{look.name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
