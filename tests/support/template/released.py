"""
The template of the last release, from which people update.

It stands in tests/e2e/released as it was, and nothing in it is changed. At each release the new one takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.support.template.cloudformation import ROOT, parse

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = next((ROOT / "tests/e2e/released").glob("template-*.yaml"))
VERSION: Final = FILE.stem.removeprefix("template-")


def load() -> dict[str, Any]:
    """Read the released template."""
    return parse(FILE.read_text("utf-8"))


def beside(build: Path) -> Path:
    """Write the released template where what it deploys was built, and give its place; the code is today's."""
    text = FILE.read_text("utf-8").replace("ContentUri: shared\n", "ContentUri: SharedLayer\n")
    for name in ("LICENSE", "README.md"):
        text = text.replace(f"Url: {name}\n", f"Url: {ROOT / name}\n")
    for name, made in load()["Resources"].items():
        if made["Type"] == "AWS::Serverless::Function":
            text = text.replace(f"CodeUri: {made['Properties']['CodeUri']}\n", f"CodeUri: {name}\n")
    place = build / FILE.name
    place.write_text(text, "utf-8")
    return place
