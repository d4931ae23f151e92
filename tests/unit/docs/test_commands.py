"""The commands of the guides are ones that make, the demo and the AWS command line have."""

from __future__ import annotations

import itertools
import re
import shlex
import tomllib
from typing import Final

import botocore.session
import pytest
from botocore import xform_name

from tests.lab import __main__ as demo
from tests.lab import invoke, playground
from tests.lab.__main__ import arguments
from tests.lab.words import ENGINES as LAB
from tests.support.guides.pages import PROSE, ROOT, TEXT, commands, rows
from tests.support.template import functions
from tests.support.template.cloudformation import load
from tests.support.template.functions import ROTATING, named

TEMPLATE: Final = (ROOT / "template.yaml").read_text("utf-8")
FUNCTIONS: Final = set(functions.ALL)
OTHER_STACKS: Final = {"replica", "promotion"}
"""How the names begin of what another stack makes."""

AWS: Final = [words for words in commands() if words[:1] == ["aws"]]
OWN_OPTIONS: Final = {"query", "output", "region", "profile", "endpoint-url", "task-output"}
"""Options of the AWS command line itself, which no service's model has; argrename.py: task-output is output there."""


MAKEFILE: Final = (ROOT / "Makefile").read_text("utf-8")
KNOWN: Final = {
    *MAKEFILE.split("\nREAD := ")[1].replace("\\\n", "").splitlines()[0].split(),
    *demo.VARIABLES,
    *invoke.VARIABLES,
    *playground.VARIABLES,
}
"""The variables that a person may give."""


def test_make_refuses_no_variable_that_it_reads() -> None:
    """READ in the Makefile lists what has a default there, and what counts only where it is given."""
    read = re.findall(r"^([A-Z_]+) \?=|\$\(if \$\(([A-Z_]+)\)", MAKEFILE, re.MULTILINE)
    assert {name for names in read for name in names if name} <= KNOWN


def test_every_make_target_exists() -> None:
    """Each `make X` in the guides is a target of the Makefile, its variables among those that it reads."""
    named = [words for words in commands() if words[:1] == ["make"]]
    named += [shlex.split(code) for code in re.findall(r"`(make [^`]+)`", PROSE)]
    for _, target, *variables in named:
        assert re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE), target
        for variable in variables:
            assert variable.split("=")[0] in KNOWN, variable


@pytest.mark.parametrize("words", [words for words in commands() if words[:2] == ["make", "demo"]])
def test_the_demo_has_the_options_that_are_shown(words: list[str]) -> None:
    """Each `make demo` line is one that the demo's command line accepts."""
    given = dict(word.split("=", 1) for word in words[2:])
    options = shlex.split(given.pop("OPTIONS", ""))
    named = [part for name, value in given.items() for part in (f"--{name.lower()}", value)]
    assert arguments(named + options).engine == given.get("ENGINE", LAB[0])


def test_the_demo_is_shown_for_every_engine() -> None:
    """No engine of the demo is left out."""
    shown = {word.removeprefix("ENGINE=") for words in commands() for word in words if word.startswith("ENGINE=")}
    assert shown | {LAB[0]} == set(LAB)


@pytest.mark.parametrize("words", AWS, ids=lambda words: " ".join(words[1:3]))
def test_an_aws_command_is_one_that_the_service_has(words: list[str]) -> None:
    """Each AWS command is an operation of its service, with options that the operation takes."""
    _, service, operation, *rest = words
    model = botocore.session.get_session().get_service_model(service)
    (name,) = (one for one in model.operation_names if xform_name(one, "-") == operation)
    shape = model.operation_model(name).input_shape
    assert shape
    members = {xform_name(member, "-") for member in shape.members}
    given = {word.removeprefix("--") for word in rest if word.startswith("--")}
    assert {option.removeprefix("no-") for option in given - OWN_OPTIONS} <= members


SAM: Final = [words for words in commands() if words[0].endswith("/sam") and "--parameter-overrides" in words]


@pytest.mark.parametrize("words", SAM, ids=" ".join)
def test_a_parameter_that_is_overridden_takes_that_value(words: list[str]) -> None:
    """Each `sam deploy` and `sam local` sets parameters that the template has, to values that it accepts."""
    after = words[words.index("--parameter-overrides") + 1 :]
    given = dict(word.split("=", 1) for word in itertools.takewhile(lambda word: not word.startswith("--"), after))
    assert given
    for name, value in given.items():
        declared = load()["Parameters"][name]
        assert re.search(declared.get("AllowedPattern", ""), value)
        assert value in map(str, declared.get("AllowedValues", [value]))


def test_an_aws_command_names_the_stacks_function() -> None:
    """The functions that the guides name are those that the template names, with the prefix that it has by default."""
    configuration = tomllib.loads((ROOT / "samconfig.toml").read_text("utf-8"))
    stack = configuration["default"]["global"]["parameters"]["stack_name"]
    suffixes = re.findall(r"FunctionName: !Sub \$\{FunctionPrefix\}-([\w-]+)", TEMPLATE)
    assert stack in re.findall(r"^  FunctionPrefix:\n    Type: String\n    Default: (\S+)$", TEMPLATE, re.MULTILINE)
    others = tuple(f"{stack}-{name}" for name in {*configuration, *OTHER_STACKS})
    told = {it for it in re.findall(rf"\b{stack}-[\w-]+", TEXT) if not it.startswith(others)}
    known = tuple(f"{stack}-{suffix}" for suffix in suffixes)
    assert {*known} <= told
    assert [it for it in told if not it.startswith(known)] == []
    assert {suffix.replace("-", "_") for suffix in suffixes} == FUNCTIONS


def test_every_function_of_the_stack_is_listed() -> None:
    """The table of outputs names the ARN of each function that secrets are attached to, beside the function's name."""
    outputs = [named(function, "FunctionArn") for function in ROTATING]
    assert {*outputs} <= {*re.findall(r"^  (\w+FunctionArn):$", TEMPLATE.split("\nOutputs:\n")[1], re.MULTILINE)}
    listed = {row[0].strip("`"): row[1].strip("`") for row in rows("| output | function | for secrets of |")}
    assert listed == {name: f"secret-rotation-{name.removesuffix('FunctionArn').lower()}" for name in outputs}
