"""``make invoke`` and the commands of `sam local invoke` beside it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.lab import builds, debug_session, invocations, invoke
from tests.lab.builds import ROOT
from tests.lab.report import Screen
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
    """Those before take a line each; the event, its log in words and, last, its answer are shown."""
    given = invoke.arguments(["--function", "postgresql", "--step", "finishSecret", "--strategy", "single-user"])
    assert invocations.play(given, authority, Screen())
    shown = capsys.readouterr().out
    assert re.findall(r"before it, (\w+): \d+ ms", shown) == ["createSecret", "setSecret", "testSecret"]
    assert re.findall(r'"Step": "(\w+)"', shown) == ["finishSecret"]
    assert "INFO    finishSecret   AWSCURRENT is the new credential\n" in shown
    assert not re.search(r"START RequestId|INVOKE|_aws|\"level\"", shown)
    assert shown.endswith("answer\nnull\n")


def test_an_event_of_ones_own_fails_as_on_lambda(
    authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What differs from the files in events/ is sent as it stands, and the error is the answer; the log as written."""
    event = json.loads((ROOT / "events/setSecret.json").read_text("utf-8")) | {"ClientRequestToken": "0" * 36}
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    given = invoke.arguments(["--function", "postgresql", "--event", str(file), "--json"])
    assert not invocations.play(given, authority, Screen())
    shown = capsys.readouterr().out
    assert "END RequestId" in shown
    assert json.loads(shown.rpartition("answer\n")[2])["errorType"] == "RotationRefused"


def test_a_resource_is_built_where_its_sources_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The function's own folder, or the library, and no more; nothing at all the second time."""
    made: list[str] = []
    for source in ("shared/rotation/model.py", "functions/mysql/app.py", "functions/postgresql/app.py", "Makefile"):
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / source).write_text("one")
    monkeypatch.setattr(builds, "ROOT", tmp_path)
    monkeypatch.setattr(builds, "_make", lambda recipe, *_: made.append(recipe))

    def built() -> list[str]:
        made.clear()
        for name in (builds.LAYER, "MysqlFunction"):
            builds.part(name, lambda _: None)
        return made.copy()

    assert built() == ["build-SharedLayer", "build-MysqlFunction"]
    assert built() == []
    for source, recipes in (
        ("shared/rotation/model.py", ["build-SharedLayer"]),
        ("functions/mysql/app.py", ["build-MysqlFunction"]),
        ("functions/postgresql/app.py", []),
        ("Makefile", ["build-SharedLayer", "build-MysqlFunction"]),
    ):
        (tmp_path / source).write_text("two")
        assert built() == recipes


def test_a_build_that_was_broken_off_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it left counts for nothing."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "Makefile").touch()
    monkeypatch.setattr(builds, "ROOT", tmp_path)
    made: list[str] = []

    def broken(recipe: str, *_: str) -> None:
        made.append(recipe)
        if len(made) == 1:
            raise builds.BuildFailed(recipe)

    monkeypatch.setattr(builds, "_make", broken)
    with pytest.raises(builds.BuildFailed):
        builds.part(builds.LAYER, lambda _: None)
    for _ in range(2):
        builds.part(builds.LAYER, lambda _: None)
    assert len(made) == 2


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
