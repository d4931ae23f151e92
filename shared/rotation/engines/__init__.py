"""
The kinds of database servers: a folder each, and what their sessions, faults and TLS share.

An engine keeps the promises of ``ports.Engine`` and imports the vocabulary and its own driver, nothing else. The table
below names each engine's class by the names that a secret's ``engine`` may have; a driver is loaded when asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rotation.ports import Engine

_MYSQL: Final = "rotation.engines.mysql:MySQL"
_POSTGRESQL: Final = "rotation.engines.postgresql:PostgreSQL"
_AURORA: Final = "rotation.engines.aurora.engine:Aurora"
_REDSHIFT: Final = "rotation.engines.redshift:Redshift"
_DOCUMENTDB: Final = "rotation.engines.documentdb:DocumentDB"

ENGINES: Final[Mapping[str, str]] = {
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    "aurora": _AURORA,
    "aurora-mysql": _AURORA,
    "aurora-postgresql": _AURORA,
    "redshift": _REDSHIFT,
    "mongo": _DOCUMENTDB,
    "docdb": _DOCUMENTDB,
    "documentdb": _DOCUMENTDB,
}
"""The engine of each name, as module and class. A test holds the names against the engines' own."""


def engine_named(name: str) -> Callable[[Path | None], Engine]:
    """Import the engine of that name, and with it its driver. Raises KeyError for a name that no engine has."""
    module, _, engine = ENGINES[name].partition(":")
    return cast("Callable[[Path | None], Engine]", getattr(import_module(module), engine))
