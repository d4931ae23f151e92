"""Sockets that wait no longer than their deadline."""

from __future__ import annotations

import socket

import pytest

from rotation.engines.mysql.wire import dial
from rotation.model import Deadline


def test_a_deadline_that_has_passed_lets_nothing_begin() -> None:
    """Where no time is left a connection is not even asked for."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            dial("127.0.0.1", server.getsockname()[1], Deadline(0))
        with pytest.raises(TimeoutError):
            server.accept()


def test_whatever_a_driver_sets_the_deadline_counts() -> None:
    """A time limit that is set on the socket is replaced by what is left of the whole."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        deadline = Deadline(5, clock=lambda: 0.0)
        with dial("127.0.0.1", server.getsockname()[1], deadline) as plain:
            plain.settimeout(60)
            assert plain.gettimeout() == 5
