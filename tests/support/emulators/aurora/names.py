"""Names that lead to servers, and move: each has a loopback address of its own, and a forwarder that listens there."""

from __future__ import annotations

import contextlib
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Iterator

DOMAIN: Final = "abc123xyz.eu-west-1.rds.amazonaws.com"
CLUSTER: Final = "orders"
WRITER: Final = f"orders.cluster-{DOMAIN}"
READER: Final = f"orders.cluster-ro-{DOMAIN}"
CUSTOM: Final = f"reports.cluster-custom-{DOMAIN}"
INSTANCES: Final = (f"orders-1.{DOMAIN}", f"orders-2.{DOMAIN}")
GLOBAL: Final = "orders.global-abc123xyz.global.rds.amazonaws.com"
PROXY: Final = f"orders.proxy-{DOMAIN}"
ADDRESSES: Final = {
    name: f"127.0.97.{number}" for number, name in enumerate((WRITER, READER, CUSTOM, *INSTANCES, GLOBAL), start=1)
}

ALIASES: Final[dict[str, str]] = {}
"""Other names (CNAMEs), and what each stands for."""

LEADS_TO: Final[dict[str, str]] = {}
"""Endpoints that are CNAMEs themselves, and the instance that each stands for at the moment."""

_look_up, _look_up_names = socket.getaddrinfo, socket.gethostbyname_ex


def address_of(host: str) -> str:
    """Return a name's address."""
    real = ALIASES.get(host, host)
    return ADDRESSES.get(real, real)


@contextmanager
def resolving() -> Iterator[None]:
    """Let this process know the names."""

    def look_up(host: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 passed on
        return _look_up(address_of(host), *rest, **named)

    def look_up_names(host: str) -> tuple[str, list[str], list[str]]:
        real = ALIASES.get(host, host)
        if real in {*ADDRESSES, *ALIASES.values()}:
            return LEADS_TO.get(real, real), [host, real], [address_of(real)]
        return _look_up_names(host)

    with (
        mock.patch.object(socket, "getaddrinfo", look_up),
        mock.patch.object(socket, "gethostbyname_ex", look_up_names),
    ):
        yield


class Forwarder:
    """Listens at an address, and forwards each connection to where the target is when it comes."""

    def __init__(self, address: str, port: int) -> None:
        """Describe it; it begins with `with`."""
        self.address, self.port = address, port
        self.target: tuple[str, int] | None = None
        """Where to; None: whoever comes is reset, as at a server that is gone."""
        self._links: set[socket.socket] = set()
        self._door = socket.socket()

    def __enter__(self) -> Self:
        """Listen."""
        self._door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._door.bind((self.address, self.port))
        self._door.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and cut every connection."""
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut()

    def lead_to(self, port: int | None) -> None:
        """Lead to the server at that port from now on; open connections stay where they are."""
        self.target = ("127.0.0.1", port) if port else None

    def cut(self) -> None:
        """End the open connections."""
        for link in tuple(self._links):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._link, args=(client, self.target), daemon=True).start()

    def _link(self, client: socket.socket, target: tuple[str, int] | None) -> None:
        with client, contextlib.suppress(OSError):
            if target is None:
                return
            with socket.create_connection(target) as server:
                pair = {client, server}
                self._links |= pair
                back = threading.Thread(target=_copy, args=(server, client), daemon=True)
                back.start()
                _copy(client, server)
                back.join()
                self._links -= pair


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
