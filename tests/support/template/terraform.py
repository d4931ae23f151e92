"""The modules of docs/examples/terraform, held against the language's rules; `terraform validate` needs a provider."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import hcl2

from tests.support.template.cloudformation import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES: Final = ROOT / "docs/examples/terraform"
OF_A_MODULE: Final = {"source", "version", "providers", "count", "for_each", "depends_on"}
"""Arguments of a module block that are the language's own (Terraform, "Module blocks")."""


class Resource(NamedTuple):
    """A resource, or a data source: its type as the provider names it, its name, and what it is given."""

    kind: str
    name: str
    given: dict[str, Any]
    is_data: bool


class Module:
    """A folder of Terraform."""

    def __init__(self, folder: Path) -> None:
        """Read its one file."""
        self.folder = folder
        self.text = (folder / "main.tf").read_text("utf-8")
        self._tree: dict[str, Any] = hcl2.loads(self.text)

    @cached_property
    def variables(self) -> dict[str, bool]:
        """Its variables, each with whether it must be given."""
        return {name: "default" not in body for name, body in self._labelled("variable")}

    @cached_property
    def outputs(self) -> set[str]:
        """The names of its outputs."""
        return {name for name, _ in self._labelled("output")}

    @cached_property
    def resources(self) -> list[Resource]:
        """Its resources and data sources."""
        return [
            Resource(kind, name.strip('"'), body, word == "data")
            for word in ("resource", "data")
            for kind, named in self._labelled(word)
            for name, body in named.items()
        ]

    @cached_property
    def calls(self) -> dict[str, dict[str, Any]]:
        """The modules that it calls, by their names there."""
        return dict(self._labelled("module"))

    def called(self, name: str) -> Module:
        """Return a module that it calls."""
        return Module(self.folder / self.calls[name]["source"].strip('"'))

    def faults(self) -> Iterator[str]:
        """Yield what Terraform would say before it asks any provider."""
        known = {
            "var": set(self.variables),
            "local": {name for body in self._tree.get("locals", []) for name in arguments(body)},
            "module": {f"{name}.{output}" for name in self.calls for output in self.called(name).outputs},
        }
        for kind, name in re.findall(r"(?<![\w.])(var|local|module)\.(\w+)", self.text):
            declared = {it.partition(".")[0] for it in known[kind]}
            yield from () if name in declared else [f"{kind}.{name} is not declared"]
        for name, output in re.findall(r"\bmodule\.(\w+)\.(\w+)", self.text):
            yield from () if f"{name}.{output}" in known["module"] else [f"module.{name} has no output {output}"]
        yield from (f"var.{name} is not used" for name in self.variables if f"var.{name}" not in self.text)
        for data, kind, name in re.findall(r"(?<![\w.\"])(data\.)?(aws_\w+)\.(\w+)", self.text):
            there = {(it.kind, it.name, it.is_data) for it in self.resources}
            yield from () if (kind, name, bool(data)) in there else [f"{data}{kind}.{name} is not declared"]
        for name, given in self.calls.items():
            yield from complaints(f"module.{name}", arguments(given) - OF_A_MODULE, self.called(name).variables)

    def _labelled(self, word: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for one in self._tree.get(word, []):
            for label, body in one.items():
                yield label.strip('"'), body


def modules() -> list[Module]:
    """Return each folder that has Terraform in it."""
    return [Module(file.parent) for file in sorted(EXAMPLES.rglob("main.tf"))]


def arguments(body: dict[str, Any]) -> set[str]:
    """Return the names of what a block is given, without the parser's own notes."""
    return {name for name in body if not name.startswith("__")}


def inner(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the blocks in a block."""
    return {
        name: value[0]
        for name, value in body.items()
        if isinstance(value, list) and value and isinstance(value[0], dict) and value[0].get("__is_block__")
    }


def complaints(where: str, given: set[str], taken: dict[str, bool]) -> list[str]:
    """Return which arguments are not known, and which are missing."""
    needed = {name for name, is_needed in taken.items() if is_needed}
    unknown = [f"{where} has no argument {name}" for name in sorted(given - taken.keys())]
    return unknown + [f"{where} needs the argument {name}" for name in sorted(needed - given)]
