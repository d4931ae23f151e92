"""Servers that somebody else runs: they are used as they stand, and stand afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support import servers
from tests.support.servers import addresses, header
from tests.support.servers.mongodb import MongoServer
from tests.support.servers.mysql import MySQLServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.servers.tls import Authority


def at(server: MySQLServer | MongoServer) -> str:
    """Write a server's address."""
    return f"any://{server.user}:{quote(server.password)}@localhost:{server.port}/?ca={server.bundle}"


@pytest.fixture(scope="module")
def theirs(authority: Authority) -> Iterator[MySQLServer]:
    """Start a server that is somebody else's."""
    with MySQLServer(authority) as server:
        yield server


@pytest.mark.parametrize(
    ("variable", "taken"), [(addresses.MYSQL, addresses.mysql), (addresses.MARIADB, addresses.mariadb)]
)
def test_a_mysql_of_somebody_else_is_used(
    monkeypatch: pytest.MonkeyPatch,
    authority: Authority,
    theirs: MySQLServer,
    variable: str,
    taken: Callable[[Authority], MySQLServer],
) -> None:
    """It is known by its address alone: what needs its files fails and says so."""
    monkeypatch.setenv(variable, at(theirs))
    with taken(authority) as server:
        assert server.execute("SELECT @@port") == [(theirs.port,)]
        with pytest.raises(servers.ServerUnavailableError, match="cannot be read from here"):
            server.logins(server.mark())
    assert theirs.execute("SELECT 1") == [(1,)]
    assert variable in header.report()[-1]
    assert theirs.password not in header.report()[-1]


def test_a_mongodb_of_somebody_else_is_used(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    """The same there."""
    with MongoServer(authority) as theirs:
        monkeypatch.setenv(addresses.MONGO, at(theirs))
        with addresses.mongo(authority) as server:
            assert server.version == theirs.version
            with pytest.raises(servers.ServerUnavailableError, match="cannot be read from here"):
                server.logins(server.mark())
        assert theirs.run("ping")["ok"]


def test_an_address_that_lacks_something_is_refused() -> None:
    """The message shows the form, and no password."""
    with pytest.raises(servers.ServerUnavailableError, match="any://user:password@host:port") as refused:
        addresses.place("mysql://root:secret-word@db")
    assert "secret-word" not in str(refused.value)
