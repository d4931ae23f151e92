"""A server that ends the connection within the handshake of TLS."""

from __future__ import annotations

import socket
import threading

import pytest

from rotation.engines import tls
from rotation.engines.redshift.network import open_channel
from rotation.errors import Unreachable
from rotation.model import Address, Deadline


def test_a_server_that_hangs_up_within_the_handshake_is_unreachable() -> None:
    """It agrees to TLS, hears the greeting, and says nothing more: that is no fault of a certificate."""

    def hang_up(listener: socket.socket) -> None:
        connected, _ = listener.accept()
        with connected:
            connected.recv(8)
            connected.sendall(b"S")
            connected.recv(65_536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=hang_up, args=(listener,), daemon=True)
        server.start()
        address = Address("127.0.0.1", listener.getsockname()[1], "dev")
        with pytest.raises(Unreachable):
            open_channel(address, tls.authorities(None, address.host), Deadline(10))
        server.join(10)
