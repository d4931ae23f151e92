"""An earlier name of ``rotation.credentials.secret_format``."""

from rotation.credentials.secret_format import parse

__all__ = ["parse"]
