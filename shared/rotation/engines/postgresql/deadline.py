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
import faulthandler
import math
import select
import time
from typing import TYPE_CHECKING, Final

from psycopg2 import OperationalError, extensions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Deadline

_deadline: Final[contextvars.ContextVar[Deadline | None]] = contextvars.ContextVar("deadline", default=None)

MOST_COMPUTING: Final = 10.0
"""
Seconds that libpq may compute at a time. PostgreSQL's 4,096 rounds take milliseconds; a million on a seventh of a
processor, as a function of 256 MB has, take some seconds.
"""

_STDERR: Final = 2
"""Where the watchdog writes where it was: names of files and numbers of lines, and no value."""

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


class _Watchdog:
    """
    Ends the process where libpq computes for too long while logging in.

    The server says how many rounds of SCRAM libpq computes, up to 2,147,483,647 (RFC 5802, iteration-count). libpq asks
    nobody: it computes in C, with the interpreter's lock held. A watchdog of the interpreter's ends the process then:
    the invocation fails, nothing goes on computing behind it, and the next one has a process of its own.

    To set it starts a thread, so that it stays set over waits that end in the first quarter of its time. Three quarters
    at least are left to compute.
    """

    def __init__(self) -> None:
        """Begin without."""
        self._since: float | None = None

    def set(self) -> None:
        """Watch from now on, unless it does."""
        if self._since is None:
            self._since = time.monotonic()
            faulthandler.dump_traceback_later(MOST_COMPUTING, exit=True, file=_STDERR)

    def patience(self) -> float:
        """Return for how many seconds a wait may go on that it stays set over: what is left of the quarter."""
        return max(0.0, self._since + MOST_COMPUTING / 4 - time.monotonic()) if self._since is not None else 0.0

    def rest(self) -> None:
        """Watch no longer."""
        if self._since is not None:
            self._since = None
            faulthandler.cancel_dump_traceback_later()


_watchdog: Final[contextvars.ContextVar[_Watchdog | None]] = contextvars.ContextVar("watchdog", default=None)


@contextlib.contextmanager
def logging_in(deadline: Deadline) -> Iterator[None]:
    """Bound a login: its waits by the deadline, and what the server makes libpq compute by the life of the process."""
    watchdog = _Watchdog()
    token = _watchdog.set(watchdog)
    try:
        with bounded(deadline):
            yield
    finally:
        watchdog.rest()
        _watchdog.reset(token)


def _wait(connection: extensions.connection) -> None:
    """Wait for the server, as psycopg2 asks; never close the connection here: close() waits for this wait."""
    while (state := _poll(connection)) != extensions.POLL_OK:
        if state not in _EVENTS:
            raise OperationalError
        _wait_for(connection.fileno(), _EVENTS[state])


def _poll(connection: extensions.connection) -> int:
    """Let libpq go on; while logging in, for a bounded time."""
    if watchdog := _watchdog.get():
        watchdog.set()
    return connection.poll()


def _wait_for(descriptor: int, event: int) -> None:
    poll, deadline = select.poll(), _deadline.get()
    poll.register(descriptor, event)
    left = _milliseconds(deadline)
    if watchdog := _watchdog.get():
        patience = watchdog.patience() * 1000
        if patience and poll.poll(min(left or patience, patience)):
            return
        watchdog.rest()
        left = _milliseconds(deadline)
    if not poll.poll(left):
        raise DeadlinePassed


def _milliseconds(deadline: Deadline | None) -> int | None:
    """Return what is left; without a deadline (a connection that is not this package's) there is no limit."""
    if deadline is None:
        return None
    if not (left := deadline.remaining()):
        raise DeadlinePassed
    return math.ceil(left * 1000)
