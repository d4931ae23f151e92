"""What the contract's cases do behind the engine's back, on MySQL and MariaDB alike."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from rotation.engines.mysql.connection import quoted
from tests.lab.stages.mysql import DATABASE, Stage, unique
from tests.support.network import proxy as wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation.model import Address, Credential, Password


class MySQLLab:
    """A server from behind, and an admin that is no superuser."""

    def __init__(self, stage: Stage, closed: int, way: MySQLWire) -> None:
        """Make the admin, and a user that is one, too."""
        self._stage = stage
        self._since = stage.server.mark()
        self.engine = stage.engine
        self.address = stage.address()
        self.closed = replace(self.address, port=closed)
        self.admin = stage.admin()
        self.privileged = stage.admin().username
        self.wire = way
        self.ways_to_close = ["ACCOUNT LOCK", "PASSWORD EXPIRE"]

    def run(self, statement: str) -> None:
        """Run a statement as superuser."""
        self._stage.run(statement)

    def unique(self, stem: str = "app") -> str:
        """Return a name that nobody has."""
        return unique(stem)

    def password(self) -> Password:
        """Make a password."""
        return self._stage.password()

    def create_user(self, name: str) -> Credential:
        """Make a user."""
        return self._stage.user(name)

    def make_unequal(self, name: str) -> None:
        """Take a right away."""
        self._stage.run(f"REVOKE INSERT ON {DATABASE}.* FROM {quoted(name)}")

    def close_user(self, name: str, how: str) -> None:
        """Lock it, or make its password expire."""
        self._stage.run(f"ALTER USER {quoted(name)} {how}")

    def refused_logins(self, name: str) -> int:
        """Count by the general log."""
        return len(self._stage.server.logins(self._since).of(name).refused)


class MySQLWire:
    """A proxy in front of the server."""

    def __init__(self, proxy: wire.Proxy, address: Address) -> None:
        """Take the proxy."""
        self._proxy = proxy
        self.address = address

    def silence(self) -> None:
        """Let nothing through."""
        self._proxy.mode = wire.DEAF


@contextmanager
def lab_on(stage: Stage) -> Iterator[MySQLLab]:
    """Set the lab up."""
    with wire.Proxy(stage.server.host, stage.server.port) as proxy, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody listens there, and nobody else gets it
        yield MySQLLab(stage, bound.getsockname()[1], MySQLWire(proxy, replace(stage.address(), port=proxy.port)))
