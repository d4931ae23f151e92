"""What stands in the library and in no function yet: people meet none of its messages, and no role grants its calls."""

from __future__ import annotations

from typing import Final

UNWIRED: Final = frozenset({"rotation.stores.parameter_store", "rotation.entrypoints.parameter_store"})
"""A test holds that no other part of the library imports it; once one does, this file goes."""

FOLDERS: Final = tuple(name.replace(".", "/") for name in UNWIRED)
SERVICE: Final = "ssm:"
