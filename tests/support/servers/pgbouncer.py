"""A real PgBouncer before a PostgreSQL server, from Debian's package, unpacked and not installed."""

from __future__ import annotations

import contextlib
import shutil
import socket
import time
from typing import TYPE_CHECKING, Final, Self

from tests.support import debian, servers
from tests.support.servers import process
from tests.support.servers.postgresql_address import HOST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.servers.postgresql_address import Postgres
    from tests.support.servers.tls import Authority

PACKAGES: Final = debian.Packages("bookworm", ("pgbouncer",))
START_SECONDS: Final = 10.0
ASKS: Final = "SELECT usename, passwd FROM pg_shadow WHERE usename = $1"
"""How it learns the users' hashes (PgBouncer's manual, auth_query)."""


class PgBouncer:
    """Shares the sessions of one server out; its clients log in by SCRAM, over TLS."""

    def __init__(self, server: Postgres, authority: Authority, **settings: str) -> None:
        """Describe it; settings as in its own file."""
        self._server = server
        self._authority = authority
        self._settings = settings
        self._running: process.Running | None = None
        self.port = process.free_port()

    def __enter__(self) -> Self:
        """Start it, and wait until it takes connections."""
        self._folder = process.new_folder("pgbouncer")
        self._write()
        process.hand_over(self._folder)
        self._running = process.Machine().start((_program(), self._folder / "b.ini"), {}, self._folder / "out.log")
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), 1):
                return self
            time.sleep(0.02)
        self.__exit__()
        raise servers.ServerUnavailableError("PgBouncer does not start")

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        if self._running:
            self._running.stop()
        process.remove(self._folder)

    def _write(self) -> None:
        certificate, key = self._authority.issue("localhost")
        for source, name in ((certificate, "b.crt"), (key, "b.key"), (self._authority.bundle, "ca.pem")):
            shutil.copy(source, self._folder / name)
        server = self._server
        (self._folder / "users.txt").write_text(f'"{server.user}" "{server.password}"\n')
        lines = ["[databases]", f"* = host={server.host} port={server.port}", "[pgbouncer]"]
        lines += [f"{name} = {value}" for name, value in self._all_settings().items()]
        (self._folder / "b.ini").write_text("\n".join(lines) + "\n")

    def _all_settings(self) -> Mapping[str, object]:
        folder: Path = self._folder
        return {
            "listen_addr": HOST,
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": folder / "users.txt",
            "auth_user": self._server.user,
            "auth_query": ASKS,
            "client_tls_sslmode": "require",
            "client_tls_key_file": folder / "b.key",
            "client_tls_cert_file": folder / "b.crt",
            "server_tls_sslmode": "verify-full",
            "server_tls_ca_file": folder / "ca.pem",
            "server_reset_query": "DISCARD ALL",
            **self._settings,
        }


def _program() -> Path:
    root = PACKAGES.fetch()
    program = root / "usr/sbin/pgbouncer"
    debian.wrap(root, program)
    return program
