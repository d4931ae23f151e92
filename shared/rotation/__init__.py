"""
The rotation state machine for database credentials.

The root holds the vocabulary (``model``, ``errors``, ``ports``, ``deadline``) and the machine. Each folder is a room;
its first lines say what lives there. docs/design.md has the map.
"""

from typing import Final

VERSION: Final = "0.1.0"
"""Of the suite: the one in pyproject.toml and template.yaml, which a test compares."""
