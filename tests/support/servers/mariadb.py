"""A real MariaDB server for tests, beside MySQL's."""

from __future__ import annotations

import functools
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from tests.support import debian, servers
from tests.support.servers import choice, process, templates
from tests.support.servers.mysql import MySQLServer

if TYPE_CHECKING:
    import pymysql

UNUSED: Final = (
    *("perl", "perl-base", "mariadb-common", "mysql-common", "mariadb-client", "galera-4", "libdbi-perl"),
    *("gawk", "iproute2", "lsof", "passwd", "procps", "psmisc", "rsync", "socat"),
)
SERVERS: Final = ("mariadb-server-core", "mariadb-server")  # the latter has the plugins
PACKAGES: Final = {
    "10.11": debian.Packages("bookworm", (*SERVERS, "libaio1", "liburing2", "libnuma1"), UNUSED),
    "11": debian.Packages("trixie", (*SERVERS, "libaio1t64", "liburing2", "libnuma1"), UNUSED),
}

# What makes the system tables, in this order (mariadb-install-db); since 11 the files begin with mariadb_.
SCRIPTS: Final = (
    "m*_system_tables.sql",
    "m*_performance_tables.sql",
    "m*_system_tables_data.sql",
    "maria_add_gis_sp_bootstrap.sql",
    "m*_sys_schema.sql",
)
BOOTSTRAP: Final = """
cd "$(dirname "$(find {share} -name maria_add_gis_sp_bootstrap.sql | head -n 1)")"
{{ cat {begin} && cat {scripts}; }} | "$@" --bootstrap
"""
BEGIN: Final = "CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n"


class MariaDBServer(MySQLServer):
    """A server of our own."""

    flavour: ClassVar[str] = "mariadb"
    options: ClassVar[tuple[str, ...]] = ("--skip-log-bin",)

    @classmethod
    def template(cls) -> Path:
        """Return a data folder to copy."""
        return _mariadb_template(cls.place())

    @classmethod
    def command(cls) -> list[str | Path]:
        """Return the program, with where its files are."""
        return _mariadb_command(cls.place())

    def set_superuser(self, connection: pymysql.Connection[Any]) -> None:
        """Let the superuser in over TCP as well, by a password; the nameless users go."""
        cursor = connection.cursor()
        cursor.execute("SET PASSWORD FOR root@'127.0.0.1' = PASSWORD(%s)", (self.password,))
        cursor.execute("DELETE FROM mysql.global_priv WHERE User = ''")
        cursor.execute("FLUSH PRIVILEGES")

    def _arguments(self) -> list[str]:
        return [one for one in super()._arguments() if not one.startswith("--log-timestamps")]


def packages() -> debian.Packages:
    """Return those of the version that is asked for."""
    version = choice.current().version("mariadb")
    if version not in PACKAGES:
        raise servers.ServerUnavailableError(f"no MariaDB {version} here: Debian has {', '.join(PACKAGES)}")
    return PACKAGES[version]


@functools.cache
def _root() -> Path:
    try:
        root = packages().fetch()
    except debian.DebianUnavailableError as reason:
        message = f"no MariaDB here, and none from Debian: {reason}"
        raise servers.ServerUnavailableError(message) from reason
    if not servers.readable(root):
        root = Path(shutil.copytree(root, process.new_folder("programs") / "mariadb", symlinks=True))
        root.chmod(0o755)
    debian.wrap(root, root / "usr/sbin/mariadbd")
    return root


def _mariadb_command(place: process.Place) -> list[str | Path]:
    if not isinstance(place, process.Machine):
        return ["mariadbd", "--no-defaults"]
    root = _root()
    return [
        root / "usr/sbin/mariadbd",
        "--no-defaults",
        f"--basedir={root}/usr",
        f"--lc-messages-dir={root}/usr/share/mysql",
        f"--plugin-dir={root}/usr/lib/mysql/plugin",
        f"--character-sets-dir={root}/usr/share/mysql/charsets",
    ]


@functools.cache
def _mariadb_template(place: process.Place) -> Path:
    if isinstance(place, process.Machine):
        return templates.kept(_root() / "usr/sbin/mariadbd.real", packages().key, lambda: _initialised(place))
    return _initialised(place)


def _initialised(place: process.Place) -> Path:
    folder = process.new_folder("template")
    (folder / "data/mysql").mkdir(parents=True)
    (folder / "begin.sql").write_text(BEGIN, encoding="ascii")
    process.hand_over(folder)
    share = _root() / "usr/share" if isinstance(place, process.Machine) else "/usr/share"
    script = BOOTSTRAP.format(share=share, begin=folder / "begin.sql", scripts=" ".join(SCRIPTS))
    own = [f"--datadir={folder}/data", f"--tmpdir={folder}"]  # see MySQLServer
    command = ["/bin/sh", "-ec", script, "bootstrap", *_mariadb_command(place), *own]
    try:
        place.run(command, {"TZ": "UTC", "PATH": os.defpath})
    except RuntimeError as reason:
        raise servers.ServerUnavailableError(f"MariaDB's system tables cannot be made: {reason}") from reason
    return folder / "data"
