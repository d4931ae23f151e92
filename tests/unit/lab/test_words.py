"""What the lab's commands say to who typed them: every name of an engine, and one line where a word is wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn
from unittest import mock

import pytest

from rotation.engines import ENGINES
from tests.lab import __main__ as demo
from tests.lab import invoke
from tests.lab.builds import BuildFailed
from tests.lab.words import ALSO, STOPPED, WRONG, stage_of, told
from tests.lab.words import ENGINES as STAGES
from tests.support.debian import DebianUnavailableError, Packages
from tests.support.guides.pages import ROOT
from tests.support.servers.choice import ServerUnavailableError

if TYPE_CHECKING:
    from pathlib import Path

MAKE = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_of_a_secret_is_an_engine_of_the_demo(name: str) -> None:
    """In any case; another name is that of the same engine."""
    assert stage_of(name) == stage_of(name.upper()) == stage_of(name.title())
    assert stage_of(name) in STAGES
    assert ENGINES[stage_of(name)] == ENGINES[name]


def test_no_name_is_told_that_no_secret_has() -> None:
    """The demo's own names are those that the library knows."""
    assert set(ENGINES) == {*STAGES, *ALSO}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--given engine", "there is no variable engine here; did you mean ENGINE?"),
        ("--given STRATGY", "there is no variable STRATGY here; did you mean STRATEGY?"),
        ("--given ARCH", "ARCH has no meaning here"),
        ("--engine postgers", "ENGINE=postgers is not known; did you mean postgres?"),
        ("--strategy single-usr", "STRATEGY=single-usr is not known; did you mean single-user?"),
        ("--strategy retained-password", "STRATEGY=retained-password is not known"),
        ("--rotations 0", "ROTATIONS=0 is no number"),
        ("--failover yes", "FAILOVER=yes is neither"),
        ("--fail yes", "FAIL=yes is neither 1 (take a right away) nor 0."),
        ("--given FALI", "there is no variable FALI here; did you mean FAIL?"),
        (
            "--fail 1 --strategy single-user",
            "FAIL=1 takes a right from an admin, so it needs STRATEGY=alternating-users",
        ),
        ("--fail 1 --regions 2", "REGIONS=2 has no part in FAIL=1."),
        ("--fail 1 --store parameter-store", "STORE=parameter-store has no part in FAIL=1."),
        ("--fail 1 --dry-run", "OPTIONS=--dry-run has no part in FAIL=1."),
        ("--failover 1", "FAILOVER=1 needs ENGINE=aurora-postgresql"),
        ("--regions 3", "REGIONS=3 is neither 1 nor 2."),
        ("--regions 2 --engine redshift", "REGIONS=2 needs ENGINE=postgresql, ENGINE=mysql or ENGINE=documentdb."),
        ("--store parameter-stor", "STORE=parameter-stor is not known; did you mean parameter-store? There are "),
        ("--store parameter-store --engine redshift", "STORE=parameter-store needs ENGINE=postgresql, ENGINE=mysql"),
        ("--store parameter-store --regions 2", "REGIONS=2 has no part in STORE=parameter-store."),
        ("--store parameter-store --revoke", "OPTIONS=--revoke has no part in STORE=parameter-store."),
        ("--regions 2 --cache 60", "OPTIONS=--cache has no part in REGIONS=2."),
        ("--regions 2 --dry-run", "OPTIONS=--dry-run has no part in REGIONS=2."),
        ("--regions 2 --failover 1", "FAILOVER=1 needs ENGINE=aurora-postgresql"),
        ("--cache often", "--cache often is no number"),
        ("--dryrun", "OPTIONS has no --dryrun; did you mean --dry-run?"),
        ("--engine", "ENGINE needs a value."),
    ],
)
def test_a_wrong_word_is_told_in_a_line(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what was perhaps meant, in make's words."""
    with pytest.raises(SystemExit) as ended:
        demo.arguments(words.split())
    shown = capsys.readouterr()
    assert ended.value.code == WRONG
    assert shown.err.startswith(f"make demo: error: {said}")
    assert (shown.out, shown.err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "FUNCTION is needed: aurora, "),
        ("--function mysq --step setSecret", "FUNCTION=mysq is not known; did you mean mysql?"),
        ("--function mysql --step setSecrets", "STEP=setSecrets is not known; did you mean setSecret?"),
        ("--function mysql", "STEP or EVENT is needed"),
        ("--function mysql --step setSecret --engine redshift", "ENGINE=redshift is not what the function mysql"),
        ("--function mysql --event nowhere", "EVENT=nowhere cannot be read"),
        ("--function mysql --event Makefile", "EVENT=Makefile is no JSON"),
        ("--given FUNCTON", "there is no variable FUNCTON here; did you mean FUNCTION?"),
    ],
)
def test_a_wrong_word_of_an_invocation_is_told_in_a_line(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same way."""
    with pytest.raises(SystemExit) as ended:
        invoke.arguments(words.split())
    shown = capsys.readouterr().err
    assert (ended.value.code, shown.count("\n")) == (WRONG, 1)
    assert shown.startswith(f"make invoke: error: {said}")


@pytest.mark.parametrize("word", ["engine=mysql", "ENGINE=myslq"])
@pytest.mark.parametrize("command", ["demo", "invoke FUNCTION=mysql"])
def test_make_passes_on_what_was_typed(command: str, word: str) -> None:
    """The names on make's command line reach the command that knows them."""
    line = subprocess.run(  # noqa: S603 the project's own
        ["make", "-n", "-o", ".venv-demo", "-o", ".tools-sam", *command.split(), word],  # noqa: S607 the machine's
        cwd=ROOT,
        env=MAKE,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (given,) = (part for part in line.split("--given '")[1:])
    assert word.partition("=")[0] in given.partition("'")[0].split()


def made(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Have make say what it would do."""
    return subprocess.run(  # noqa: S603 the project's own
        ["make", "-n", *words],  # noqa: S607 the machine's
        cwd=ROOT,
        env=MAKE | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("status PROFIL=x", "there is no variable PROFIL here; did you mean PROFILE? There are ARCH "),
        ("test database=local", "there is no variable database here; did you mean DATABASES? There are ARCH "),
        ("before-deleting Q=1", "there is no variable Q here. There are ARCH "),
        ("build ARCH=x86", "ARCH=x86 is no processor of Lambda; there are arm64 and x86_64."),
    ],
)
def test_make_passes_over_no_wrong_word(words: str, said: str) -> None:
    """A command that would ask another account, or build for nothing, does not begin."""
    done = made(*words.split())
    assert (done.returncode, done.stdout) == (WRONG, "")
    assert f"*** {said}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_build_within_a_command_gets_the_commands_names() -> None:
    """What `make invoke` builds is built by make, which inherits FUNCTION and STEP."""
    done = made("build-SharedLayer", "ARTIFACTS_DIR=/x", MAKELEVEL="1", MAKEFLAGS=" -- STEP=setSecret FUNCTION=mysql")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("columns", [80, 120])
def test_the_list_of_commands_fits_the_screen(columns: int) -> None:
    """Nothing is broken inside a word: what is too long goes below itself."""
    lines = subprocess.run(
        ["make"],  # noqa: S607 the machine's
        cwd=ROOT,
        env=MAKE | {"COLUMNS": str(columns)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert all(line.startswith(("  make ", " " * 23)) for line in lines if line.startswith(" "))
    assert {"make demo", "make deploy-promotion"} <= {" ".join(line.split()[:2]) for line in lines}


def test_what_takes_long_once_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A download has a line of its own before it begins."""

    def play() -> int:
        with pytest.raises(DebianUnavailableError):
            Packages("no-such-suite", ("a-server", "its-library")).fetch(tmp_path)
        return 0

    with mock.patch.dict(os.environ, {"DEBIAN_MIRROR": "file:///nowhere"}):
        assert told("make demo", play) == 0
    assert capsys.readouterr().out == "· fetching a-server from Debian's packages, this once\n"


def test_ctrl_c_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """What is cleared away meanwhile is not stopped by a second one."""
    cleared = []

    def play() -> NoReturn:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            cleared.append(True)
        raise AssertionError

    before = signal.getsignal(signal.SIGINT)
    assert told("make demo", play) == STOPPED
    assert capsys.readouterr().err == "\nmake demo: stopped; nothing of it is left\n"
    assert cleared
    assert signal.getsignal(signal.SIGINT) is before


def test_a_server_that_cannot_be_had_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """With what helps, and without the lines of the program that was tried."""

    def play() -> NoReturn:
        tried = "/usr/bin/apt-get -qq -oDir=/a/b update ended with 100:\nErr:1\nE: no network"
        raise ServerUnavailableError(f"no MySQL here, and none from Debian: {tried}")

    assert told("make demo", play) == WRONG
    shown = capsys.readouterr().err
    said = "no MySQL here, and none from Debian: apt-get ended with 100: E: no network. Connect"
    assert shown.startswith(f"make demo: error: {said}")
    assert "Connect this machine to the network" in shown
    assert shown.count("\n") == 1


def test_a_build_that_fails_is_told_by_its_last_word(capsys: pytest.CaptureFixture[str]) -> None:
    """Not by make's, which only names a line."""

    def play() -> NoReturn:
        raise BuildFailed("make build ARCH=x86_64 ended with 2:\n==> wheels\nERROR: no network\nmake: *** Error 1\n")

    assert told("make invoke", play) == WRONG
    shown = capsys.readouterr().err
    assert shown.startswith("make invoke: error: make build ARCH=x86_64 ended with 2: ERROR: no network. Connect")


def test_a_wrong_choice_of_servers_is_told_in_makes_words(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing else is advised than to write it right."""

    def play() -> NoReturn:
        raise ServerUnavailableError("DATABASE_VERSIONS names versions")

    assert told("make demo", play) == WRONG
    assert capsys.readouterr().err == "make demo: error: VERSIONS names versions.\n"


def test_other_errors_are_nobodys_fault_but_ours() -> None:
    """They keep their traceback."""

    def play() -> NoReturn:
        raise LookupError

    with pytest.raises(LookupError):
        told("make demo", play)


def test_a_wrong_word_is_told_before_anything_is_loaded() -> None:
    """Neither drivers nor the emulator."""
    code = "import sys, tests.lab.__main__; print(sorted({'rich', 'botocore', 'docker', 'pymysql'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"
