"""The driver's package, which is not run before something of its own is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib.machinery import BuiltinImporter
from importlib.metadata import version
from types import ModuleType

import pytest

from rotation.engines.redshift import driver

NAME = "redshift_connector"


def test_a_start_imports_neither_the_sdk_nor_a_browser() -> None:
    """In a process of its own: the engine is there, and what the package would import is not."""
    program = "import sys, rotation.engines.redshift; print({'boto3', 'webbrowser'} & sys.modules.keys())"
    done = subprocess.run(  # noqa: S603 ours
        [sys.executable, "-c", program], env={"PYTHONPATH": "shared"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_it_is_run_when_something_of_its_own_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modules and the style of its parameters are had without; whoever wants more gets the whole package."""
    monkeypatch.delitem(sys.modules, NAME)
    assert driver._put_off() == driver.FOLDER  # noqa: SLF001 what is tested
    package = sys.modules[NAME]
    assert (package.paramstyle, package.error) == ("format", driver.error)
    assert package.__version__ == version("redshift-connector")
    with pytest.raises(AttributeError):
        package.__nothing__  # noqa: B018 reading is the deed
    assert type(package) is not ModuleType
    assert callable(package.connect)
    assert type(package) is ModuleType
    assert package.paramstyle == "format"


def test_a_package_that_is_there_already_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's import counts."""
    there = ModuleType(NAME)
    there.__file__ = "/somewhere/__init__.py"
    monkeypatch.setitem(sys.modules, NAME, there)
    assert str(driver._put_off()) == "/somewhere"  # noqa: SLF001 what is tested
    assert sys.modules[NAME] is there


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the layer's engine is imported beside another engine's driver."""
    monkeypatch.delitem(sys.modules, NAME)
    monkeypatch.setattr(sys, "meta_path", [BuiltinImporter])
    with pytest.raises(ModuleNotFoundError) as told:
        driver._put_off()  # noqa: SLF001 what is tested
    assert told.value.name == NAME
