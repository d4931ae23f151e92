"""
One deadline for everything that psycopg2 waits for.

libpq's own ``connect_timeout`` counts for each address and in whole seconds, and nothing of libpq's bounds the
wait for the answer to a statement. psycopg2's wait callback (psycopg2 manual, "Coroutine support") is asked
wherever the driver would block: while connecting, in the TLS handshake, at login, in every statement. It is
global to the process, so the deadline is kept beside each thread's work.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
import select
from typing import TYPE_CHECKING, Final

from psycopg2 import OperationalError, extensions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Deadline

_deadline: Final[contextvars.ContextVar[Deadline | None]] = contextvars.ContextVar("deadline", default=None)

_EVENTS: Final = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}


class DeadlinePassed(Exception):
    """The deadline passed while the driver waited for the server."""


@contextlib.contextmanager
def bounded(deadline: Deadline) -> Iterator[None]:
    """Let every wait of psycopg2 in this thread end at the deadline (by raising DeadlinePassed)."""
    extensions.set_wait_callback(_wait)
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def _wait(connection: extensions.connection) -> None:
    """Wait for the server, as psycopg2 asks; never close the connection here: close() waits for this wait."""
    while (state := connection.poll()) != extensions.POLL_OK:
        if state not in _EVENTS:
            raise OperationalError
        _wait_for(connection.fileno(), _EVENTS[state])


def _wait_for(descriptor: int, event: int) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(_milliseconds(_deadline.get())):
        raise DeadlinePassed


def _milliseconds(deadline: Deadline | None) -> int | None:
    """Return what is left; without a deadline (a connection that is not this package's) there is no limit."""
    if deadline is None:
        return None
    if not (left := deadline.remaining()):
        raise DeadlinePassed
    return math.ceil(left * 1000)
