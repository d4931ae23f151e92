"""The search of a stage's logs."""

from __future__ import annotations

from tests.lab.theatre import holds_any

LOG = "first line\nALTER USER u PASSWORD 'SCRAM-SHA-256$4096:salt'\nword: it's é.\\n\n"


def test_a_word_is_found_wherever_it_stands() -> None:
    assert holds_any(LOG, ["nowhere", "SCRAM-SHA-256$4096:salt"])
    assert holds_any(LOG, ["it's é.\\n"])


def test_words_are_no_patterns_and_nothing_is_found_of_none() -> None:
    assert not holds_any(LOG, ["first.line", "^word", "[a-z]", "not there"])
    assert not holds_any(LOG, [])
    assert not holds_any("", ["word"])
