"""Logins as a PostgreSQL server's log tells them, in whatever language the server writes it.

Nothing here reads the words of a message: what counts is the prefix that the server puts before each line
(LINE_PREFIX), with the SQLSTATE and what the backend is doing.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.servers import logins

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_PREFIX = r"%m\t%c\t%e\t%i\t%d\t%u\t"
LINE = re.compile(
    r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC\t(?P<session>[0-9a-f.]+)\t(?P<code>\w{5})\t"
    r"(?P<doing>[^\t]*)\t(?P<database>[^\t]*)\t(?P<user>[^\t]+)\t(?P<severity>[^:]+): ",
    re.MULTILINE,
)
SUCCESS = "00000"
LOGGING_IN = frozenset({"", "initializing", "authentication", "startup"})


@dataclass(frozen=True)
class Login:
    """One attempt to log in."""

    user: str
    database: str
    code: str
    """The SQLSTATE of the refusal, 00000 for an accepted login."""
    time: dt.datetime

    @property
    def accepted(self) -> bool:
        """Whether the server let it in."""
        return self.code == SUCCESS


Logins = logins.Logins[Login]


def read(text: str) -> Logins:
    """Find the logins in a log."""
    sessions: dict[str, Login] = {}
    for session, login in _while_logging_in(text):
        known = sessions.get(session)
        if known is None or known.accepted:
            sessions[session] = login
    return Logins(tuple(sessions.values()))


def _while_logging_in(text: str) -> Iterator[tuple[str, Login]]:
    """Yield what is written about a session before it is one: that it is authorized, or why it is not."""
    for line in LINE.finditer(text):
        # a warning (WARNING, WARNUNG, ...) does not end a login
        if line["doing"] in LOGGING_IN and not line["severity"].startswith("WARN"):
            time = dt.datetime.fromisoformat(line["time"]).replace(tzinfo=dt.UTC)
            yield line["session"], Login(line["user"], line["database"], line["code"], time)
