"""A real MySQL server for tests: TLS by an authority of ours, and a general log that can be read."""

from __future__ import annotations

import contextlib
import functools
import secrets
import shutil
import signal
import socket
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pymysql

from tests.support import debian, servers
from tests.support.servers import choice, mysql_log, process, templates
from tests.support.servers.own import OwnServer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.servers.tls import Authority

HOST: Final = "127.0.0.1"
SUPERUSER: Final = "root"
START_SECONDS: Final = 60.0
SMALL: Final = ("loose-innodb-redo-log-capacity", "8M")
"""Of a redo log that is made whole at the start, 100 MB otherwise; some versions and MariaDB do not know it."""
ATTEMPTS: Final = 10

# Debian has MySQL proper in its unstable suite only.
PACKAGES: Final = debian.Packages("sid", ("mysql-server-core",))


class MySQLServer(OwnServer):
    """A server of our own, in a data folder of its own, on a port of its own."""

    flavour: ClassVar[str] = "mysql"
    options: ClassVar[tuple[str, ...]] = ("--mysqlx=OFF", "--log-error-verbosity=2", "--skip-log-bin")

    def __init__(
        self,
        authority: Authority,
        *,
        options: Mapping[str, str] | None = None,
        tls: bool = True,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        """Describe a server; `options` are mysqld's, by name; `certificate` replaces one for localhost."""
        self.host, self.port = HOST, 0
        self.user, self.password = SUPERUSER, secrets.token_urlsafe(16)
        self.bundle = authority.bundle if tls else None
        self.name = "localhost" if tls else HOST
        self._authority = authority
        self._certificate = certificate
        self._options = dict(options or {})

    def _fill(self) -> None:
        """Make the data folder."""
        shutil.copytree(self.template(), self.data)
        if self.bundle:
            files = self._certificate or self._authority.issue("localhost")
            for source, name in zip(files, ("server.crt", "server.key"), strict=True):
                shutil.copy(source, self.folder / name)

    @classmethod
    def place(cls) -> process.Place:
        """Return where the server runs."""
        return choice.current().image(cls.flavour) or process.Machine()

    @classmethod
    def template(cls) -> Path:
        """Return a data folder to copy: to initialise one takes most of a start."""
        return _mysql_template(cls.place())

    @classmethod
    def command(cls) -> list[str | Path]:
        """Return the program, with where its files are."""
        return _mysql_command(cls.place())

    def start(self) -> None:
        """Start the server, where it was before, and wait until it takes connections."""
        for _ in range(ATTEMPTS):
            self.port = self.port or process.free_port()
            if self._started():
                return
            self.port = 0
        message = f"no port for {self} after {ATTEMPTS} attempts"
        raise servers.ServerUnavailableError(message)

    def stop(self) -> None:
        """Stop the server, ending every session; nothing happens when it is stopped already."""
        if self._process:
            self._process.signal(signal.SIGTERM)
        super().stop()

    def kill(self) -> None:
        """End the server as a crash does."""
        if self._process:
            self._process.signal(signal.SIGKILL)
        super().stop()

    def connect(self, user: str, password: str, database: str | None = None) -> pymysql.Connection[Any]:
        """Log in as an application does: in autocommit mode, with the certificate verified where there is one."""
        encrypted: dict[str, Any] = {"ssl_disabled": True}
        if self.bundle:
            encrypted = {"ssl_ca": str(self.bundle), "ssl_verify_identity": True}
        return pymysql.connect(
            host=self.name,
            port=self.port,
            user=user,
            password=password.encode(),
            database=database,
            charset="utf8mb4",
            connect_timeout=10,
            read_timeout=20,
            autocommit=True,
            **encrypted,
        )

    def admin(self) -> pymysql.Connection[Any]:
        """Log in as superuser."""
        return self.connect(self.user, self.password)

    def execute(self, *statements: str, quiet: bool = False) -> list[tuple[Any, ...]]:
        """Run statements as superuser, and give the last one's rows; quiet ones stay out of the general log."""
        rows: list[tuple[Any, ...]] = []
        with closing(self.admin()) as connection, connection.cursor() as cursor:
            if quiet:
                cursor.execute("SET SESSION sql_log_off = 1")
            for statement in statements:
                cursor.execute(statement)
                rows = list(cursor.fetchall())
        return rows

    @property
    def log(self) -> Path:
        """The general log: every login and every statement, as the server writes them."""
        return self.folder / "general.log"

    def logins(self, since: int = 0) -> mysql_log.Logins:
        """Return the logins since a mark."""
        return mysql_log.read(self.log_text(since))

    def _started(self) -> bool:
        """Tell whether it came up; False means that the port was taken, anything else is an error."""
        output = super().log
        self._process = self.place().start([*self.command(), *self._arguments()], {"TZ": "UTC"}, output)
        if self._ready():
            return True
        self.stop()
        if process.is_taken(self.port):
            return False
        message = f"{self} does not start:\n{output.read_text(errors='replace')}"
        raise servers.ServerUnavailableError(message)

    def _ready(self) -> bool:
        """Set the superuser's password as soon as the server answers at its socket."""
        until = time.monotonic() + START_SECONDS
        while self._process and self._process.alive and time.monotonic() < until:
            if self._listens():
                with closing(self._local()) as connection:
                    connection.cursor().execute("SET SESSION sql_log_off = 1")
                    self.set_superuser(connection)
                return True
            time.sleep(0.02)
        return False

    def _listens(self) -> bool:
        """Tell whether the server takes connections; the driver leaves its socket open where it does not."""
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(self.folder / "socket"))
            return True
        return False

    def set_superuser(self, connection: pymysql.Connection[Any]) -> None:
        """Let the superuser in over TCP as well, by a password; a server that starts again knows it."""
        cursor = connection.cursor()
        cursor.execute("CREATE USER IF NOT EXISTS root@'127.0.0.1' IDENTIFIED BY %s", (self.password,))
        cursor.execute("GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION")

    def _local(self) -> pymysql.Connection[Any]:
        path = str(self.folder / "socket")
        return pymysql.connect(unix_socket=path, user=SUPERUSER, password="", ssl_disabled=True)

    def _arguments(self) -> list[str]:
        options = {
            "datadir": str(self.data),
            "bind-address": HOST,
            "port": str(self.port),
            "socket": str(self.folder / "socket"),
            "pid-file": str(self.folder / "pid"),
            "tmpdir": str(self.folder),  # MariaDB that starts deletes others' tables where it has its own
            "general-log": "1",
            "general-log-file": str(self.log),
            "log-timestamps": "UTC",
            "innodb-flush-log-at-trx-commit": "0",
            "innodb-buffer-pool-size": "32M",
            SMALL[0]: SMALL[1],
            "performance-schema": "OFF",
            "local-infile": "0",
            **self._tls(),
            **self._options,
        }
        return [*self.options, "--skip-name-resolve", *(f"--{name}={value}" for name, value in options.items())]

    def _tls(self) -> dict[str, str]:
        if not self.bundle:
            return {}
        return {"ssl-cert": str(self.folder / "server.crt"), "ssl-key": str(self.folder / "server.key")}


@functools.cache
def _root() -> Path:
    """Fetch the server, and copy it where the servers' account may read it."""
    if not choice.current().is_usual("mysql"):
        version, usual = choice.current().version("mysql"), choice.USUAL["mysql"]
        raise servers.ServerUnavailableError(f"no MySQL {version} here: Debian has {usual} alone")
    try:
        root = PACKAGES.fetch()
    except debian.DebianUnavailableError as reason:
        message = f"no MySQL here, and none from Debian: {reason}"
        raise servers.ServerUnavailableError(message) from reason
    if not servers.readable(root):
        root = Path(shutil.copytree(root, process.new_folder("programs") / "mysql", symlinks=True))
        root.chmod(0o755)
    debian.wrap(root, root / "usr/sbin/mysqld")
    return root


def _mysql_command(place: process.Place) -> list[str | Path]:
    if not isinstance(place, process.Machine):
        return ["mysqld", "--no-defaults", "--secure-file-priv=NULL"]
    root = _root()
    return [
        root / "usr/sbin/mysqld",
        "--no-defaults",
        f"--basedir={root}/usr",
        f"--lc-messages-dir={root}/usr/share/mysql",
        f"--plugin-dir={root}/usr/lib/mysql/plugin",
        f"--character-sets-dir={root}/usr/share/mysql/charsets",
        "--secure-file-priv=NULL",
    ]


@functools.cache
def _mysql_template(place: process.Place) -> Path:
    if isinstance(place, process.Machine):
        return templates.kept(_root() / "usr/sbin/mysqld.real", PACKAGES.key, lambda: _initialised(place))
    return _initialised(place)


def _initialised(place: process.Place) -> Path:
    folder = process.new_folder("template")
    process.hand_over(folder)
    options = ["--initialize-insecure", f"--{'='.join(SMALL)}", f"--datadir={folder}/data"]
    place.run([*_mysql_command(place), *options], {"TZ": "UTC"})
    return folder / "data"
