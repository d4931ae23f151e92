"""
Faults put into the library, one at a time, and how many of them the tests find.

``python -m tests.bench.faults [--number 30] [--seed 18] [SUITE…]``: draws lines of the library, spread over all of its
rooms, and breaks each as a tired person does: a comparison turned round, a call or a ``not`` forgotten, a number one
too large, an answer never given. For each it plays the tests that come by that line, to the first that fails, in a
copy of the project. A run of the suites with coverage says beforehand which these are; ``--keep`` keeps its answer.
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import argparse
import ast
import functools
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from coverage import CoverageData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Breakage = tuple[str, "ast.expr | ast.stmt", str]
"""What is done, to which piece of the tree, and the text that stands there then."""

ROOT: Final = Path(__file__).resolve().parents[2]
LIBRARY: Final = Path("shared/rotation")
SUITES: Final = ("tests/unit", "tests/contract", "tests/dialect", "tests/crash", "tests/e2e")
"""In the order in which they are asked: the quick ones first."""

SHARED: Final = (".venv", ".tools", ".cache")
"""What a copy of the project has in common with it."""

SECONDS: Final = 900
"""After which the tests of a fault that never ends are ended: somebody would have noticed."""

TURNED: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


@dataclass(frozen=True)
class Fault:
    """A piece of a file, and what stands there instead."""

    path: Path
    kind: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    name: str
    """What the piece belongs to: a function, or a name of the module's."""

    def __str__(self) -> str:
        """Say where it is, and what."""
        return f"{self.path.relative_to(LIBRARY)}:{self.line} {self.kind}: {self.text.splitlines()[0]}"

    @property
    def room(self) -> str:
        """The folder that it is in; each engine's is one."""
        return str(self.path.parent)

    def put_into(self, source: str) -> str:
        """Return the source with it; columns count bytes."""
        lines = source.encode().splitlines(keepends=True)
        before = lines[self.line - 1][: self.column]
        after = lines[self.end_line - 1][self.end_column :]
        lines[self.line - 1 : self.end_line] = [before + self.text.encode() + after]
        return b"".join(lines).decode()


def _compared(node: ast.AST) -> Iterator[Breakage]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        turned = ast.Compare(node.left, [TURNED[type(node.ops[0])]()], node.comparators)
        yield "turned round", node, f"({ast.unparse(turned)})"
    if isinstance(node, ast.BoolOp):
        other = ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        yield "and is or", node, f"({ast.unparse(other)})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not forgotten", node, f"bool({ast.unparse(node.operand)})"


def _counted(node: ast.AST) -> Iterator[Breakage]:
    if not isinstance(node, ast.Constant):
        return
    if isinstance(node.value, bool):
        yield "other value", node, str(not node.value)
    elif isinstance(node.value, int | float):
        yield "one more", node, str(node.value + 1)


def _done(node: ast.AST) -> Iterator[Breakage]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call forgotten", node, "None"
    if isinstance(node, ast.Raise):
        yield "not raised", node, "pass"
    if isinstance(node, ast.Return) and node.value and not _is_nothing(node.value):
        yield "no answer", node, "return None"
    if isinstance(node, ast.FunctionDef):
        first = next((it for it in node.body if not _is_text(it)), None)
        if first and not isinstance(first, ast.Return | ast.Raise):
            yield "ends at once", first, "return None"


def _is_nothing(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


KINDS: Final[Sequence[Callable[[ast.AST], Iterator[tuple[str, ast.expr | ast.stmt, str]]]]] = (
    _compared,
    _counted,
    _done,
)


@functools.cache
def faults_of(path: Path) -> tuple[Fault, ...]:
    """Return every fault that can be put into a file."""
    return tuple(_below(path, ast.parse((ROOT / path).read_text(encoding="utf-8")), ""))


def _below(path: Path, node: ast.AST, name: str) -> Iterator[Fault]:
    """Go down the tree; what is there for type checkers alone, and how things are shown to people, is left alone."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.FunctionDef):
        if node.name in {"__repr__", "__str__"} or ast.unparse(node.body[-1]) == "...":
            return
        name = node.name
    elif isinstance(node, ast.AnnAssign | ast.Assign) and not name:
        name = ast.unparse(node.target if isinstance(node, ast.AnnAssign) else node.targets[0])
    for kind, place, text in itertools.chain.from_iterable(make(node) for make in KINDS):
        end_line, end_column = place.end_lineno or place.lineno, place.end_col_offset or 0
        yield Fault(path, kind, place.lineno, place.col_offset, end_line, end_column, text, name)
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.JoinedStr) and child is not getattr(node, "annotation", None):
            yield from _below(path, child, name)


def drawn(number: int, seed: int) -> list[Fault]:
    """Draw so many faults: from each room in turn, of a kind that is drawn first, none twice on a line."""
    rooms: dict[str, dict[str, list[Fault]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((ROOT / LIBRARY).rglob("*.py")):
        for fault in faults_of(path.relative_to(ROOT)):
            rooms[fault.room][fault.kind].append(fault)
    chance = random.Random(seed)  # noqa: S311 no secret
    found: dict[tuple[Path, int], Fault] = {}
    for room in itertools.cycle(sorted(rooms)):
        if len(found) == number:
            break
        fault = chance.choice(rooms[room][chance.choice(sorted(rooms[room]))])
        found.setdefault((fault.path, fault.line), fault)
    return list(found.values())


class Tests:
    """Which tests come by which line."""

    def __init__(self, file: Path) -> None:
        """Read what coverage wrote down."""
        self._data = CoverageData(str(file))
        self._data.read()
        self._all = {_test(context) for context in self._data.measured_contexts()} - {""}

    def by(self, fault: Fault) -> list[str]:
        """Return the tests by a fault's line; for one that runs on import, those by any line that knows its name."""
        lines = self._by_line(fault.path)
        found = {test for line in range(fault.line, fault.end_line + 1) for test in lines.get(line, ())}
        return sorted(found or self._that_know(fault.name), key=_order)

    def _by_line(self, path: Path) -> dict[int, set[str]]:
        lines = self._data.contexts_by_lineno(str(ROOT / path))
        return {line: {_test(it) for it in contexts} - {""} for line, contexts in lines.items()}

    def _that_know(self, name: str) -> set[str]:
        found: set[str] = set()
        for path in sorted((ROOT / LIBRARY).rglob("*.py")):
            text = path.read_text(encoding="utf-8").splitlines()
            for line, tests in self._by_line(path).items():
                if name in text[line - 1]:
                    found |= tests
        return found or self._all


def _test(context: str) -> str:
    return context.rpartition("|")[0]


def _order(test: str) -> tuple[int, str]:
    suite = "/".join(test.split("/")[:2])
    return (SUITES.index(suite) if suite in SUITES else len(SUITES)), test


def traced(suites: Sequence[str], folder: Path) -> Tests:
    """Play the suites, and learn which test comes by which line; what was learnt of a suite before is kept."""
    for suite in suites:
        file = folder / f"by-test.{suite.replace('/', '-')}"
        if not file.exists():
            options = ("--cov", "--cov-context=test", "--cov-report=")
            subprocess.run(
                _pytest(*options, suite), cwd=ROOT, env={**os.environ, "COVERAGE_FILE": str(file)}, check=True
            )
    files = [str(file) for file in folder.glob("by-test.*")]
    combined = folder / "by-test"
    combined.unlink(missing_ok=True)
    combine = [sys.executable, "-m", "coverage", "combine", "-q", "--keep", f"--data-file={combined}", *files]
    subprocess.run(combine, cwd=ROOT, check=True)
    return Tests(combined)


def _pytest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", *arguments]


def copied(folder: Path) -> Path:
    """Copy what git knows of the project, as it stands now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)  # noqa: S607
    for name in filter(None, listed.stdout.decode().split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name in SHARED:
        (folder / name).symlink_to(ROOT / name)
    return folder


def found_by(fault: Fault, tests: Sequence[str], copy: Path) -> str:
    """Put a fault into the copy, play the tests, take it out, and return what found it; nothing where none did."""
    file = copy / fault.path
    source = file.read_text(encoding="utf-8")
    file.write_text(fault.put_into(source), encoding="utf-8")
    try:
        played = _played(tests, copy)
        if played.returncode == pytest.ExitCode.USAGE_ERROR:  # cases that are made of the line that is broken are gone
            played = _played(sorted({test.partition("::")[0] for test in tests}, key=_order), copy)
    except subprocess.TimeoutExpired:
        return "a run that does not end"
    finally:
        file.write_text(source, encoding="utf-8")
    if played.returncode == pytest.ExitCode.OK:
        return ""
    failed = [line for line in played.stdout.splitlines() if line.startswith(("FAILED tests", "ERROR tests"))]
    return failed[0].split(" - ")[0] if failed else played.stdout.strip().splitlines()[-1]


def _played(tests: Sequence[str], copy: Path) -> subprocess.CompletedProcess[str]:
    """Play tests to the first that fails; there may be more of them than a command line takes."""
    names = copy / "tests-to-play"
    names.write_text("\n".join(tests), encoding="utf-8")
    command = _pytest("-x", "--no-header", "-p", "no:cacheprovider", f"@{names}")
    return subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=SECONDS)


def main() -> None:
    """Draw, play and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.faults", description=__doc__)
    parser.add_argument("suites", nargs="*", default=SUITES, metavar="SUITE")
    parser.add_argument("--number", type=int, default=30)
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--keep", type=Path, help="a folder for which test comes by which line")
    options = parser.parse_args()
    chosen = drawn(options.number, options.seed)
    count = 0
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory(prefix="faults-") as name:
        (options.keep or Path(made)).mkdir(parents=True, exist_ok=True)
        tests, copy = traced(options.suites, options.keep or Path(made)), copied(Path(name))
        for fault in chosen:
            by_it = tests.by(fault)
            finder = found_by(fault, by_it, copy) if by_it else ""
            count += bool(finder)
            print(f"{fault}\n    {finder or f'NOT FOUND by {len(by_it)} tests'}", flush=True)  # noqa: T201
    print(f"{count} of {len(chosen)} faults found")  # noqa: T201


if __name__ == "__main__":
    main()
