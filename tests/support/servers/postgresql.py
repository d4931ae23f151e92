"""A real PostgreSQL server for tests: TLS by an authority of ours, SCRAM, and a log that can be read."""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import signal
import time
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from tests.support import servers
from tests.support.servers import locales, postgresql_log, process, templates
from tests.support.servers.own import OwnServer
from tests.support.servers.postgresql_address import HOST, SUPERUSER, Postgres, PostgresAtAddress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.support.servers.tls import Authority

START_SECONDS = 30.0
ATTEMPTS = 10

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_senders": "4",
    "log_statement": "all",
    "log_connections": "on",
    "log_disconnections": "on",
    "log_timezone": "UTC",
    "log_line_prefix": postgresql_log.LINE_PREFIX,
    "lc_messages": "C",
    "password_encryption": "scram-sha-256",
    "ssl_min_protocol_version": "TLSv1.2",
}

Plain = Literal["absent", "reject", "allowed"]


class PostgresServer(OwnServer, Postgres):
    """A server of our own, in a data folder of its own, on a port of its own."""

    flavour: ClassVar[str] = "postgresql"

    def __init__(
        self,
        authority: Authority,
        *,
        settings: Mapping[str, str] | None = None,
        tls: bool = True,
        certificate: tuple[Path, Path] | None = None,
        plain: Plain = "absent",
        access: Sequence[str] = (),
        installation: servers.Installation | None = None,
    ) -> None:
        """Describe a server.

        `settings` go over SETTINGS; `certificate` replaces one for localhost and 127.0.0.1; `plain` says what
        pg_hba.conf has about connections without TLS; `access` are lines before all others in pg_hba.conf.
        """
        super().__init__(HOST, 0, SUPERUSER, secrets.token_urlsafe(16), authority.bundle if tls else None)
        self._authority = authority
        self._settings = {**SETTINGS, **(settings or {})}
        self._certificate = certificate
        self._plain: Plain = plain if tls else "allowed"
        self._access = tuple(access)
        language = self._settings["lc_messages"]
        self._language = "" if language in {"C", "POSIX"} else language
        self.installation = installation or servers.postgres(translated=bool(self._language))

    def _fill(self) -> None:
        """Make the data folder, and say who may come in and by what certificate."""
        self._make_data()
        self._write_access()
        if self.bundle:
            self._place_certificate(*(self._certificate or self._authority.issue("localhost")))

    def _make_data(self) -> None:
        template, self.password = _template(self.installation)
        shutil.copytree(template, self.data)

    def start(self, **settings: str) -> None:
        """Start the server and wait until it takes connections; settings given here stay."""
        self._settings |= settings
        for _ in range(ATTEMPTS):
            port = self.port or process.free_port()
            self._write_settings(port)
            if self._started(port):
                self.port = port
                return
        message = f"no port for {self} after {ATTEMPTS} attempts"
        raise servers.ServerUnavailableError(message)

    def kill(self) -> None:
        """End the server and all of its sessions as a crash does: at once, and without a word to anybody."""
        if self._process:
            self._process.signal(signal.SIGQUIT)
        self.stop()

    def restart(self, **settings: str) -> None:
        """Stop and start again on the same port; settings given here stay."""
        self.stop()
        self.start(**settings)

    def install_certificate(self, certificate: Path, key: Path) -> None:
        """Show another certificate from the next connection on."""
        self._place_certificate(certificate, key)
        if self._process:
            self._process.signal(signal.SIGHUP)

    def _started(self, port: int) -> bool:
        """Tell whether it came up; False means that the port was taken, anything else is an error."""
        mark = self.mark() if self.log.exists() else 0
        command = (self.installation.program("postgres"), "-D", self.data)
        environment = _environment(self.installation, self._language)
        self._process = self.installation.place.start(command, environment, self.log)
        if self._ready():
            return True
        self.stop()
        if process.is_taken(port):
            return False
        message = f"{self} does not start:\n{self.log_text(mark)}"
        raise servers.ServerUnavailableError(message)

    def _ready(self) -> bool:
        """Wait for the word that the server leaves in its pid file, the same in every language."""
        until = time.monotonic() + START_SECONDS
        while self._process and self._process.alive and time.monotonic() < until:
            said = _pid_file(self.data)
            if said[-1:] == ["ready"] and said[0] == str(self._process.known_as):
                return True
            time.sleep(0.005)
        return False

    def _write_settings(self, port: int) -> None:
        certificate = {"ssl": "off"}
        if self.bundle:
            files = {"ssl_cert_file": self.folder / "server.crt", "ssl_key_file": self.folder / "server.key"}
            certificate = {"ssl": "on", **{name: str(path) for name, path in files.items()}}
        settings = {"port": str(port), **certificate, **self._settings}
        lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
        (self.data / "postgresql.conf").write_text("".join(lines), encoding="utf-8")

    def _write_access(self) -> None:
        """Write pg_hba.conf: the method md5 takes both forms, scram-sha-256 only its own."""
        encryption = self._settings["password_encryption"]
        method = {"absent": "", "reject": "reject", "allowed": encryption}[self._plain]
        lines = [*self._access]
        for database in ("all", "replication"):
            if self.bundle:
                lines.append(f"hostssl {database} all {HOST}/32 {encryption}")
            if method:
                lines.append(f"hostnossl {database} all {HOST}/32 {method}")
        (self.data / "pg_hba.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _place_certificate(self, *certificate_and_key: Path) -> None:
        for source, name in zip(certificate_and_key, ("server.crt", "server.key"), strict=True):
            fresh = self.folder / f"{name}.new"
            shutil.copy(source, fresh)
            process.hand_over(fresh)
            fresh.rename(self.folder / name)


class OpenPostgres(Protocol):
    """A server to enter with `with`."""

    def __enter__(self) -> Postgres: ...
    def __exit__(self, *_: object) -> None: ...


def provide(authority: Authority) -> OpenPostgres:
    """Return the server that ordinary tests share: the one in the environment, or one of our own."""
    address = os.environ.get(servers.POSTGRES_ADDRESS)
    return PostgresAtAddress(address) if address else PostgresServer(authority)


@functools.cache
def _template(installation: servers.Installation) -> tuple[Path, str]:
    """Return a data folder to copy, and its superuser's password: initdb takes most of a start."""
    if isinstance(installation.place, process.Machine):
        key = f"postgresql-{installation.version}"
        folder = templates.kept(installation.programs / "postgres", key, lambda: _initialised(installation))
    else:
        folder = _initialised(installation)
    return folder / "data", (folder / "password").read_text(encoding="utf-8")


def _initialised(installation: servers.Installation) -> Path:
    folder = process.new_folder("template")
    (folder / "password").write_text(secrets.token_urlsafe(16), encoding="utf-8")
    (folder / "password").chmod(0o600)
    process.hand_over(folder)
    command: list[str | Path] = [installation.program("initdb"), "-D", folder / "data", "-U", SUPERUSER]
    command += ["--locale=C", "--encoding=UTF8", "--no-sync", "--auth=scram-sha-256"]
    installation.place.run([*command, f"--pwfile={folder / 'password'}"], _environment(installation))
    return folder


def _environment(installation: servers.Installation, language: str = "") -> dict[str, str]:
    environment = {"PATH": "/usr/bin:/bin", "TZ": "UTC"}
    if language:
        # Without the character type, the words before a login come with question marks for their letters.
        environment["LC_CTYPE"] = language
        environment["LOCPATH"] = str(locales.compile_locale(language, installation.root))
    return environment


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return [""]
