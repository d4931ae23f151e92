"""How what was measured is called, in tables, pictures and guides."""

from __future__ import annotations

from typing import Final

SIDES: Final = {"ours": "these functions", "peer": "AWS's published functions"}
STRATEGIES: Final = {
    "alternating-users": "two users",
    "retained-password": "two passwords",
    "single-user": "one user, one password",
}
SHOWN: Final = (("postgresql", "alternating-users"), ("mysql", "retained-password"), ("postgresql", "single-user"))
"""Whose clients are shown, of those that were measured."""
NAMES: Final = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB", "documentdb": "MongoDB"}
