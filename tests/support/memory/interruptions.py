"""Something that happens at one effect of a memory server or a memory store."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.memory.engine import MemoryServer

    Effect = Callable[[str, str], None]


def when(name: str, phase: str, action: Callable[[], object], *, first: int = 1, times: int = 1) -> Effect:
    """Act at the first (or a later) effect of that name and phase, and at those that follow it."""
    seen = 0

    def effect(actual: str, at: str) -> None:
        nonlocal seen
        if (actual, at) == (name, phase):
            seen += 1
            if first <= seen < first + times:
                action()

    return effect


def fail(name: str, phase: str, error: Exception, *, first: int = 1, times: int = 1) -> Effect:
    """Raise the error there."""

    def raise_it() -> None:
        raise error

    return when(name, phase, raise_it, first=first, times=times)


def together(*effects: Effect) -> Effect:
    """Let each of them have its turn."""

    def effect(name: str, phase: str) -> None:
        for one in effects:
            one(name, phase)

    return effect


@contextmanager
def contested(server: MemoryServer, name: str, action: Callable[[], object]) -> Iterator[None]:
    """Hold the server's lock of that name for a moment, and act before it is let go."""
    lock = server.lock(name)
    lock.acquire()

    def let_go() -> None:
        time.sleep(0.05)
        try:
            action()
        finally:
            lock.release()

    thread = threading.Thread(target=let_go)
    thread.start()
    try:
        yield
    finally:
        thread.join()
