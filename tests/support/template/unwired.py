"""What stands in the library and in no function yet: people meet none of its messages, and no role grants its calls."""

from __future__ import annotations

from typing import Final

UNWIRED: Final = "rotation.stores.parameter_store"
"""A test holds that no other part of the library imports it; once one does, this file goes."""

FOLDER: Final = UNWIRED.replace(".", "/")
SERVICE: Final = "ssm:"
