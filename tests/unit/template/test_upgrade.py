"""From the last release to the present template: what a secret is attached to stays what it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from rotation import VERSION
from tests.support.template import released
from tests.support.template.cloudformation import REGION, ROOT, Stack, load
from tests.support.template.translation import EVERYTHING, translated

if TYPE_CHECKING:
    from collections.abc import Mapping

RELEASED: Final = released.load()
KNOWN: Final = {name: value for name, value in EVERYTHING.items() if name in RELEASED["Parameters"]}
LAYER: Final = "AWS::Lambda::LayerVersion"
"""Each deployment makes a version of its own; functions follow it."""


def made(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the resources that CloudFormation makes of a template, but for layers."""
    resources = Stack(parameters, translated(REGION, template)).resources
    return {name: it for name, it in resources.items() if it["Type"] != LAYER}


def fixed(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties whose change means another resource, by CloudFormation's own schema (createOnly)."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource["Type"]).schema
    names = [path.removeprefix("/properties/") for path in schema.get("createOnlyProperties", [])]
    return {name: resource["Properties"][name] for name in names if name in resource["Properties"]}


@pytest.mark.parametrize("parameters", [{}, KNOWN], ids=["nothing", "everything"])
def test_an_update_replaces_and_removes_nothing(parameters: Mapping[str, str]) -> None:
    """A resource keeps its name in the template, its type, and what it cannot change."""
    before, after = made(RELEASED, parameters), made(load(), parameters)
    assert before.keys() <= after.keys()
    for name, resource in before.items():
        assert after[name]["Type"] == resource["Type"]
        assert fixed(after[name]) == fixed(resource), name


def test_a_change_that_replaces_is_found() -> None:
    """Another name of a function, of a log or of a policy's description."""
    before = made(RELEASED, KNOWN)
    found = {it["Type"]: set(fixed(it)) for it in before.values()}
    assert found["AWS::Lambda::Function"] >= {"FunctionName"}
    assert found["AWS::Logs::LogGroup"] == {"LogGroupName"}
    assert found["AWS::IAM::Role"] == {"Path"}
    assert found["AWS::IAM::ManagedPolicy"] == {"Path", "Description"}


@pytest.mark.parametrize("name", sorted(RELEASED["Parameters"]))
def test_a_stack_may_be_updated_with_the_parameters_that_it_has(name: str) -> None:
    """CloudFormation keeps what was given before, so each parameter and each of its values stays."""
    before, now = RELEASED["Parameters"][name], load()["Parameters"][name]
    assert now["Type"] == before["Type"]
    assert set(map(str, before.get("AllowedValues", []))) <= set(map(str, now.get("AllowedValues", [])))
    assert re.search(now.get("AllowedPattern", ""), str(before["Default"]))


def test_other_stacks_find_the_outputs_that_they_read() -> None:
    """An output that is gone breaks who reads it."""
    assert Stack(KNOWN, RELEASED).outputs.keys() <= Stack(KNOWN).outputs.keys()


def test_the_release_that_is_kept_is_the_last_one() -> None:
    """The changelog names it; the present one is the same until it is released."""
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert released.VERSION in versions[:2]
    assert RELEASED["Metadata"]["AWS::ServerlessRepo::Application"]["SemanticVersion"] == released.VERSION
    assert versions[0] == VERSION
