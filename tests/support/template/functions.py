"""The functions that the template deploys, by their folders, and how it names what is theirs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDERS: Final = Path(__file__).parents[3] / "functions"
_APPS: Final = [app for app in sorted(_FOLDERS.glob("*/app.py")) if not (app.parent / "template.yaml").exists()]
"""One with a template beside it has a stack of its own."""

_SOURCES: Final = {app.parent.name: app.read_text("utf-8") for app in _APPS}

ALL: Final = tuple(_SOURCES)
ROTATING: Final = tuple(name for name, source in _SOURCES.items() if "rotation.entrypoints.secrets_manager" in source)
"""Those that Secrets Manager invokes, and that secrets are attached to."""


ON: Final[Mapping[str, str]] = {"ParameterPath": "/orders"}
"""Parameters under which those are deployed, too, that are switched off by default."""


def named(function: str, part: str) -> str:
    """Name a part of a function's in the template: the role of parameter_store is ParameterStoreRole."""
    return "".join(word.capitalize() for word in function.split("_")) + part
