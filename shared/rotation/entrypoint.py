"""An earlier name of ``rotation.entrypoints.secrets_manager``."""

from rotation.entrypoints.secrets_manager import Handler, handler_for

__all__ = ["Handler", "handler_for"]
