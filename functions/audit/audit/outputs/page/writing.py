"""Writes the page. Names of secrets are hostile input: the template escapes all of them."""

from __future__ import annotations

import base64
import hashlib
import json
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from audit.memory import OPEN
from audit.model import Severity
from audit.outputs.page.pictures import Pictures, marks_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from audit.memory import Memory
    from audit.outputs.head import Head

FOLDER: Final = Path(__file__).parent
BYTES: Final = 3_000_000
"""Of cards; what does not fit is listed in a line each, and whole in the report in JSON."""
BYTES_OF_THE_REST: Final = 1_700_000
"""Of lines: with cards and pictures a page stays below 5 MB, however many secrets there are."""
_CHANGED: Final = 50
_SOME: Final = 10
_SHOWN: Final = (*OPEN, "accepted")


def write(file: TextIO, head: Head, memory: Memory) -> None:
    """Write the page."""
    style, script = ((FOLDER / name).read_text("utf-8").strip() for name in ("style.css", "script.js"))
    pictures = Pictures.of(memory, head.facts)
    cards = _Cards(memory, pictures)
    changed = islice(chain(memory.findings("new", "worse"), memory.findings("resolved")), _CHANGED)
    unseen = [_shown(it) for it in memory.findings(*OPEN) if it["rule"] == "blind-spot"]
    made = _environment().get_template("page.html.jinja")
    pieces = made.generate(
        head=head,
        facts=head.facts,
        style=Markup(style),  # noqa: S704 a file of ours
        script=Markup(script),  # noqa: S704 likewise
        style_hash=_hash(style),
        script_hash=_hash(script),
        changed=[_shown(it) for it in changed],
        unseen=unseen,
        severities=[{"value": int(it), "word": it.word} for it in reversed(Severity)],
        cards=cards.written(),
        by_rule=by_rule(memory),
        rest=cards.rest,
        others=_others(memory, head),
        **pictures.shown(),
    )
    file.writelines(pieces)


def _environment() -> Environment:
    """Return an environment that escapes everything and lets no name be missing."""
    loader = FileSystemLoader(FOLDER)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def _hash(text: str) -> str:
    """Return what a Content-Security-Policy names a style or a script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def anchor(arn: str) -> str:
    """Return the name of a card in links: the same every day."""
    return f"s-{hashlib.sha256(arn.encode()).hexdigest()[:16]}"


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    """Return a finding as the page shows it."""
    names = ("rule", "title", "name", "evidence", "remedy", "cause", "state", "first")
    accepted = json.loads(row["accepted"]) if row["accepted"] else None
    known = {key: row[key] for key in names}
    return {**known, "word": Severity(row["severity"]).word, "anchor": anchor(row["arn"]), "accepted": accepted}


class _Cards:
    """A card for each thing that something is found about, the worst first, as long as there is room."""

    def __init__(self, memory: Memory, pictures: Pictures) -> None:
        self._memory, self._pictures = memory, pictures
        self._shown: set[str] = set()

    def written(self) -> Iterator[dict[str, Any]]:
        """Yield the cards."""
        room, marks = BYTES, ", ".join("?" * len(_SHOWN))
        question = (
            "select arn, max(case when state = 'accepted' then -1 else severity end) as worst from finding "  # noqa: S608 marks alone
            f"where state in ({marks}) and rule <> 'blind-spot' group by arn order by worst desc, min(name)"
        )
        for row in self._memory.each(question, *_SHOWN):
            card = self._card(row["arn"], row["worst"])
            room -= len(json.dumps(card)) + 600  # what stands around it
            if room < 0:
                return
            self._shown.add(row["arn"])
            yield card

    def _card(self, arn: str, worst: int) -> dict[str, Any]:
        found = [it for it in self._memory.of(arn) if it["state"] in _SHOWN]
        secret = self._memory.select("select row from secret where arn = ?", arn)
        known: dict[str, Any] = json.loads(secret[0]["row"]) if secret else {}
        first = found[0]
        dates = {key: known.get(key, "")[:10] for key in ("rotated", "due")}
        return {
            "anchor": anchor(arn),
            "worst": worst,
            **{key: first[key] for key in ("name", "kind", "region", "account")},
            **dates,
            "owner": known.get("owner", ""),
            "schedule": known.get("schedule", ""),
            "first": min(it["first"] for it in found),
            "rules": "\n".join(it["rule"] for it in found),
            "marks": marks_of(known, self._pictures.today),
            "findings": [_shown(it) for it in found],
        }

    def rest(self) -> Iterator[list[str]]:
        """Yield a line for each secret that has no card, the worst first, as long as there is room."""
        room = BYTES_OF_THE_REST
        for row in self._memory.secrets():
            if row["arn"] not in self._shown:
                known = json.loads(row["row"])
                rules = ", ".join(it["rule"] for it in self._memory.of(row["arn"]) if it["state"] in _SHOWN)
                dates = [known.get(key, "")[:10] for key in ("rotated", "due")]
                line = [row["name"], row["region"], row["kind"], *dates, rules]
                room -= len(json.dumps(line))
                if room < 0:
                    return
                yield line


def by_rule(memory: Memory) -> list[dict[str, Any]]:
    """Return the rules that were violated, the worst first, with some of what violates them."""
    marks = ", ".join("?" * len(OPEN))
    question = (
        "select rule, title, max(severity) as severity, count(*) as count from finding "  # noqa: S608 marks alone
        f"where state in ({marks}) group by rule order by 3 desc, 4 desc"
    )
    found = []
    for row in memory.select(question, *OPEN):
        some = f"select arn, name from finding where rule = ? and state in ({marks}) order by name limit {_SOME}"  # noqa: S608 as above
        named = [{"name": it["name"], "anchor": anchor(it["arn"])} for it in memory.select(some, row["rule"], *OPEN)]
        known = {key: row[key] for key in ("rule", "title", "count")}
        some_shown = named if row["rule"] != "blind-spot" else []
        found.append({**known, "word": Severity(row["severity"]).word, "some": some_shown})
    return found


def _others(memory: Memory, head: Head) -> str:
    """Say how many secrets have no finding."""
    marks = ", ".join("?" * len(_SHOWN))
    question = (
        f"select count(*) as many from secret where arn not in (select arn from finding where state in ({marks}))"  # noqa: S608 marks alone
    )
    many = memory.select(question, *_SHOWN)[0]["many"]
    return f"{many:,} of {head.facts['secrets_seen']:,} secrets have no finding. The report in JSON lists each of them."
