"""What a role's policies allow: IAM's evaluation, as far as the template's policies go."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Statement = dict[str, Any]
Policy = list[Statement]


@dataclass(frozen=True)
class Request:
    """A call as IAM sees it: the action, what it is done to, and the keys that conditions ask for."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def listed(value: Any) -> list[Any]:  # noqa: ANN401 what YAML says
    """Return a value as a list, which IAM lets a single one stand for."""
    return value if isinstance(value, list) else [value]


def statements(role: Mapping[str, Any], resources: Mapping[str, Any] | None = None) -> list[Statement]:
    """Return the statements of a role's own policies, and of the managed ones that are among the resources."""
    properties = role["Properties"]
    managed = [resources[name]["Properties"] for name in properties.get("ManagedPolicyArns", ())] if resources else []
    return [it for policy in [*properties["Policies"], *managed] for it in policy["PolicyDocument"]["Statement"]]


def allows(policy: Iterable[Statement], request: Request) -> bool:
    """Return whether the call may be made: something allows it and nothing denies it (IAM user guide, evaluation)."""
    effects = {statement["Effect"] for statement in policy if _speaks_of(statement, request)}
    return effects == {"Allow"}


def granted_to(policy: Iterable[Statement], principal: str) -> Policy:
    """Return the statements of a resource's policy that speak of a service, by the name that it has in policies."""
    return [it for it in policy if it["Principal"] == "*" or it["Principal"].get("Service") == principal]


def _speaks_of(statement: Statement, request: Request) -> bool:
    return (
        any(_like(request.action.lower(), action.lower()) for action in listed(statement["Action"]))
        and any(_like(request.resource, resource) for resource in listed(statement["Resource"]))
        and all(
            _OPERATORS[operator](request.context.get(key), listed(wanted))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


@cache
def _like(value: str, pattern: str) -> bool:
    """Match as IAM does: an asterisk is any text, a question mark one character."""
    return _form(pattern).fullmatch(value) is not None


@cache
def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def _is_like(value: str | None, wanted: list[str]) -> bool:
    return value is not None and any(_like(value, pattern) for pattern in wanted)


def _is_one(value: str | None, wanted: list[str]) -> bool:
    return value in wanted


# A key that the request does not have matches nothing, and so matches what is negated (IAM user guide, "Condition
# operators"). An operator that is not here is a KeyError: the evaluation knows all that the template uses.
_OPERATORS: Final = {
    "Bool": _is_one,
    "StringEquals": _is_one,
    "StringNotEquals": lambda value, wanted: value not in wanted,
    "StringLike": _is_like,
    "StringNotLike": lambda value, wanted: not _is_like(value, wanted),
    "ArnEquals": _is_like,
    "ArnLike": _is_like,
}


def grants(policy: Policy) -> Iterator[tuple[Statement, str]]:
    """Return every action of every statement that allows."""
    for statement in policy:
        if statement["Effect"] == "Allow":
            yield from ((statement, action) for action in listed(statement["Action"]))


def without(policy: Policy, sid: str, action: str) -> Policy:
    """Return the policy with one action taken out of one statement."""
    return [
        {**it, "Action": [one for one in listed(it["Action"]) if one != action]} if it["Sid"] == sid else it
        for it in policy
    ]


def conditions(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """Name every condition of every statement: the statement, the operator, the key."""
    for statement in policy:
        for operator, keys in statement.get("Condition", {}).items():
            yield from ((statement["Sid"], operator, key) for key in keys)


def relaxed(policy: Policy, sid: str, operator: str, key: str) -> Policy:
    """Return the policy with one condition taken out of one statement."""
    changed = copy.deepcopy(policy)
    for statement in changed:
        if statement["Sid"] == sid:
            del statement["Condition"][operator][key]
    return changed
