"""Who may import whom, and how much stands in one place (read from the syntax tree)."""

from __future__ import annotations

import ast
import importlib
import re
import statistics
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path("shared/rotation")
LIBRARY: Final = sorted(ROOT.rglob("*.py"))
TESTS: Final = sorted(Path("tests").rglob("*.py"))
FUNCTIONS: Final = sorted(Path("functions").rglob("*.py"))
AUDIT: Final = sorted(Path("functions/audit/audit").rglob("*.py"))
WATCH: Final = sorted(Path("functions/watch/watch").rglob("*.py"))
"""What only this function needs lives beside it, not in the layer."""

VALUES: Final = frozenset(
    f"rotation.{name}" for name in ("model", "errors", "address", "deadline", "endpoints", "versions")
)
PORTS: Final = VALUES | {"rotation.ports"}
SDK: Final = frozenset({"boto3", "botocore"})
DRIVERS: Final = frozenset({"psycopg2", "pymysql", "pymongo", "bson", "redshift_connector"})

CORE: Final = frozenset(
    {
        "rotation.credentials",
        "rotation.delivery",
        "rotation.machine",
        "rotation.promotion",
        "rotation.settings",
        "rotation.steps",
        "rotation.strategies",
    }
)
"""What a rotation is, without anything outside of it."""

OUTSIDE: Final = {
    "rotation.answers": frozenset(),
    "rotation.topology": PORTS | {"rotation.answers", "rotation.topology"},
    "rotation.stores": PORTS | {"rotation.stores", "rotation.answers"},
    "rotation.engines": PORTS | {"rotation.engines", "rotation.topology.names"},
    "rotation.entrypoints.startup": frozenset(),
    "rotation.entrypoints.telemetry": PORTS,
}
"""What stands around the core, and what of the library it may know."""

WIRING: Final = frozenset(
    f"rotation.entrypoints.{name}" for name in ("assembly", "parameter_store", "promotion", "secrets_manager")
)
"""Where all parts are put together."""

WIRED: Final = WIRING | {"rotation.engines", "rotation.entrypoints.startup", "watch.entrypoint"}
"""What a function may name."""

EARLIER: Final = frozenset({"rotation.entrypoint", "rotation.secret_format"})
"""Earlier names of modules, which import their present ones."""

FLOORS: Final = {
    "tests.support": frozenset({"tests.support"}),
    "tests.lab": frozenset({"tests.support", "tests.lab"}),
}
"""The rooms of the tests that others build on, and what of the tests they may know."""

FILE_LINES: Final = 300
FUNCTION_LINES: Final = 40


def module_of(path: Path) -> str:
    """Name the module that a file is."""
    return ".".join(path.relative_to("shared").with_suffix("").parts).removesuffix(".__init__")


@cache
def tree_of(path: Path) -> ast.Module:
    """Parse a file of the library or of a function once."""
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the modules that a file imports, for types as well."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports by a relative path"
            base = node.module or ""
            found |= {f"{base}.{alias.name}" if is_module(f"{base}.{alias.name}") else base for alias in node.names}
    return frozenset(found)


def is_module(name: str) -> bool:
    """Return whether a name is one of the library's modules."""
    place = Path("shared", *name.split("."))
    return place.with_suffix(".py").exists() or (place / "__init__.py").exists()


def within(name: str, groups: frozenset[str]) -> bool:
    """Return whether a module is one of these, or inside of one."""
    return any(name == group or name.startswith(f"{group}.") for group in groups)


def own(path: Path) -> set[str]:
    """Return the modules of the library that a file imports."""
    return {name for name in imports(path) if name.split(".")[0] == "rotation"}


def roots(path: Path) -> set[str]:
    """Return the packages that a file imports from."""
    return {name.split(".")[0] for name in imports(path)}


def files_of(*groups: str) -> list[Path]:
    """Return the files of these modules."""
    found = [path for path in LIBRARY if within(module_of(path), frozenset(groups))]
    assert found
    return found


@pytest.mark.parametrize("path", LIBRARY, ids=str)
def test_every_module_can_be_imported(path: Path) -> None:
    """No module needs another one to have been imported first."""
    assert importlib.import_module(module_of(path)).__doc__ is not None or not path.read_text()


def test_values_know_nothing_of_the_rest() -> None:
    """The value types and the errors import nothing else of the library."""
    for path in files_of(*VALUES):
        assert own(path) <= VALUES, path


def test_ports_know_the_values_alone() -> None:
    """The ports speak of values and errors."""
    for path in files_of("rotation.ports"):
        assert own(path) <= VALUES, path


@pytest.mark.parametrize("group", OUTSIDE)
def test_the_outside_knows_the_ports(group: str) -> None:
    """Engines, stores, topology and telemetry import values, errors, ports, and what is their own."""
    for path in files_of(group):
        strangers = {name for name in own(path) if not within(name, OUTSIDE[group])} - {"rotation"}  # our version
        assert strangers == set(), path


def test_the_core_knows_the_ports_alone() -> None:
    """No part of the core imports an engine, a store, the telemetry or the entry point."""
    for path in files_of(*CORE):
        strangers = {name for name in own(path) if not within(name, PORTS | CORE)}
        assert strangers == set(), path


def test_the_core_is_made_of_the_standard_library() -> None:
    """No SDK, no Powertools and no driver in the core, in values or in ports."""
    foreign = SDK | DRIVERS | {"aws_lambda_powertools"}
    for path in files_of(*CORE, *PORTS):
        assert roots(path) & foreign == set(), path


def circle(edges: Mapping[str, set[str]]) -> list[str]:
    """Return modules that import each other in a circle, if there are any."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_circle_is_found() -> None:
    """The rules below can fail."""
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_the_library_has_no_circle_of_imports() -> None:
    """Not for types either; a folder's own first lines may import what is in it."""
    assert circle({module_of(path): own(path) - {module_of(path)} for path in LIBRARY}) == []


@pytest.mark.no_cover  # it runs nothing of the library
def test_the_tests_have_no_circle_of_imports() -> None:
    """Neither have the tests and what they stand on."""
    edges = {module_in_tests(path): imported_of_tests(path) for path in TESTS}
    assert circle(edges) == []


@pytest.mark.no_cover  # as above
@pytest.mark.parametrize("floor", FLOORS)
def test_what_tests_stand_on_knows_no_test(floor: str) -> None:
    """The lab may use what supports the tests, never the reverse, and neither knows a test."""
    for path in TESTS:
        if within(module_in_tests(path), frozenset({floor})):
            strangers = {name for name in imported_of_tests(path) if not within(name, FLOORS[floor])}
            assert strangers == set(), path


def module_in_tests(path: Path) -> str:
    """Name the module that a file of the tests is."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


@cache
def imported_of_tests(path: Path) -> set[str]:
    """Return the modules of the tests that a file imports, for types as well. Its tree is not kept: it is large."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if is_test_module(name) else node.module for name in names}
    return {name for name in found if name.split(".")[0] == "tests"} - {module_in_tests(path)}


@cache
def is_test_module(name: str) -> bool:
    """Return whether a name is a module of the tests."""
    place = Path(*name.split("."))
    return place.with_suffix(".py").exists() or place.is_dir()


def test_every_module_has_its_place() -> None:
    """A new module is put into one of the groups here before it imports anything."""
    rooms = {"rotation", "rotation.entrypoints"}
    groups = PORTS | CORE | OUTSIDE.keys() | WIRING | EARLIER
    strangers = [path for path in LIBRARY if module_of(path) not in rooms and not within(module_of(path), groups)]
    assert strangers == []


def test_no_engine_knows_aws() -> None:
    """A database is reached without the SDK."""
    for path in files_of("rotation.engines"):
        assert roots(path) & SDK == set(), path


def test_drivers_stay_in_engines() -> None:
    """Each driver ships with its function, so nothing else may import one."""
    for path in LIBRARY:
        if not within(module_of(path), frozenset({"rotation.engines"})):
            assert roots(path) & DRIVERS == set(), path


def test_boto3_is_left_to_tests_and_tools() -> None:
    """The clients come from botocore's session, which starts faster."""
    for path in [*LIBRARY, *FUNCTIONS]:
        assert "boto3" not in roots(path), path


def test_the_library_never_imports_a_function() -> None:
    """The layer stands without the functions that use it."""
    for path in LIBRARY:
        assert roots(path) & {"functions", "app", "audit", "tests"} == set(), path


def test_a_function_is_wiring() -> None:
    """A function imports an engine and the entry point, and does nothing else."""
    apps = set(FUNCTIONS) - set(AUDIT) - set(WATCH)
    assert apps
    for path in apps:
        assert all(within(name, WIRED) for name in imports(path)), path
        assert len(path.read_text().splitlines()) < 15, path


def test_the_audit_stands_on_its_own() -> None:
    """It reads what rotations left behind, whoever made them: it knows nothing of how ours are made."""
    assert AUDIT
    for path in AUDIT:
        foreign = roots(path) - sys.stdlib_module_names - {"audit", "botocore", "jinja2", "markupsafe"}
        assert foreign == set(), path


def test_the_watch_stands_on_its_own() -> None:
    """It is told what rotations did; without a layer, it knows nothing of how they are made."""
    assert WATCH
    for path in WATCH:
        assert roots(path) - sys.stdlib_module_names - {"watch", "botocore"} == set(), path


@pytest.mark.parametrize(("folder", "files"), [("audit", AUDIT), ("watch", WATCH)])
def test_what_stands_on_its_own_has_no_circle_of_imports(folder: str, files: list[Path]) -> None:
    """Neither has it one for types."""
    names = {path: ".".join(path.relative_to(f"functions/{folder}").with_suffix("").parts) for path in files}
    own_names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    assert circle({name: {*imports(path)} - {name} for path, name in own_names.items()}) == []


def test_types_for_the_checker_are_not_imported_at_run_time() -> None:
    """Type stubs are not in the runtime: they stand under TYPE_CHECKING."""
    for path in LIBRARY:
        at_run_time = [node for node in tree_of(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not any("mypy_boto3" in ast.dump(node) for node in at_run_time), path


def compares_a_name(node: ast.AST) -> bool:
    """Return whether something is decided by an engine's name."""
    if isinstance(node, ast.Compare):
        return any(is_engine_name(side) for side in (node.left, *node.comparators))
    return isinstance(node, ast.Match) and is_engine_name(node.subject)


def is_engine_name(node: ast.AST) -> bool:
    """Recognize ``engine.name``, ``traits.name`` and the like."""
    return bool(re.fullmatch(r"(.*\.)?_?(engine|traits|_TRAITS)\.name", ast.unparse(node)))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("engine.name == 'mysql'", True),
        ("self._engine.traits.name in NAMES", True),
        ("match delivery.engine.name:\n case 'a': pass", True),
        ("strategy.name == 'x'", False),
        ("shown = engine.traits.name", False),
    ],
)
def test_a_decision_by_name_is_recognized(code: str, *, found: bool) -> None:
    """The rule below can fail."""
    assert any(compares_a_name(node) for node in ast.walk(ast.parse(code))) is found


def test_nothing_is_decided_by_an_engines_name() -> None:
    """What differs between engines is an attribute or a method."""
    for path in LIBRARY:
        decided = [ast.unparse(node) for node in ast.walk(tree_of(path)) if compares_a_name(node)]
        assert decided == [], path


# Budgets


def functions() -> Iterator[tuple[Path, str, int]]:
    """Return each function with its lines, without its docstring."""
    for path in [*LIBRARY, *FUNCTIONS]:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node.name, lines_of(node)


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines, without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is not None:
        lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    return lines


@pytest.mark.parametrize("path", [*LIBRARY, *FUNCTIONS], ids=str)
def test_a_file_can_be_read_at_a_sitting(path: Path) -> None:
    """A file that outgrows its budget becomes a folder."""
    assert len(path.read_text().splitlines()) < FILE_LINES


def test_a_function_can_be_read_at_a_glance() -> None:
    """No function has more than 40 lines, nine in ten have fewer than 22."""
    found = list(functions())
    assert [it for it in found if it[2] > FUNCTION_LINES] == []
    sizes = sorted(size for *_, size in found)
    assert sizes[len(sizes) * 9 // 10] < 22
    assert statistics.median(sizes) <= 7
