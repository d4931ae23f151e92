"""The guide of monitoring has every message and every alarm, and the runbook every class of error."""

from __future__ import annotations

import re
from typing import Final

import pytest

from rotation import errors
from rotation.errors import RotationError
from tests.support.cloudwatch.stack import alarms, made
from tests.support.guides.pages import column, page
from watch import messages
from watch.rotations import Turn

RUNBOOK: Final = page("docs/runbook.md").text
CLASSES: Final = [name for name, it in vars(errors).items() if isinstance(it, type) and issubclass(it, RotationError)]


def test_each_message_has_its_row() -> None:
    """By what it begins with, and none that nothing says."""
    dry_runs = {"Dry run succeeded", "Dry run failed"}
    keys = {"Key of secrets was disabled", "Key of secrets is to be deleted"}
    reads = {"Secret was read by somebody else", "Reads by others on"}
    calls = {title for title, _ in messages._CALLS.values()}  # noqa: SLF001 the one place of these titles
    turns = {"Rotation is healed" if it is Turn.HEALED else f"Rotation {it}" for it in Turn}
    named = column("| message begins with | when | what to do |")
    assert set(named) == turns | dry_runs | keys | reads | calls


def test_each_alarm_has_its_row() -> None:
    """Those of metrics, and the one that tells for all."""
    resources = made()
    names = {it["AlarmName"].removeprefix("secret-rotation") for it in alarms(resources).values()}
    assert set(column("| alarm | fires when | what to do |")) == names | {"-unhealthy"}


@pytest.mark.parametrize("name", CLASSES)
def test_whoever_searches_for_a_class_of_error_comes_to_its_row_first(name: str) -> None:
    """The row is the first line that names it, and says what to do."""
    first = next(line for line in RUNBOOK.splitlines() if re.search(rf"\b{name}\b", line))
    assert first.startswith(f"| `{name}` |")
