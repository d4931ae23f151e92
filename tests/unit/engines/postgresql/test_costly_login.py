"""A server that orders SCRAM without end: libpq computes it within C, so only the end of the process ends it."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED: Final = Path(__file__).resolve().parents[4] / "shared"

LOGIN: Final = """
import sys
from rotation.engines.postgresql import PostgreSQL, deadline
from rotation.errors import RotationError
from rotation.model import Address, Credential, Deadline, Password

deadline.MOST_COMPUTING = 0.5
try:
    place = Address("127.0.0.1", int(sys.argv[1]), "orders", tls=False)
    PostgreSQL().connect(place, Credential("app", Password("pw-of-app")), Deadline(20))
except RotationError as error:
    print(type(error).__name__)
"""


@contextlib.contextmanager
def ordering(turns: int) -> Iterator[int]:
    """Begin a SCRAM login as a server would, with this number of turns, and hang up (manual, "SASL Authentication")."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, turns), daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)
        assert not thread.is_alive()


def _serve(server: socket.socket, turns: int) -> None:
    with server.accept()[0] as client, client.makefile("rwb") as stream:
        stream.read(struct.unpack("!i", stream.read(4))[0] - 4)
        _say(stream, 10, b"SCRAM-SHA-256\0\0")
        nonce = _heard(stream).rpartition(b"r=")[2]
        _say(stream, 11, b"r=%bmore,s=%b,i=%d" % (nonce, base64.b64encode(b"salt" * 4), turns))
        client.recv(1)


def _say(stream: object, kind: int, text: bytes) -> None:
    stream.write(b"R" + struct.pack("!ii", len(text) + 8, kind) + text)  # type: ignore[attr-defined]
    stream.flush()  # type: ignore[attr-defined]


def _heard(stream: object) -> bytes:
    _, length = struct.unpack("!ci", stream.read(5))  # type: ignore[attr-defined]
    return bytes(stream.read(length - 4))  # type: ignore[attr-defined]


def logged_in(turns: int) -> subprocess.CompletedProcess[str]:
    """Log in there in a process of its own, as a function has one."""
    with ordering(turns) as port:
        environment = {**os.environ, "PYTHONPATH": str(SHARED)}
        return subprocess.run(  # noqa: S603 the words are ours
            [sys.executable, "-c", LOGIN, str(port)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )


def test_the_process_ends_and_nothing_goes_on_computing() -> None:
    """It says where it was, and no value; the runbook names what it says."""
    before = time.monotonic()
    done = logged_in(2**31 - 1)
    assert time.monotonic() - before < 30
    assert done.returncode == 1
    assert "Timeout (0:00:00.5" in done.stderr
    assert "deadline.py" in done.stderr
    assert "pw-of-app" not in done.stdout + done.stderr


def test_what_servers_are_set_to_is_computed() -> None:
    """The watchdog lets a usual login alone: here the server hangs up afterwards."""
    done = logged_in(4096)
    assert (done.returncode, done.stdout.strip()) == (0, "Unreachable"), done.stderr
