"""
What some releases do otherwise, and which one puts it right.

It decides nothing but words: what counts is what the server does, which is looked at. Forks number otherwise.
"""

from __future__ import annotations

from typing import Final

KEEPS_ROLE: Final = {13: 18, 14: 15, 15: 10, 16: 6, 17: 2}
"""
The first minor of each major whose sessions have the role of their login after a reset, and apply it at the login.

Release notes of 17.1 ("SET ROLE and SET SESSION AUTHORIZATION", CVE-2024-10978) and of 17.2 ("ALTER ROLE … SET role"
works again); the other majors' of the same two days.
"""


def name_of(version: int) -> str:
    """Name a release as people do, from libpq's number of it (manual, PQserverVersion)."""
    return f"{version // 10000}.{version % 10000}"


def ignores_role(version: int) -> bool:
    """Return whether the release is one of those that do not apply ALTER ROLE … SET role at a login."""
    major, minor = divmod(version, 10000)
    return KEEPS_ROLE.get(major) == minor + 1


def remedy(version: int) -> str:
    """Name the release to go to."""
    major = version // 10000
    better = f"{major}.{KEEPS_ROLE[major]}" if major in KEEPS_ROLE else "a newer release"
    return f"Upgrade the server from PostgreSQL {name_of(version)} to {better}"
