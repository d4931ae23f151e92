"""What the system's resolver knows of a host: looked up within a deadline."""

from __future__ import annotations

import contextlib
import socket
import threading
from contextvars import ContextVar
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from rotation.address import plain
from rotation.errors import GuardViolation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rotation.model import Deadline

_INSTANCE: Final = ip_network("fd00:ec2::/32")
"""What EC2 offers to an instance itself, by IPv6 (EC2 user guide, "Access instance metadata")."""

_local_hosts: ContextVar[bool] = ContextVar("local hosts are allowed", default=True)

NAMES_SECONDS: Final = 5.0
"""The most that other names of a host are worth waiting for."""


def resolve(host: str, port: int, deadline: Deadline) -> list[str]:
    """
    Return the host's addresses, in the order to try them; none where it has none, or none in time.

    Raises GuardViolation for a host that is this machine itself, unless such hosts are allowed.
    """

    def look_up() -> list[str]:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

    found = list(dict.fromkeys(_asked(look_up, deadline)))
    if not _local_hosts.get():
        _require_elsewhere(host, found)
    return found


@contextlib.contextmanager
def local_hosts(*, allowed: bool) -> Iterator[None]:
    """Say for all that happens inside whether a host may be this machine itself, or what its own link offers."""
    before = _local_hosts.set(allowed)
    try:
        yield
    finally:
        _local_hosts.reset(before)


def require_elsewhere(host: str, port: int, deadline: Deadline) -> None:
    """Look a host up for a driver that does so itself. Raises GuardViolation as ``resolve`` does."""
    if not _local_hosts.get():
        resolve(host, port, deadline)


def _require_elsewhere(host: str, addresses: Iterable[str]) -> None:
    for numeric in addresses:
        address = ip_address(numeric.partition("%")[0])
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        if address.is_loopback or address.is_link_local or address.is_unspecified or address in _INSTANCE:
            raise GuardViolation(
                "The host is the function's own machine, or an address of its own link",
                where=f"{host}, which is {numeric}",
                remedy="Name the database's own endpoint. Only for a database beside the function, as in tests: "
                "ALLOW_LOCAL_HOSTS (the parameter AllowLocalHosts of the stack).",
            )


def names_of(host: str, deadline: Deadline) -> frozenset[str]:
    """
    Return the host's name, and all that it is another name of; its own alone where no more is known in time.

    All are plain: in lower case, without a dot at the end. The C library tells of each link of a chain of CNAMEs.
    """

    def look_up() -> list[str]:
        name, others, _ = socket.gethostbyname_ex(host)
        return [name, *others]

    found = _asked(look_up, deadline.within(NAMES_SECONDS))
    return frozenset(plain(name) for name in (host, *found)) - {""}


def _asked(look_up: Callable[[], list[str]], deadline: Deadline) -> list[str]:
    """Look up; the system's resolver has no time limit of its own, so it works in a thread that may be left behind."""
    found: list[str] = []

    def ask() -> None:
        with contextlib.suppress(OSError, UnicodeError):
            found.extend(look_up())

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(deadline.remaining())
    return list(found)
