"""The hash-pinned lists: one version of everything, from pyproject.toml, whatever index serves them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LISTS = ROOT / "tests/requirements"
ENTRY = re.compile(
    r"^(?P<name>[a-z0-9._-]+)==(?P<version>\S+)(?: ; (?P<marker>[^\\]+))? \\\n(?P<hashes>(?:    --hash=.+\n?)+)",
    re.MULTILINE,
)
# The functions' folders are named as their group in pyproject.toml is; the layer's group is `layer`.
SHIPPED = {"layer": ROOT / "shared/requirements.txt"} | {
    listed.parent.name: listed for listed in ROOT.glob("functions/*/requirements.txt")
}
TOOLS = ("sam", "ministack", "checkov", "attach", "clients")
ALL = [*(LISTS / f"{name}.txt" for name in ("demo", "dev", "lambda", *TOOLS)), *SHIPPED.values()]


class Pin(NamedTuple):
    """An entry of a list; a package that has two stands there for two kinds of machine or Python."""

    name: str
    version: str
    hashes: frozenset[str]


def pins(file: Path) -> set[Pin]:
    """Return everything that a list names."""
    return {
        Pin(one["name"], one["version"], frozenset(re.findall(r"sha256:[0-9a-f]{64}", one["hashes"])))
        for one in ENTRY.finditer(file.read_text("utf-8"))
    }


def names(file: Path) -> set[str]:
    return {pin.name for pin in pins(file)}


def group(name: str) -> list[Requirement]:
    """Return what a dependency group of pyproject.toml asks for, the groups that it includes too."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    wanted: list[Requirement] = []
    for entry in groups[name]:
        wanted += [Requirement(entry)] if isinstance(entry, str) else group(entry["include-group"])
    return wanted


def relative(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", ALL, ids=relative)
def test_a_list_names_no_index_and_no_address(file: Path) -> None:
    options = re.findall(r"^\s*(-\S+|.*://.*)", file.read_text("utf-8"), re.MULTILINE)
    assert {option.partition("=")[0] for option in options} == {"--hash"}


@pytest.mark.parametrize("file", ALL, ids=relative)
def test_every_entry_of_a_list_has_a_version_and_hashes(file: Path) -> None:
    entries = re.findall(r"^[A-Za-z0-9].*", file.read_text("utf-8"), re.MULTILINE)
    assert len(entries) == len(pins(file)) > 0
    assert all(pin.hashes for pin in pins(file))


@pytest.mark.parametrize("name", ["demo", "dev", "lambda", *TOOLS, *SHIPPED])
def test_a_list_satisfies_its_group_in_pyproject(name: str) -> None:
    pinned = pins(SHIPPED.get(name, LISTS / f"{name}.txt"))
    for wanted in group(name):
        versions = {pin.version for pin in pinned if pin.name == canonicalize_name(wanted.name)}
        assert versions
        assert all(map(wanted.specifier.contains, versions)), f"{wanted} is not {versions}: make lock"


@pytest.mark.parametrize("file", [LISTS / "demo.txt", *SHIPPED.values()], ids=relative)
def test_what_ships_and_what_is_shown_are_what_is_tested(file: Path) -> None:
    assert pins(file) <= pins(LISTS / "dev.txt")


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_what_ships_leaves_out_what_the_runtime_brings(name: str) -> None:
    assert not {"boto3", "botocore"} & names(SHIPPED[name])


@pytest.mark.parametrize("name", sorted(set(SHIPPED) - {"layer"}))
def test_a_function_ships_nothing_that_the_layer_does(name: str) -> None:
    assert not names(SHIPPED[name]) & names(SHIPPED["layer"])


def test_nodes_libraries_are_pinned_by_their_hash_and_come_from_no_named_registry() -> None:
    folder = ROOT / "tests/clients/node"
    wanted = json.loads((folder / "package.json").read_text("utf-8"))["dependencies"]
    listed = json.loads((folder / "package-lock.json").read_text("utf-8"))["packages"]
    own = listed.pop("")
    assert own["dependencies"] == wanted
    assert {f"node_modules/{name}" for name in wanted} <= listed.keys()
    assert all(entry["integrity"].startswith("sha512-") for entry in listed.values())
    assert not any("resolved" in entry for entry in listed.values())
