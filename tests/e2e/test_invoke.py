"""``make invoke`` and the commands of `sam local invoke` beside it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab import debug_session, invoke
from tests.lab.report import Screen
from tests.lab.runtime import ROOT
from tests.support.guides.pages import LINES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.servers.tls import Authority

TEMPLATE = (ROOT / "template.yaml").read_text("utf-8")
SHOWN = [shlex.split(line)[2:] for line in LINES if line.startswith("make invoke ")]
SAM = [shlex.split(line) for line in LINES if line.startswith(".tools/sam/bin/sam local ")]


def options(words: list[str]) -> list[str]:
    """Return the options that `make` makes of its variables."""
    given = dict(word.split("=", 1) for word in words)
    return [part for name, value in given.items() for part in (f"--{name.lower()}", value)]


def test_a_step_is_answered_after_those_before_it(authority: Authority, capsys: pytest.CaptureFixture[str]) -> None:
    """Three events reach the function, and its log and answer are shown for each."""
    given = invoke.arguments(["--function", "postgresql", "--step", "testSecret", "--strategy", "single-user"])
    assert invoke.play(given, authority, Screen())
    shown = capsys.readouterr().out
    assert re.findall(r'"Step": "(\w+)"', shown) == ["createSecret", "setSecret", "testSecret"]
    assert shown.count("answer\nnull\n") == shown.count("END RequestId") == 3
    assert "Stored the new credential as AWSPENDING" in shown


def test_an_event_of_ones_own_fails_as_on_lambda(
    authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What differs from the files in events/ is sent as it stands, and the error is the answer."""
    event = json.loads((ROOT / "events/setSecret.json").read_text("utf-8")) | {"ClientRequestToken": "0" * 36}
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    given = invoke.arguments(["--function", "postgresql", "--event", str(file)])
    assert not invoke.play(given, authority, Screen())
    assert '"errorType": "RotationRefused"' in capsys.readouterr().out


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_the_commands_that_are_shown_are_read(words: list[str]) -> None:
    """Each `make invoke` of the guides names a function, a step and an engine that there are."""
    given = invoke.arguments(options(words))
    assert given.step in invoke.EVENTS
    assert given.event["Step"] == given.step


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--function", "mysql"],
        ["--function", "mysql", "--step", "setSecret", "--engine", "postgresql"],
        ["--function", "postgresql", "--step", "setSecret", "--strategy", "retained-password"],
        ["--function", "postgresql", "--event", "no-such-file"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_is_refused(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A word says which variable is wrong."""
    with pytest.raises(SystemExit):
        invoke.arguments(wrong)
    assert re.search(r"error: (FUNCTION|STEP|ENGINE|STRATEGY|EVENT)", capsys.readouterr().err)


@pytest.mark.parametrize("words", SAM, ids=" ".join)
def test_sam_has_the_options_that_are_shown(words: list[str]) -> None:
    """The function is one of the template's, the files are there, and SAM knows each option."""
    program, _, command, *rest = words
    functions = rest[:1] if command == "invoke" else []
    assert all(f"\n  {name}:\n    Type: AWS::Serverless::Function\n" in TEMPLATE for name in functions)
    done = subprocess.run(  # noqa: S603 the project's own
        [ROOT / program, "local", command, "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert {word for word in rest if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", done.stdout))
    assert all((ROOT / word).is_file() for word in rest if word.endswith(".json"))


def test_the_debugging_session_types_what_is_shown() -> None:
    """`make debug-session` takes its commands from the guides: each is there, with all that it replaces."""
    invoked = debug_session.shown(".tools/sam/bin/sam local invoke")
    started = debug_session.shown(".tools/sam/bin/sam local start-lambda")
    assert {"events/createSecret.json", debug_session.FUNCTION} <= set(invoked)
    assert "3001" in started
    assert {"tests/lab/env-vars.json", debug_session.NETWORK, "Arch=x86_64"} <= set(invoked) & set(started)
    assert debug_session.shown("docker network create")[-1:] == [debug_session.NETWORK]
    assert debug_session.shown("docker network connect")[-2:] == [debug_session.NETWORK, debug_session.HOST]


def test_sam_is_shown() -> None:
    """The guides have all ways."""
    assert {words[2] for words in SAM} == {"invoke", "start-lambda"}
    assert SHOWN


def test_the_variables_for_sam_are_declared() -> None:
    """SAM passes on only what the template declares."""
    given = json.loads((ROOT / "tests/lab/env-vars.json").read_text("utf-8"))["Parameters"]
    assert all(re.search(rf"\n +{name}: !", TEMPLATE) for name in given)
