"""Logins as a MongoDB server's log tells them: one JSON object a line, known by its number."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.support.servers import logins

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCEPTED: Final = frozenset({20250, 5286306})
REFUSED: Final = frozenset({20249, 5286307})
INTERNAL: Final = "__system"
"""As whom the nodes of a replica set log in at one another."""


@dataclass(frozen=True)
class Login:
    """One connection's attempt to log in."""

    user: str
    connection: str
    mechanism: str
    accepted: bool


Logins = logins.Logins[Login]


def read(text: str) -> Logins:
    """Find the logins in a log; a driver that tries a second mechanism on its connection makes one attempt."""
    found: dict[tuple[str, str], Login] = {}
    for login in _entries(text):
        found[login.connection, login.user] = login
    return Logins(tuple(found.values()))


def _entries(text: str) -> Iterator[Login]:
    for line in text.splitlines():
        if '"c":"ACCESS"' not in line or not line.endswith("}"):
            continue
        entry = json.loads(line)
        attributes = entry.get("attr", {})
        user = attributes.get("principalName", INTERNAL)
        if entry["id"] in ACCEPTED | REFUSED and user != INTERNAL:
            yield Login(user, entry["ctx"], attributes.get("mechanism", ""), entry["id"] in ACCEPTED)
