"""One deadline for everything that the driver waits for."""

from __future__ import annotations

import contextlib
import faulthandler
import socket
import threading
import time
from typing import TYPE_CHECKING, Any
from unittest import mock

import psycopg2
import pytest
from psycopg2 import extensions

from rotation.engines.postgresql import deadline as module
from rotation.engines.postgresql.deadline import DeadlinePassed, bounded
from rotation.model import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def silent() -> Iterator[int]:
    """Return the port of a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def connect(port: int, seconds: float) -> float:
    begin = time.monotonic()
    with bounded(Deadline(seconds)), contextlib.suppress(DeadlinePassed):
        psycopg2.connect(host="127.0.0.1", port=port, user="u", dbname="d", sslmode="disable", gssencmode="disable")
    return time.monotonic() - begin


def test_a_silent_server_costs_the_time_that_was_given(silent: int) -> None:
    """A connection that nobody answers ends at the deadline."""
    assert 0.2 <= connect(silent, 0.2) < 0.6


def test_threads_have_deadlines_of_their_own(silent: int) -> None:
    """Two threads wait at once, each for its own time."""
    spent: dict[float, float] = {}
    threads = [threading.Thread(target=lambda s=s: spent.update({s: connect(silent, s)})) for s in (0.2, 0.7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.2 <= spent[0.2] < 0.6
    assert 0.7 <= spent[0.7] < 1.1


def test_a_deadline_that_has_passed_lets_nothing_begin(silent: int) -> None:
    """Nothing is waited for any more."""
    with bounded(Deadline(0)), pytest.raises(DeadlinePassed):
        psycopg2.connect(host="127.0.0.1", port=silent, user="u", dbname="d", gssencmode="disable")


def test_a_login_is_watched_and_nothing_else(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog is set while libpq may compute for the server, and taken back each time."""
    said: list[str] = []
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda *_, **__: said.append("set"))
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", lambda: said.append("taken back"))
    connect(silent, 0.1)
    assert said == []
    with module.logging_in(Deadline(0.1)), pytest.raises(DeadlinePassed):
        psycopg2.connect(host="127.0.0.1", port=silent, user="u", dbname="d", sslmode="disable", gssencmode="disable")
    assert said
    assert said == ["set", "taken back"] * (len(said) // 2)


@pytest.mark.parametrize(("longest", "times"), [(60.0, 1), (0.0, 3)])
def test_the_watchdog_stays_set_over_short_waits(monkeypatch: pytest.MonkeyPatch, longest: float, times: int) -> None:
    """To set it starts a thread; a wait that is long beside what it allows is none of its business."""
    states, said = [extensions.POLL_READ, extensions.POLL_READ, extensions.POLL_OK], list[str]()
    monkeypatch.setattr(module, "MOST_COMPUTING", longest)
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda *_, **__: said.append("set"))
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", lambda: said.append("taken back"))
    callbacks: list[Any] = []
    monkeypatch.setattr(extensions, "set_wait_callback", callbacks.append)
    here, there = socket.socketpair()
    with here, there, module.logging_in(Deadline(5)):
        there.send(b"answers")
        callbacks[0](mock.Mock(poll=lambda: states.pop(0), fileno=here.fileno))
    assert said == ["set", "taken back"] * times


def test_three_quarters_are_left_to_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    """However late in the first quarter a wait begins, the watchdog stays set over its end alone."""
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda *_, **__: None)
    watchdog = module._Watchdog()  # noqa: SLF001 its time
    monkeypatch.setattr(time, "monotonic", iter([100.0, 102.4, 103.0]).__next__)
    assert watchdog.patience() == 0
    watchdog.set()
    assert [round(watchdog.patience(), 3) for _ in range(2)] == [0.1, 0]


def test_a_connection_of_somebody_else_has_no_limit() -> None:
    """Outside of this package's work the driver waits as ever: here until the other side hangs up."""
    with bounded(Deadline(1)):
        pass
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            server.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(host="127.0.0.1", port=server.getsockname()[1], user="u", gssencmode="disable")


def test_a_failure_while_polling_is_the_drivers_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that is neither reading nor writing ends the wait."""

    class Broken:
        def poll(self) -> int:
            return extensions.POLL_ERROR

    callbacks: list[Any] = []
    monkeypatch.setattr(extensions, "set_wait_callback", callbacks.append)
    with bounded(Deadline(1)), pytest.raises(psycopg2.OperationalError):
        callbacks[0](Broken())


def test_a_server_that_always_has_something_to_say_is_not_listened_to_for_ever() -> None:
    """The deadline is looked at before every wait, not only where a wait comes to nothing."""
    with pytest.raises(DeadlinePassed):
        module._milliseconds(Deadline(0))  # noqa: SLF001


def test_what_is_left_is_never_rounded_down_to_nothing() -> None:
    """A fraction of a millisecond is still waited for; no deadline means no limit."""
    assert module._milliseconds(Deadline(0.9999, clock=lambda: 0.0)) == 1000  # noqa: SLF001
    assert module._milliseconds(None) is None  # noqa: SLF001
