"""
Make ``messages.json`` of the PostgreSQL engine: what a server says when it refuses a login, in every language.

Run it with folders of ``.po`` files (``src/backend/po`` of PostgreSQL's source, one folder a release; Debian:
``apt-get source --download-only postgresql-18``) or of ``.mo`` files (``/usr/share/locale``). A translation that
an earlier run found is kept: servers of older releases say it still.
"""

from __future__ import annotations

import ast
import gettext
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rotation.engines.postgresql import refusals

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE: Final = (
    "PostgreSQL's message catalogues, src/backend/po, releases 13, 15 and 18 "
    "(PostgreSQL Licence, Copyright PostgreSQL Global Development Group and the translators)"
)
_ENTRY: Final = re.compile(
    r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n?)+)',
    re.MULTILINE,
)


def read_po(path: Path) -> Iterator[tuple[str, str]]:
    """Return the messages of a .po file and their translations, without those marked as fuzzy."""
    for block in path.read_text("utf-8").split("\n\n"):
        found = _ENTRY.search(block)
        if found and "fuzzy" not in block.partition("msgid")[0]:
            yield _text(found[1]), _text(found[2])


def _text(lines: str) -> str:
    return "".join(ast.literal_eval(line) for line in lines.splitlines())


def read_mo(path: Path) -> Iterator[tuple[str, str]]:
    """Return the messages of a .mo file and their translations."""
    with path.open("rb") as file:
        catalogue: dict[str, str] = vars(gettext.GNUTranslations(file))["_catalog"]
    yield from ((key, text) for key, text in catalogue.items() if isinstance(key, str))


def translations(folder: Path) -> Iterator[tuple[str, str]]:
    """Return all pairs of message and translation below a folder."""
    for path in sorted(folder.rglob("*.po")):
        yield from read_po(path)
    for path in sorted(folder.glob("*/LC_MESSAGES/postgres-*.mo")):
        yield from read_mo(path)


def main(folders: list[str]) -> None:
    """Add what the folders hold to the table."""
    wanted = {*refusals.SERVER, *refusals.SEVERITIES}
    known = json.loads(refusals.MESSAGES.read_text("utf-8"))["translations"] if refusals.MESSAGES.exists() else {}
    table = {message: {message, *known.get(message, ())} for message in wanted}
    for folder in folders:
        for message, text in translations(Path(folder)):
            if message in wanted and text:
                table[message].add(text)
    ordered = {message: sorted(texts) for message, texts in sorted(table.items())}
    content = json.dumps({"source": SOURCE, "translations": ordered}, ensure_ascii=False, indent=1)
    refusals.MESSAGES.write_text(content + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
