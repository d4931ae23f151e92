"""The guide to the audit: its tables are the audit's data."""

from __future__ import annotations

from tests.support.audited.guide import GUIDE, filled, tables


def test_the_rules_and_settings_of_the_guide_are_the_audits() -> None:
    """Where this fails, run ``PYTHONPATH=shared:functions/audit:. python -m tests.support.audited.guide``."""
    text = GUIDE.read_text("utf-8")
    assert filled(text) == text
    for table in tables().values():
        assert table in text
