"""
redshift_connector without its logins by identity providers.

Its package begins with importing them, and with them boto3 and a web browser: more than half of a cold start, for
nothing that is used here. So the package stands in its place without having been run, and its modules are imported
from it. Whoever else asks it for something that is missing then (a test, a plug-in) has it run after all.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec

_NAME: Final = "redshift_connector"


class _Package(ModuleType):
    """The package, which runs when something of its own is asked for."""

    paramstyle = "format"
    """What a cursor reads of the package (PEP 249): the package's own default."""

    def __init__(self, spec: ModuleSpec) -> None:
        """Stand where the package would."""
        super().__init__(spec.name)
        self.__spec__, self.__loader__, self.__file__ = spec, spec.loader, spec.origin
        self.__path__ = list(spec.submodule_search_locations or ())

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever the package has
        if name == "__version__":  # each login tells it to the server
            return importlib.import_module(f"{_NAME}.version").__version__
        if name.startswith("__"):  # the import system asks for what need not be there
            raise AttributeError(name)
        if importlib.util.find_spec(f"{_NAME}.{name}"):
            return importlib.import_module(f"{_NAME}.{name}")
        object.__setattr__(self, "__class__", ModuleType)  # from now on it is an ordinary one
        cast("Loader", self.__loader__).exec_module(self)
        return getattr(self, name)


def _put_off() -> Path:
    """Put the package in its place, unless somebody has imported it already, and give its folder."""
    if _NAME not in sys.modules:
        spec = importlib.util.find_spec(_NAME)
        sys.modules[_NAME] = _Package(spec) if spec else importlib.import_module(_NAME)  # which says what is missing
    return Path(str(sys.modules[_NAME].__file__)).parent


FOLDER: Final = _put_off()

from redshift_connector import error  # noqa: E402
from redshift_connector.core import Connection  # noqa: E402

__all__ = ["FOLDER", "Connection", "error"]
