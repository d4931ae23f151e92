"""What depends on the server's version, and who answers a login."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from rotation.engines.postgresql import grantors, opening, releases
from rotation.errors import NotTheServer
from rotation.model import Deadline, Pair

if TYPE_CHECKING:
    from rotation.engines.postgresql.connection import Connection

FORM = "scram-sha-256"
PAIR = Pair("arn", "shop", "shop_clone", "v1")


class Old:
    """A connection to a server of before PostgreSQL 16; it has nothing to ask."""

    version = 150004


def test_before_16_a_membership_hangs_on_nobody() -> None:
    """A grant has no owner there that matters."""
    connection = cast("Connection", Old())
    assert grantors.grants_of_login(connection, PAIR) == (None, ())


@pytest.mark.parametrize(
    ("version", "ignores", "remedy"),
    [
        (160004, False, "Upgrade the server from PostgreSQL 16.4 to 16.6"),
        (160005, True, "Upgrade the server from PostgreSQL 16.5 to 16.6"),
        (160006, False, "Upgrade the server from PostgreSQL 16.6 to 16.6"),
        (170001, True, "Upgrade the server from PostgreSQL 17.1 to 17.2"),
        (180001, False, "Upgrade the server from PostgreSQL 18.1 to a newer release"),
    ],
)
def test_the_release_to_go_to_is_named(version: int, remedy: str, *, ignores: bool) -> None:
    """The fault came with one minor of each major and went with the next."""
    assert releases.ignores_role(version) is ignores
    assert releases.remedy(version) == remedy


@pytest.mark.parametrize("told", [0, 679986110, -1646570547])
def test_a_number_that_is_not_the_servers_is_a_poolers(told: int) -> None:
    """RDS Proxy tells none at the login, PgBouncer and others one of their own."""
    with pytest.raises(NotTheServer):
        opening.read(
            lambda _: [(17510, False, "shop", "shop", "off", "on", FORM, None, None)], told, "db.example:6432/shop"
        )


@pytest.mark.parametrize(
    ("source", "standby", "lifted"),
    [
        ("database", False, True),
        ("database user", False, True),
        ("database", True, False),
        ("configuration file", False, False),
    ],
)
def test_a_read_only_default_of_the_owner_is_lifted(source: str, *, standby: bool, lifted: bool) -> None:
    """The server's own is its operator's word, and a standby takes no changes whatever is set."""
    first = (1, standby, "shop", "shop", "on", "off", FORM, "0", None)
    found = opening.read(lambda query: [first] if query == opening.FIRST else [(source,)], 1, "here")
    assert found.keeps_as == FORM
    assert ("READ WRITE" in found.begin) is lifted
    assert "SET LOCAL synchronous_commit = on" in found.begin
    assert found.shortest == float("inf")


@pytest.mark.parametrize(
    ("idle", "transaction", "shortest"),
    [("5s", None, 5), ("1min", "90s", 60), ("0", "1500ms", 1.5), ("2h", "1d", 7200)],
)
def test_the_shortest_limit_counts(idle: str, transaction: str | None, shortest: float) -> None:
    """As the server shows them: tests/contract/postgresql/test_sessions.py."""
    first = (1, False, "shop", "shop", "off", "on", FORM, idle, transaction)
    assert opening.read(lambda _: [first], 1, "here").shortest == shortest


def test_limits_are_named_only_where_the_server_knows_them() -> None:
    """A login with a setting that the server does not know is refused."""
    said = {version: opening.options(Deadline(10), version) for version in (0, 130000, 140000, 170000)}
    assert "idle_session_timeout" not in said[0] + said[130000]
    assert "idle_session_timeout=0" in said[140000]
    assert "transaction_timeout" not in said[140000]
    assert "transaction_timeout=0" in said[170000]
