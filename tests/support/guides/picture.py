"""
The picture of the state machine in docs/design.md, drawn from the transition table.

``python -m tests.support.guides.picture`` (with ``shared`` and the project's folder on PYTHONPATH) draws it anew.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rotation.machine import TRANSITIONS
from rotation.model import Step, VersionState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rotation.machine import Transition

    Table = Mapping[VersionState, Mapping[Step, Transition]]

PAGE: Final = Path(__file__).parents[3] / "docs" / "design.md"
BEGIN: Final = "<!-- The picture of the state machine: drawn by tests/support/guides/picture.py -->"
END: Final = "<!-- The end of the picture -->"


def picture(transitions: Table) -> str:
    """Return the diagram, and below it the table of every state and step."""
    return "\n".join(("```mermaid", *_diagram(transitions), "```", "", *_table(transitions)))


def drawn(text: str) -> str:
    """Return what stands between the two marks in a text."""
    return text.partition(BEGIN)[2].partition(END)[0].strip()


def redrawn(text: str, transitions: Table) -> str:
    """Return the text with the picture that the table makes."""
    head, _, rest = text.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{picture(transitions)}\n\n{END}{rest.partition(END)[2]}"


def _diagram(transitions: Table) -> Iterator[str]:
    yield "stateDiagram-v2"
    for state in VersionState:
        yield f"    {state.name}: {state.name}<br/>{state.value}"
    edges: dict[tuple[VersionState, VersionState], list[Step]] = defaultdict(list)
    for state, steps in transitions.items():
        for step, transition in steps.items():
            edges[state, transition.leads_to].append(step)
    for (state, leads_to), along in edges.items():
        yield f"    {state.name} --> {leads_to.name}: {'<br/>'.join(along)}"


def _table(transitions: Table) -> Iterator[str]:
    yield "| version | " + " | ".join(Step) + " |"
    yield "|---|" + "---|" * len(Step)
    for state in VersionState:
        yield f"| {state.name}: {state.value} | " + " | ".join(_cells(transitions[state])) + " |"


def _cells(steps: Mapping[Step, Transition]) -> Iterator[str]:
    for step in Step:
        transition = steps.get(step)
        yield f"`{transition.action.__name__}`" if transition else "refused"


if __name__ == "__main__":
    PAGE.write_text(redrawn(PAGE.read_text("utf-8"), TRANSITIONS), "utf-8")
