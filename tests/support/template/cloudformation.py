"""The template as CloudFormation reads it: conditions decided and references resolved for given parameters."""

from __future__ import annotations

import re
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parents[3]
REGION: Final = "eu-west-1"
ACCOUNT: Final = "123456789012"
STACK: Final = "secret-rotation"
Node = Any
"""A piece of the template: what YAML can say."""

_PSEUDO: Final[Mapping[str, str]] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
_NOTHING: Final = {"Ref": "AWS::NoValue"}


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's tags: ``!Ref X`` is ``{"Ref": "X"}``, ``!Sub X`` is ``{"Fn::Sub": "X"}``."""


def _intrinsic(loader: _Loader, tag: str, node: yaml.Node) -> Node:
    value: Node
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt":
        value = value.split(".", 1)
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def parse(text: str) -> dict[str, Node]:
    """Read a template."""
    return dict(_Loader(text).get_single_data())


@cache
def load() -> dict[str, Node]:
    """Read the project's template. What changes it makes a copy first."""
    return parse((ROOT / "template.yaml").read_text("utf-8"))


def fits(parameter: str, value: str) -> bool:
    """Return whether CloudFormation takes the value for a parameter, before it makes anything."""
    declared = load()["Parameters"][parameter]
    return bool(re.search(declared["AllowedPattern"], value)) and len(value) <= declared.get("MaxLength", 4096)


def of_type(template: Mapping[str, Node], kind: str) -> dict[str, Node]:
    """Return the resources of a type, by name."""
    return {name: one for name, one in template["Resources"].items() if one["Type"] == kind}


class Stack:
    """What a template says when it is deployed with these parameters; the others have their defaults."""

    def __init__(
        self,
        parameters: Mapping[str, str] | None = None,
        template: dict[str, Node] | None = None,
        place: Mapping[str, str] | None = None,
    ) -> None:
        """Keep template and parameters, as `sam deploy --parameter-overrides` takes them, and the pseudo parameters."""
        self._pseudo = {**_PSEUDO, **(place or {})}
        self.template = load() if template is None else template
        given = parameters or {}
        assert given.keys() <= self.template["Parameters"].keys()
        self._parameters = {
            name: self._typed(declared, str(given[name] if name in given else declared["Default"]))
            for name, declared in self.template["Parameters"].items()
        }

    @cached_property
    def resources(self) -> dict[str, Node]:
        """The resources that are made, resolved."""
        return {
            name: self.resolved(one)
            for name, one in self.template["Resources"].items()
            if "Condition" not in one or self.holds(one["Condition"])
        }

    @cached_property
    def outputs(self) -> dict[str, Node]:
        """The outputs that there are, resolved."""
        declared = self.template["Outputs"].items()
        return {name: self.resolved(one) for name, one in declared if self.holds(one.get("Condition"))}

    def function(self, name: str) -> dict[str, Node]:
        """Return the properties of a function with what all have (SAM specification, "Globals"), resolved."""
        shared, own = self.resolved(self.template["Globals"]["Function"]), self.resources[name]["Properties"]
        variables = {**shared["Environment"]["Variables"], **own["Environment"]["Variables"]}
        return {**shared, **own, "Environment": {"Variables": variables}}

    def complaints(self) -> list[str]:
        """Return which rules of the template the parameters break, as CloudFormation does before it makes anything."""
        asserted = [
            assertion
            for rule in self.template["Rules"].values()
            if self.resolved(rule["RuleCondition"])
            for assertion in rule["Assertions"]
        ]
        return [it["AssertDescription"] for it in asserted if not self.resolved(it["Assert"])]

    def holds(self, condition: str | None) -> bool:
        """Return whether a condition of the template holds; none always does."""
        return condition is None or bool(self.resolved(self.template["Conditions"][condition]))

    def resolved(self, node: Node) -> Node:
        """Return a piece of the template with every intrinsic function in it carried out."""
        if isinstance(node, list):
            return [self.resolved(one) for one in node if not self._vanishes(one)]
        if not isinstance(node, dict):
            return node
        if len(node) == 1 and (name := next(iter(node))) in self._functions:
            return self._functions[name](node[name])
        return {key: self.resolved(value) for key, value in node.items() if not self._vanishes(value)}

    @cached_property
    def _functions(self) -> dict[str, Any]:
        return {
            "Ref": lambda name: self._parameters.get(name, self._pseudo.get(name, name)),
            "Condition": self.holds,
            "Fn::If": lambda parts: self.resolved(self._chosen(parts)),
            "Fn::Equals": lambda parts: self.resolved(parts[0]) == self.resolved(parts[1]),
            "Fn::Not": lambda parts: not self.resolved(parts[0]),
            "Fn::And": lambda parts: all(map(self.resolved, parts)),
            "Fn::Or": lambda parts: any(map(self.resolved, parts)),
            "Fn::EachMemberEquals": lambda parts: all(it == parts[1] for it in self.resolved(parts[0])),
            "Fn::Join": lambda parts: parts[0].join(self.resolved(parts[1])),
            "Fn::Select": lambda parts: self.resolved(parts[1])[parts[0]],
            "Fn::Split": lambda parts: self.resolved(parts[1]).split(parts[0]),
            "Fn::FindInMap": self._mapped,
            "Fn::GetAtt": self._attribute,
            "Fn::Sub": lambda text: re.sub(r"\$\{([\w:.]+)\}", self._substituted, text).replace("${!", "${"),
        }

    def _chosen(self, parts: list[Node]) -> Node:
        return parts[1] if self.holds(parts[0]) else parts[2]

    def _vanishes(self, node: Node) -> bool:
        if isinstance(node, dict) and "Fn::If" in node:
            return self._vanishes(self._chosen(node["Fn::If"]))
        return bool(node == _NOTHING)

    def _substituted(self, found: re.Match[str]) -> str:
        name, _, attribute = found[1].partition(".")
        return str(self._attribute([name, attribute]) if attribute else self.resolved({"Ref": name}))

    def _mapped(self, parts: list[Node]) -> Node:
        name, first, second = (self.resolved(one) for one in parts)
        return self.template["Mappings"][name][first][second]

    def _attribute(self, parts: list[str]) -> str:
        name, attribute = parts
        made = self.template["Resources"][name]
        if made["Type"] == "AWS::Logs::LogGroup":
            return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{self.resolved(made['Properties']['LogGroupName'])}:*"
        if made["Type"] == "AWS::Serverless::Function":
            return function_arn(self.resolved(made["Properties"]["FunctionName"]))
        return f"{name}.{attribute}"

    @staticmethod
    def _typed(declared: Mapping[str, Node], text: str) -> Node:
        if declared["Type"] != "CommaDelimitedList":
            return text
        # An empty list parameter is a list of one empty string.
        return [one.strip() for one in text.split(",")]


def function_arn(name: str) -> str:
    """Return the ARN of a function of the stack's account."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
