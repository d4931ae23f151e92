"""The addresses of a host, as the engines share it: looked up within a deadline."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rotation.model import Deadline


def resolve(host: str, port: int, deadline: Deadline) -> list[str]:
    """
    Give the host's addresses, in the order to try them; none where it has none, or none in time.

    The system's resolver has no time limit of its own, so it is asked in a thread that may be left behind.
    """
    found: list[str] = []
    thread = threading.Thread(target=_look_up, args=(host, port, found), daemon=True)
    thread.start()
    thread.join(deadline.remaining())
    return list(dict.fromkeys(found))


def _look_up(host: str, port: int, found: list[str]) -> None:
    with contextlib.suppress(OSError, UnicodeError):
        found += [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
