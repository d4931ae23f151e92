"""What the library says to people: every text in its code, and every sentence with which an error begins."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.support.guides.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

LIBRARY: Final = ROOT / "shared/rotation"
SHIPPED: Final = sorted(LIBRARY.rglob("*.py"))
GAP: Final = "…"
"""Stands for what a message puts in, in messages and in the runbook's headings."""

FAULTS: Final = frozenset({"fault", "Fault"})
"""What the engines' tables of errors are made of: the error's class, then the sentence."""


class Message(NamedTuple):
    """A sentence, with a gap for each value that it puts in, and where it stands."""

    text: str
    place: str


@cache
def tree_of(file: Path) -> ast.Module:
    """Parse a file once."""
    return ast.parse(file.read_text("utf-8"))


@cache
def texts_of(file: Path) -> tuple[str, ...]:
    """Return every piece of text that stands in a file's code."""
    constants = (node.value for node in ast.walk(tree_of(file)) if isinstance(node, ast.Constant))
    return tuple(text for text in constants if isinstance(text, str))


def constants() -> Iterator[str]:
    """Yield every piece of text that stands in the library's code."""
    for file in SHIPPED:
        yield from texts_of(file)


def messages() -> list[Message]:
    """Return the sentences with which the library's errors begin, each once."""
    found: dict[str, str] = {}
    for file in SHIPPED:
        for text, line in _said(tree_of(file)):
            found.setdefault(text, f"{file.relative_to(ROOT)}:{line}")
    return [Message(text, place) for text, place in sorted(found.items())]


def pattern(text: str) -> re.Pattern[str]:
    """Match whatever a message with gaps can become."""
    return re.compile(".*?".join(map(re.escape, text.split(GAP))), re.IGNORECASE)


def is_sentence(text: str) -> bool:
    """Return whether it is no remedy, and more than a name; what follows the name of a key begins with "is"."""
    words = re.findall(r"[A-Za-z]{2,}", text.replace(GAP, " "))
    is_remedy = text.endswith((".", ";")) or "run: " in text
    return not is_remedy and (len(words) >= 3 or text.startswith("is "))


def _said(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for function in (tree, *(it for it in ast.walk(tree) if isinstance(it, ast.FunctionDef))):
        assigned = _assigned(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                yield from ((text, node.lineno) for text in _sentences(node, assigned))
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and "Enum" in map(_name, node.bases):  # faults as members of an enumeration
            pairs = (it.value for it in node.body if isinstance(it, ast.Assign) and isinstance(it.value, ast.Tuple))
            yield from ((text, pair.lineno) for pair in pairs for text in _texts(pair.elts[0], {}))


def _sentences(call: ast.Call, assigned: Mapping[str, list[str]]) -> list[str]:
    """Return what a call makes an error of: its first text, after the error's class or the name of a key."""
    if _name(call.func) not in _errors() | _makers() | FAULTS:
        return []
    given = [*call.args, *(it.value for it in call.keywords if it.arg == "what")]
    each = (_texts(one, assigned) for one in given if _name(one) not in _errors())
    return next((texts for texts in each if any(" " in text for text in texts)), [])


def _texts(node: ast.expr, assigned: Mapping[str, list[str]]) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(it.value) if isinstance(it, ast.Constant) else GAP for it in node.values)]
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body, assigned), *_texts(node.orelse, assigned)]
    return assigned.get(node.id, []) if isinstance(node, ast.Name) else []


def _assigned(function: ast.AST) -> dict[str, list[str]]:
    """Return the texts that a function gives a name to, before it makes an error of them."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(function) if isinstance(function, ast.FunctionDef) else ():
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).extend(_texts(node.value, {}))
    return found


@cache
def _errors() -> frozenset[str]:
    """Return the names of the classes of errors, wherever they stand."""
    classes = [node for file in SHIPPED for node in ast.walk(tree_of(file)) if isinstance(node, ast.ClassDef)]
    found = {"RotationError"}
    while more := {it.name for it in classes if found & {*map(_name, it.bases)}} - found:
        found |= more
    return frozenset(found)


@cache
def _makers() -> frozenset[str]:
    """Return the names of the functions that make errors of what they are given."""
    functions = (it for file in SHIPPED for it in ast.walk(tree_of(file)) if isinstance(it, ast.FunctionDef))
    return frozenset(it.name for it in functions if it.returns and _errors() & {*_names(ast.walk(it.returns))})


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    return (_name(node) for node in nodes)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
