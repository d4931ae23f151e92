"""MariaDB on the stage: as MySQL, with one password a user and no rights of MySQL's own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.lab import mysql
from tests.lab.mysql import FUNCTION, log_in
from tests.support.servers.mariadb import MariaDBServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.theatre import Scene
    from tests.support.servers.tls import Authority

__all__ = ["FUNCTION", "STRATEGIES", "log_in", "provide"]

STRATEGIES: Final = ("alternating-users", "single-user", "single-user-by-admin")


class MariaDBScene(mysql.MySQLScene):
    """A server with applications on it."""

    engine = "mariadb"
    name = "MariaDB"
    dynamic = ("GRANT SELECT ON mysql.* TO `{user}`@`%`",)
    retaining = ()


@contextmanager
def provide(authority: Authority) -> Iterator[Scene]:
    """Start a server, and stop it afterwards."""
    with MariaDBServer(authority) as server:
        yield MariaDBScene(server)
