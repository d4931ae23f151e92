"""
The pictures of the audit's page for the guide, taken in a browser from the account in which everything is wrong.

``python -m tests.support.audited.pictures``, after `make demo-audit`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.support.browser.chromium import tab

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / ".cache/demo-audit/page.html"
PICTURES: Final = ROOT / "docs/pictures"
TAKEN: Final = {
    "audit-page.png": (1280, False, "body", 1150),
    "audit-findings.png": (1280, False, "#findings", 900),
    "audit-page-narrow.png": (360, True, "#findings", 1100),
}
"""Name, width, dark, where it begins, and height."""


def main() -> None:
    """Take them all."""
    with tab() as browser:
        for name, (width, dark, begins, height) in TAKEN.items():
            browser.look(width, dark=dark)
            browser.open(PAGE)
            browser.picture(PICTURES / name, height, begins)


if __name__ == "__main__":
    main()
