"""The runbook has a heading for every sentence with which an error of the library begins."""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.support.guides import pages
from tests.support.guides.messages import GAP, Message, is_sentence, messages, pattern

RUNBOOK: Final = pages.page("docs/runbook.md")
SAID: Final = messages()
FOREIGN: Final = "Messages that are not this function's"
EXPLANATIONS: Final = (
    "Where you look",
    "The classes of errors",
    FOREIGN,
    "Recovery from a version without a label",
    "Repair of a lost password by the admin",
)
"""Chapters that are about no message of the library's."""


def chapters() -> dict[str, list[str]]:
    """Return the headings of each chapter."""
    found: dict[str, list[str]] = {}
    for level, title in RUNBOOK.headings[1:]:
        if level == 2:
            found[title] = []
        else:
            found[list(found)[-1]].append(title)
    return found


HEADINGS: Final = [
    (chapter, it) for chapter, titles in chapters().items() if chapter not in EXPLANATIONS for it in titles
]


def covers(heading: str, text: str) -> bool:
    """Return whether whoever pastes the message finds the heading: either is a case of the other, with its gaps."""
    return bool(pattern(heading).fullmatch(text) or pattern(text).search(heading))


@pytest.mark.parametrize("message", [it for it in SAID if is_sentence(it.text)], ids=lambda it: it.text)
def test_a_message_has_a_heading_in_the_runbook(message: Message) -> None:
    """Each sentence with which an error begins can be searched for."""
    assert any(covers(heading, message.text) for _, heading in HEADINGS), (
        f"{message.place} says:\n\n    {message.text}\n\nand docs/runbook.md has no heading for it. Add the line"
        f"\n\n### {message.text}\n\nto the chapter that fits: above an entry with the same cause, or with an entry of"
        f" its own, '- **Cause:** …' and '- **Do:** …'. Write {GAP} for what the message puts in."
    )


@pytest.mark.parametrize(("chapter", "heading"), HEADINGS, ids=lambda it: it)
def test_a_heading_of_the_runbook_is_a_message(chapter: str, heading: str) -> None:
    """What nothing says any more is no help."""
    assert any(covers(heading, it.text) for it in SAID), (
        f"docs/runbook.md, {chapter}: no error begins with\n\n    {heading}\n\nany more. Change or remove that heading."
    )


def test_no_heading_stands_twice() -> None:
    """Whoever searches comes to one place."""
    titles = [title for _, title in RUNBOOK.headings]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("chapter", sorted({chapter for chapter, _ in HEADINGS}))
def test_a_chapter_says_what_one_sees_and_when_it_worked(chapter: str) -> None:
    """Each chapter of messages has the symptom and the proof; each entry has a cause and an action."""
    text = RUNBOOK.text.split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    opening, *entries = re.split(r"\n### .+\n", text)
    assert "**What you see:**" in opening
    assert "**It worked when**" in opening
    for entry in filter(None, map(str.strip, entries)):  # messages of one cause stand above each other
        assert entry.startswith("- **Cause:**"), entry
        assert "\n- **Do:**" in entry, entry
    assert entries[-1].strip()


@pytest.mark.parametrize("title", chapters()[FOREIGN])
def test_a_message_of_somebody_elses_is_explained(title: str) -> None:
    """Each has a symptom, a cause, an action, and how to see that it worked."""
    entry = RUNBOOK.text.split(f"\n### {title}\n")[1].split("\n### ")[0]
    assert [it for it in ("Symptom", "Cause", "Do", "Worked") if f"\n- **{it}:**" in entry] == [
        "Symptom",
        "Cause",
        "Do",
        "Worked",
    ]


@pytest.mark.parametrize(
    ("heading", "text", "found"),
    [
        ('The key "…" is missing', "is missing", True),
        ("… was denied (…)", "… was denied (…)", True),
        ("The user … does not exist", "The user … does not exist in the database …", False),
        ("The server offers no TLS", "The server refused a statement", False),
    ],
)
def test_a_heading_is_held_against_a_message(heading: str, text: str, *, found: bool) -> None:
    """The rule above can fail."""
    assert covers(heading, text) is found
