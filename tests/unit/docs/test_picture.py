"""The pictures of the guides: the state machine is the transition table's, the demo's screen is the demo's."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from rotation import machine
from tests.support.guides import pages, picture
from tests.support.guides.messages import texts_of
from tests.support.guides.pages import ROOT
from tests.unit.docs.test_examples import STRATEGIES_HEAD


def test_the_picture_is_drawn_from_the_transition_table() -> None:
    """The diagram is the one that tests/support/guides/picture.py draws; run it to renew the page."""
    text = picture.PAGE.read_text("utf-8")
    assert picture.drawn(text) == picture.picture(machine.TRANSITIONS)
    assert picture.redrawn(text, machine.TRANSITIONS) == text


def test_the_picture_shows_every_transition() -> None:
    """A table with one transition less makes another picture."""
    for state, steps in machine.TRANSITIONS.items():
        for step in steps:
            fewer = {**machine.TRANSITIONS, state: {key: value for key, value in steps.items() if key is not step}}
            assert picture.picture(fewer) != picture.drawn(picture.PAGE.read_text("utf-8"))


def shown(picture: str = "demo") -> list[str]:
    """Return the lines of a picture of the demo."""
    root = ET.fromstring((ROOT / f"docs/pictures/{picture}.svg").read_text("utf-8"))  # noqa: S314 our own
    lines: dict[str, str] = {}
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        height = text.get("y", "")
        lines[height] = lines.get(height, "") + "".join(text.itertext()).replace("\u00a0", " ")
    return [line.strip() for line in lines.values()]


@pytest.mark.parametrize("picture", ["demo", "demo-fail"])
def test_the_picture_of_the_demo_shows_what_the_demo_says(picture: str) -> None:
    """Each claim in it is one of the demo's, and holds; `make pictures` draws it anew."""
    said = [it for file in (ROOT / "tests/lab").glob("*.py") for it in texts_of(file)]
    claims = [line for line in shown(picture) if re.match("[✓✗] ", line)]
    assert len(claims) >= 6
    for claim in claims:
        parts = re.split(r"\d+|any log(?: or message)?", claim.removeprefix("✓ "))
        assert all(any(part in text for text in said) for part in parts), claim


def test_the_picture_of_the_demo_shows_the_figures_of_the_guides() -> None:
    """The calls and logins of a rotation in it are those in the table of strategies."""
    (costs,) = (row for row in pages.rows(STRATEGIES_HEAD) if row[0].startswith("calls and logins"))
    calls, logins = re.findall(r"\d+", costs[1])
    assert any(line.startswith("Secrets Manager calls") and f" {calls} per rotation" in line for line in shown())
    assert any(f" {logins}.0 accepted, 0.0 refused per rotation" in line for line in shown())


def test_the_picture_of_a_failure_shows_both_messages() -> None:
    """The cause with what to run, and what was run; then that it is healed."""
    lines = [line.removeprefix("│").strip() for line in shown("demo-fail")]
    assert [line for line in lines if line.startswith("Rotation ")] == [
        "Rotation begins to fail: shop (eu-west-1)",
        "Rotation is healed: shop (eu-west-1)",
    ]
    run = lines[lines.index("# run what the message says, as the server's owner") + 1]
    (begin,) = (number for number, line in enumerate(lines) if line.startswith("Cause: PermissionDenied: "))
    assert f"Run: {run}" in " ".join(lines[begin : begin + 3])


@pytest.mark.parametrize("picture", ["demo", "demo-fail"])
def test_the_picture_of_the_demo_asks_no_other_server_for_anything(picture: str) -> None:
    """It brings all that it shows."""
    assert "url(http" not in (ROOT / f"docs/pictures/{picture}.svg").read_text("utf-8")
