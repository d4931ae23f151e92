"""
What tests stand on, in rooms: servers, emulators of AWS, memory doubles, crashes, the network, the template.

Nothing here imports a test or the lab. The modules of the rooms can be imported by their earlier names, too.
"""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import ModuleType

EARLIER: Final = {
    "authorities": "authorities",
    "cloudformation": "template.cloudformation",
    "iam": "template.iam",
    "mariadb": "servers.mariadb",
    "mongodb": "servers.mongodb",
    "mysql": "servers.mysql",
    "npm": "servers.npm",
    "permissions": "template.permissions",
    "postgresql": "servers.postgresql",
    "process": "servers.process",
    "redshift": "emulators.redshift",
    "redshift.proxy": "emulators.redshift.proxy",
    "redshift.server": "emulators.redshift.server",
    "secretsmanager": "emulators.secretsmanager",
    "secretsmanager.rotation": "emulators.secretsmanager.rotation",
    "stage": "memory.stage",
    "tls": "servers.tls",
}
"""Modules by the names that they had before they stood in rooms."""


class _Moved(MetaPathFinder, Loader):
    """Find a module by its earlier name: the very module, not a copy."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        earlier = name.removeprefix(f"{__name__}.")
        if name == earlier or EARLIER.get(earlier, earlier) == earlier:
            return None
        return ModuleSpec(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return importlib.import_module(f"{__name__}.{EARLIER[spec.name.removeprefix(f'{__name__}.')]}")

    def exec_module(self, module: ModuleType) -> None:
        pass


sys.meta_path.insert(0, _Moved())
