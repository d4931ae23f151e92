"""The demo's screen, at the widths of common terminals: no word is broken, and each thing stands where it belongs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.lab import report
from tests.lab.client import Seen
from tests.lab.report import DOES, Findings, Screen
from tests.support.emulators.secretsmanager.journal import Call
from tests.support.emulators.secretsmanager.rotation import STEPS, RotationResult, StepResult

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = {
    "createSecret": ("DescribeSecret", "GetSecretValue", "PutSecretValue"),
    "setSecret": ("GetSecretValue",) * 3,
    "testSecret": ("GetSecretValue",),
    "finishSecret": ("GetSecretValue", "UpdateSecretVersionStage"),
}


def call(operation: str) -> Call:
    """Return a call of which the screen needs the name alone."""
    made = Call.__new__(Call)
    object.__setattr__(made, "operation", operation)
    return made


ROTATION = RotationResult(
    "token", tuple(StepResult(it, 0.123, None, tuple(map(call, CALLS[it]))) for it in STEPS), None
)


@pytest.fixture(params=[80, 120])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the columns of the screen."""
    monkeypatch.setenv("COLUMNS", str(request.param))
    return int(request.param)


@pytest.fixture
def shown(width: int, capsys: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """Return what reads the lines of the screen, none of which is too long."""

    def read() -> list[str]:
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= width
        return lines

    return read


def rotate(screen: Screen, *, failing: bool = False) -> None:
    """Show a rotation, with the failover in its middle."""
    screen.rotation("1/3", "shop → shop_clone")
    for step in ROTATION.steps:
        screen.step(step)
        if failing and step.step == "setSecret":
            screen.aside("the writer is killed; the reader takes over")
    screen.end_of_line(ROTATION)


def test_a_rotation_says_whose_password_changes(width: int, shown: Callable[[], list[str]]) -> None:
    """In one line where there is room; no step is broken where there is not."""
    rotate(Screen())
    lines = shown()
    assert lines[0].startswith("  rotation 1/3 shop → shop_clone  createSecret ✓ 123 ms")
    assert len(lines) == (1 if width == 120 else 2)
    assert re.findall(r"(\w+) ✓ 123 ms", "\n".join(lines)) == list(STEPS)


def test_the_failover_stands_by_itself(shown: Callable[[], list[str]]) -> None:
    """What follows it goes below."""
    rotate(Screen(), failing=True)
    lines = shown()
    at = lines.index("· the writer is killed; the reader takes over")
    assert lines[at - 1].endswith("setSecret ✓ 123 ms")
    assert lines[at + 1].strip().startswith("testSecret ✓")


def test_a_dry_run_says_each_thing_once(shown: Callable[[], list[str]]) -> None:
    """In words, not in JSON."""
    said = ["Rotation functions", f"{report.WOULD_DO}create the user shop_clone", "Dry run: nothing stands in the way"]
    Screen().dry_run("\n".join(json.dumps({"message": it}) for it in said))
    assert shown() == ["    - create the user shop_clone"]


def test_the_log_is_told_in_words(shown: Callable[[], list[str]]) -> None:
    """A line for each message; the metrics are for machines."""
    lines = [{"level": "INFO", "step": "setSecret", "message": "The clone is made"}, {"StepDuration": [1.0]}]
    Screen().log_in_words("\n".join(map(json.dumps, lines)))
    assert shown() == ["  INFO    setSecret      The clone is made"]


@pytest.mark.parametrize("strategy", ["alternating-users", "retained-password-by-admin", "single-user-by-admin"])
def test_the_findings(strategy: str, shown: Callable[[], list[str]]) -> None:
    """Each step says what it does, no word is broken, and the last lines say what to do next."""
    findings = Findings(strategy, "PostgreSQL 17.10", [ROTATION], 3, 0, Seen(134, 31, [43.0]), cutover=[27.0])
    findings.verdicts = [("the old password still works, for clients that keep it until the next rotation", True)]
    Screen().findings(findings)
    text = "\n".join(shown())
    does = next(does for name, does in DOES.items() if strategy.startswith(name))
    words = {word for said in (*does.values(), *map(" ".join, CALLS.values())) for word in said.split()}
    assert words <= set(re.findall(r"[\w,]+", text.replace("3x ", ""))) | {it.rstrip(",") for it in text.split()}
    assert ("expected with one password" in text) is strategy.startswith("single-user")
    assert "1 rotation\n" in re.sub(" +\n", "\n", text)
    assert text.rstrip().endswith("how to deploy it")


def test_a_claim_that_does_not_hold_says_where_to_look(shown: Callable[[], list[str]]) -> None:
    """The last line is the command."""
    Screen().findings(
        Findings("single-user", "MySQL 9", [ROTATION], verdicts=[("the function failed no login", False)])
    )
    assert "make demo OPTIONS=--log" in shown()[-1]
