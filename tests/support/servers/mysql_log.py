"""
Logins as the general log of a MySQL or MariaDB server tells them.

An attempt has a line (``Connect  app@host on shop using SSL/TLS``), and most refusals have a second one (``Connect
Access denied for …``). MySQL 9 writes none where an account is locked (3118) or at its limit (1226), nor where the
server is killed between the attempt and the first statement: seen on the real thing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tests.support.servers import logins

# MariaDB leaves the time out where it is the line before's.
LINE = re.compile(r"^[^\t\n]*\t+ *(?P<session>\d+) (?P<command>[A-Z][A-Za-z ]*)\t(?P<said>.*)$", re.MULTILINE)
ATTEMPT = re.compile(r"(?P<user>.*)@[^@ ]* (?:on|as) .*")


@dataclass(frozen=True)
class Login:
    """One attempt to log in."""

    user: str
    accepted: bool
    denied: bool = False
    """Whether the server wrote that it refused it."""


class Logins(logins.Logins[Login]):
    """The logins of a stretch of the log, with those that a server which may have been killed said that it refused."""

    @property
    def denied(self) -> list[Login]:
        """The logins of which the server wrote that it refused them."""
        return [login for login in self.all if login.denied]


def read(text: str) -> Logins:
    """Find the logins: a session that was let in says something after it connected; every driver does so at once."""
    sessions: dict[str, Login] = {}
    for line in LINE.finditer(text):
        session = line["session"]
        if line["command"] == "Connect":
            attempt = ATTEMPT.fullmatch(line["said"])
            known = sessions.get(session) or Login(
                attempt["user"] if attempt else _refused_user(line["said"]), accepted=False
            )
            sessions[session] = replace(known, denied=known.denied or attempt is None)
        elif session in sessions and not sessions[session].accepted:
            sessions[session] = replace(sessions[session], accepted=True)
    return Logins(tuple(sessions.values()))


def _refused_user(said: str) -> str:
    found = re.search(r"'(.*?)'@'", said)
    return found[1] if found else ""
