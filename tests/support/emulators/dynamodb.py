"""
One table of DynamoDB, as far as the watch's memory asks for it.

DynamoDB API reference, GetItem and PutItem: a put replaces the whole item, and one whose condition does not hold is
answered by ConditionalCheckFailedException. Developer guide, "Condition and filter expressions, operators, and
functions": AND binds closer than OR, and a comparison with an attribute that is missing, or of another type, is false.
"""

from __future__ import annotations

import ast
import operator
import re
import threading
from typing import TYPE_CHECKING, Any, Final

from tests.support.emulators.wire.errors import answer
from tests.support.emulators.wire.server import EmulatedService, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Item = dict[str, dict[str, Any]]

_WORDS: Final = ((r"\bOR\b", "or"), (r"\bAND\b", "and"), (r"(?<![<>])=", "=="), (r":(\w+)", r"_value_\1"))
"""How an expression is written in Python."""
_VALUE: Final = "_value_"
_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class EmulatedTable(EmulatedService):
    """A table in this process, whatever name it is asked by."""

    def __init__(self, *key: str) -> None:
        """Make it, with the attributes of its key; nothing listens yet."""
        super().__init__(_Table(key), "127.0.0.1", 0)


class _Table:
    target = "DynamoDB_20120810."
    modelled: frozenset[str] = frozenset()

    def __init__(self, key: tuple[str, ...]) -> None:
        self._key, self._lock = key, threading.Lock()
        self._items: dict[tuple[str, ...], Item] = {}

    def call(self, operation: str, request: Request, caller: str) -> Response:
        """Answer a client."""
        del caller
        operations = {"GetItem": self._get, "PutItem": self._put}
        if operation not in operations:
            raise answer(f"{operation} is not emulated.", code="UnknownOperationException")
        with self._lock:
            return operations[operation](request)

    def _get(self, request: Request) -> Response:
        found = self._items.get(self._place(request["Key"]))
        return {"Item": found} if found else {}

    def _put(self, request: Request) -> Response:
        place = self._place(request["Item"])
        condition = request.get("ConditionExpression")
        if condition and not holds(condition, self._items.get(place, {}), request.get("ExpressionAttributeValues", {})):
            raise answer("The conditional request failed", code="ConditionalCheckFailedException")
        self._items[place] = request["Item"]
        return {}

    def _place(self, item: Item) -> tuple[str, ...]:
        return tuple(item[name]["S"] for name in self._key)


def holds(condition: str, item: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Return whether a condition holds of an item; one that is not there has no attributes."""
    for word, written in _WORDS:
        condition = re.sub(word, written, condition)
    return _holds(ast.parse(condition, mode="eval").body, item, values)


def _holds(node: ast.expr, item: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = [_holds(it, item, values) for it in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "attribute_not_exists":
        return ast.unparse(node.args[0]) not in item
    if isinstance(node, ast.Compare):
        (kind, left), (other, right) = (_operand(it, item, values) for it in (node.left, node.comparators[0]))
        return kind == other != "" and _COMPARISONS[type(node.ops[0])](left, right)
    raise answer("Such a condition is not emulated.", code="ValidationException")


def _operand(node: ast.expr, item: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the type and the value of what is compared; no type where the attribute is missing."""
    name = ast.unparse(node)
    held = values[f":{name.removeprefix(_VALUE)}"] if name.startswith(_VALUE) else item.get(name)
    if held is None:
        return "", None
    ((kind, value),) = held.items()
    return kind, int(value) if kind == "N" else value
