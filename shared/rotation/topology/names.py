"""What the system's resolver knows of a host: looked up within a deadline."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.model import Deadline

NAMES_SECONDS: Final = 5.0
"""The most that other names of a host are worth waiting for."""


def resolve(host: str, port: int, deadline: Deadline) -> list[str]:
    """Return the host's addresses, in the order to try them; none where it has none, or none in time."""

    def look_up() -> list[str]:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    return list(dict.fromkeys(_asked(look_up, deadline)))


def names_of(host: str, deadline: Deadline) -> frozenset[str]:
    """
    Return the host's name, and all that it is another name of; its own alone where no more is known in time.

    All are plain: in lower case, without a dot at the end. The C library tells of each link of a chain of CNAMEs.
    """

    def look_up() -> list[str]:
        name, others, _ = socket.gethostbyname_ex(host)
        return [name, *others]

    found = _asked(look_up, deadline.within(NAMES_SECONDS))
    return frozenset(plain(name) for name in (host, *found)) - {""}


def plain(name: str) -> str:
    """Return a host's name in the form in which two of them can be compared."""
    return name.lower().removesuffix(".")


def _asked(look_up: Callable[[], list[str]], deadline: Deadline) -> list[str]:
    """Look up; the system's resolver has no time limit of its own, so it works in a thread that may be left behind."""
    found: list[str] = []

    def ask() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            found.extend(look_up())

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(deadline.remaining())
    return list(found)
