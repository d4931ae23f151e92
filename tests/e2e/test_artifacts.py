"""What `sam build` leaves for Lambda: what it holds, for which processor, how large it is, what a start imports."""

from __future__ import annotations

import ast
import functools
import json
import os
import struct
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.lab import builds
from tests.support import interpreter
from tests.support.template.cloudformation import Stack
from tests.support.template.functions import ALL, ON

LAYER: Final = "SharedLayer"
BUDGETS: Final = {
    LAYER: 2.6,
    "mysql": 0.4,
    "postgresql": 12.0,
    "aurora": 12.4,
    "documentdb": 9.6,
    "redshift": 3.9,
    "parameter_store": 25.9,
}
"""Unzipped, with bytecode, in MB; PostgreSQL's libraries are those of x86_64."""

ARM_EXCESS: Final = 5.1
"""MB by which libpq and what it needs are larger for arm64, where segments begin at multiples of 64 KiB."""

MACHINES: Final = {"x86_64": 62, "arm64": 183}
"""The ELF header's numbers of the processors (elf.h, EM_X86_64 and EM_AARCH64)."""

DRIVERS: Final = {
    "mysql": {"pymysql"},
    "postgresql": {"psycopg2"},
    "aurora": {"pymysql", "psycopg2"},
    "documentdb": {"pymongo", "bson"},
    "redshift": {"redshift_connector"},
    "parameter_store": {"pymysql", "psycopg2", "pymongo", "bson", "redshift_connector"},
}
ALL_DRIVERS: Final = frozenset[str]().union(*DRIVERS.values())
SDK: Final = frozenset({"boto3", "botocore", "s3transfer", "dateutil", "urllib3", "jmespath"})
"""What Lambda's runtime brings."""

COLD: Final = """
import gc, json, sys
import app
assert gc.isenabled() and gc.get_freeze_count()
app.lambda_handler._assembly.secrets_manager
print(json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()}))
"""
"""What a cold start does before the first event is handled: the imports, and one client. The collector rests."""

NEVER_AT_A_START: Final = frozenset(
    {
        "boto3",
        "s3transfer",
        "requests",
        "asyncio",
        "unittest",
        "cryptography",
        "aws_xray_sdk",
        "aws_lambda_powertools.event_handler",
        "aws_lambda_powertools.metrics.provider.datadog",
        "aws_lambda_powertools.utilities.parser",
        "gridfs",
        "lxml",
        "bs4",
        "pytz",
        "webbrowser",
    }
)
"""Each takes milliseconds of every cold start; none is needed for one."""

ENGINES: Final = {"aurora": {"aurora", "mysql", "postgresql"}, "parameter_store": set[str]()}
"""What a start imports of the engines, where it is not the one of the function's name."""

NEEDS: Final = {"documentdb": {"asyncio"}}
"""What a driver imports by itself."""


@pytest.fixture(scope="module", params=["x86_64", "arm64"])
def build(request: pytest.FixtureRequest) -> Path:
    """Build for each processor."""
    return builds.built(request.param, interpreter.of_lambda().version)


def folder_of(build: Path, name: str) -> Path:
    """Return a function's folder, or the layer's."""
    return build / (LAYER if name == LAYER else builds.logical_id(name))


def files(folder: Path) -> list[Path]:
    """Return all files of a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


@functools.cache
def imported(function: str, *, program: str = COLD) -> dict[str, str | None]:
    """Run a program on the function, its layer and the runtime, and give the modules that it imported."""
    build = builds.ready()
    path = (build / builds.logical_id(function), build / LAYER / "python", builds.managed())
    done = subprocess.run(  # noqa: S603 ours
        [interpreter.of_lambda().program, "-S", "-c", program],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": ":".join(map(str, path)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{interpreter.of_lambda().version}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])  # the log's first line comes before it
    return found


@pytest.mark.parametrize("name", [LAYER, *ALL])
def test_it_is_small(build: Path, name: str) -> None:
    """No larger than its budget; a function without one has to be given one."""
    size = sum(file.stat().st_size for file in files(folder_of(build, name))) / 1e6
    arm = "arm64" in build.name and "psycopg2" in DRIVERS.get(name, ())
    assert size <= BUDGETS[name] + arm * ARM_EXCESS


def test_everything_native_is_for_its_processor(build: Path) -> None:
    """Every library's ELF header names the processor, wherever it was built."""
    wanted = next(number for name, number in MACHINES.items() if name in build.name)
    libraries = [file for file in files(build) if ".so" in file.suffixes]
    assert libraries
    for library in libraries:
        header = library.read_bytes()[:20]
        assert header[:4] == b"\x7fELF", library
        assert struct.unpack_from("<H", header, 18)[0] == wanted, library


def test_no_library_is_for_another_python(build: Path) -> None:
    """Wheels that hold libraries for several Pythons are trimmed to the runtime's."""
    tag = f".cpython-{interpreter.of_lambda().version.replace('.', '')}-"
    assert [str(file) for file in files(build) if ".cpython-" in file.name and ".so" in file.suffixes] != []
    assert [
        str(file)
        for file in files(build)
        if ".cpython-" in file.name and tag not in f".{file.name}" and file.suffix == ".so"
    ] == []


@pytest.mark.parametrize("function", ALL)
def test_the_handler_is_where_the_template_says(build: Path, function: str) -> None:
    """For both processors; that it can be imported is seen where it can be run, below."""
    declared = Stack(ON).function(builds.logical_id(function))
    module, _, name = declared["Handler"].rpartition(".")
    tree = ast.parse((folder_of(build, function) / f"{module}.py").read_text("utf-8"))
    made = [target for node in ast.walk(tree) if isinstance(node, ast.Assign) for target in node.targets]
    assert name in map(ast.unparse, made)


@pytest.mark.parametrize("function", ALL)
def test_a_function_holds_its_own_driver_and_no_sdk(build: Path, function: str) -> None:
    """Nothing of another engine's, nothing that the runtime or the layer brings, no tests and no sources of C."""
    folder = folder_of(build, function)
    there = {path.name.removesuffix(".py") for path in folder.iterdir()}
    assert there & ALL_DRIVERS == DRIVERS[function]
    assert not there & (SDK | {"rotation", "aws_lambda_powertools"})
    assert not {"test", "tests"} & {path.name for path in folder.rglob("*")}
    assert not [path for path in files(folder) if path.suffix in {".c", ".h", ".pyi"}]


def test_the_layer_holds_the_library_and_powertools(build: Path) -> None:
    """No driver and no SDK; licences stay with what they are for."""
    there = {path.name.removesuffix(".pyc").removesuffix(".py") for path in (build / LAYER / "python").iterdir()}
    kept = {name for name in there if not name.endswith(".dist-info")}
    assert kept == {"rotation", "aws_lambda_powertools", "typing_extensions"}
    for notes in (build / LAYER / "python").glob("*.dist-info"):
        assert [file for file in files(notes) if "LICENSE" in file.name]


@pytest.mark.parametrize("name", [LAYER, *ALL])
def test_bytecode_ships(build: Path, name: str) -> None:
    """Every module has bytecode that is taken without a look at its source (PEP 552: flags 1, unchecked hash)."""
    folder = folder_of(build, name)
    compiled = [file for file in files(folder) if file.suffix == ".pyc"]
    assert compiled
    assert {file.read_bytes()[4:8] for file in compiled} == {b"\x01\0\0\0"}
    sources = {file.with_suffix("") for file in files(folder) if file.suffix == ".py"}
    cached = {
        file.parent.parent / file.name.partition(".")[0] for file in compiled if file.parent.name == "__pycache__"
    }
    assert sources == cached


@pytest.mark.parametrize("function", ALL)
def test_a_start_imports_what_it_needs(function: str) -> None:
    """Handler and client, by the built folders and the runtime alone; none of what takes time and is not needed."""
    seen = imported(function)
    assert NEVER_AT_A_START & seen.keys() <= NEEDS.get(function, set())
    others = ALL_DRIVERS - (DRIVERS[function] if ENGINES.get(function, function) else set())
    assert not others & seen.keys()
    engines = {name.split(".")[2] for name in seen if name.startswith("rotation.engines.") and name.count(".") > 2}
    assert engines <= ENGINES.get(function, {function})
    assert engines or function == "parameter_store"


@pytest.mark.parametrize("function", ALL)
def test_a_start_compiles_nothing(function: str) -> None:
    """Every module of function and layer comes from bytecode that ships."""
    build = str(builds.ready())
    for file in filter(None, imported(function).values()):
        if file.startswith(build) and file.endswith(".py"):
            source = Path(file)
            assert list((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")), file


def test_all_of_the_library_imports_under_the_layer() -> None:
    """What was left out of Powertools is used by no module that the layer ships."""
    program = """
import importlib, json, pkgutil, sys
import aws_lambda_powertools
from aws_lambda_powertools import Logger, Metrics
import rotation
for module in pkgutil.walk_packages(rotation.__path__, "rotation."):
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        if error.name.split(".")[0] not in {"psycopg2", "pymysql", "pymongo", "bson", "redshift_connector"}:
            raise
print(json.dumps(dict.fromkeys(sys.modules)))
"""
    seen = imported(ALL[0], program=program)
    library = {
        path.relative_to("shared").with_suffix("").as_posix().replace("/", ".")
        for path in Path("shared/rotation").glob("*.py")
    }
    assert {name.removesuffix(".__init__") for name in library} <= seen.keys()
