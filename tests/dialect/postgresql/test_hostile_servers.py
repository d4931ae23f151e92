"""What a server that means no good can have a login do."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 2**31 - 1
SECRET = "known-to-two"
LOGIN = """
import sys
from rotation.engines.postgresql import PostgreSQL, deadline
from rotation.model import Address, Credential, Deadline, Password
deadline.MOST_COMPUTING = 1.0
address = Address("127.0.0.1", int(sys.argv[1]), "d", tls=False)
PostgreSQL().connect(address, Credential("u", Password(sys.argv[2])), Deadline(30))
"""


def message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content


def turn(client: socket.socket) -> None:
    """Ask for SCRAM in as many rounds as the protocol has numbers for (RFC 5802; manual, "SASL Authentication")."""
    client.recv(4096)
    client.sendall(message(b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256\0\0"))
    nonce = client.recv(4096).rpartition(b"r=")[2]
    salt = base64.b64encode(b"0123456789abcdef")
    client.sendall(message(b"R", struct.pack("!i", 11) + b"r=" + nonce + b"more,s=" + salt + b",i=%d" % MOST))
    client.recv(4096)


@contextmanager
def hostile() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with closing(server.accept()[0]) as client:
                turn(client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_server_cannot_order_work_without_end() -> None:
    """The process ends by itself, in time, and says nothing of the password; the next invocation has another one."""
    with hostile() as port:
        begin = time.monotonic()
        command = [sys.executable, "-c", LOGIN, str(port), SECRET]
        ended = subprocess.run(  # noqa: S603 this interpreter, and a text of ours
            command, capture_output=True, text=True, timeout=60, check=False, env={"PYTHONPATH": "shared"}
        )
    assert time.monotonic() - begin < 30
    assert ended.returncode == 1
    assert "Timeout (0:00:01)!" in ended.stderr
    assert "Error" not in ended.stderr
    assert SECRET not in ended.stderr + ended.stdout
