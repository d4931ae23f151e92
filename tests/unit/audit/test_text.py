"""Text that others chose: what nobody would see in it is written out, and nothing else is."""

from __future__ import annotations

import pytest

from audit.text import visible

HIDDEN = {
    "control characters": "\x00\x08\x0b\x1f\x7f\x9f",
    "an Arabic letter's direction": "\u061c",
    "no width": "\u200b\u2060\ufeff",
    "marks of direction": "\u200e\u200f",
    "embedding, and turning around": "\u202a\u202e",
    "isolating": "\u2066\u2069",
    "half characters": "\ud800\udfff",
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_nobody_would_see_is_written_by_its_number(kind: str) -> None:
    for one in HIDDEN[kind]:
        assert visible(f"a{one}b") == f"a<U+{ord(one):04X}>b"


def test_what_can_be_seen_stays() -> None:
    """A joiner is a part of letters and pictures; lines and tabs are seen by what stands behind them."""
    text = "tab\tline\n é 漢字 \u06a9\u200c\u0627 \U0001f469\u200d\U0001f4bb ~\xa0"
    assert visible(text) == text
