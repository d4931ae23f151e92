"""Text that others chose: what nobody would see in it is written out, and nothing else is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from audit import rules
from audit.memory import Memory
from audit.row import row_of
from audit.rules.rule import on_secret
from audit.text import visible
from tests.support.audited.things import NOW, PLAIN, ground, plain

if TYPE_CHECKING:
    from pathlib import Path

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


HOSTILE = "eve\u202e\ud800"
SEEN = "eve<U+202E><U+D800>"


def test_a_finding_is_kept_as_it_can_be_seen(tmp_path: Path) -> None:
    """Evidence and cause hold what tags, logs and CloudTrail say."""
    found = on_secret(next(it for it in rules.EVERY if it.id == "rotation-never"), PLAIN, ground())
    assert found
    hidden = replace(found, name=HOSTILE, evidence=HOSTILE, remedy=HOSTILE, cause=HOSTILE)
    with closing(Memory(tmp_path / "memory.sqlite")) as memory:
        memory.begin(NOW)
        memory.found(hidden)
        (row,) = memory.findings()
        assert {row[name] for name in ("name", "evidence", "remedy", "cause")} == {SEEN}


def test_a_reader_is_kept_as_it_can_be_seen(tmp_path: Path) -> None:
    with closing(Memory(tmp_path / "memory.sqlite")) as memory:
        memory.read("1", "eu-west-1", f"db{HOSTILE}", HOSTILE, NOW)
        (read,) = memory.reads("1", "eu-west-1", (f"db{SEEN}",))
        assert read.reader == SEEN


def test_an_owner_is_shown_as_it_can_be_seen() -> None:
    assert row_of(plain(tags={"owner": HOSTILE}))["owner"] == SEEN
