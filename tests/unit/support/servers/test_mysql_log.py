"""A login that was cut short is not one that was refused. The lines are those of MySQL 9."""

from __future__ import annotations

from tests.lab.aurora_mysql import AuroraMySQLScene
from tests.support.servers import mysql_log

ATTEMPT = "2026-11-28T23:22:44.571583Z\t   14 Connect\tapp@127.0.0.1 on shop using SSL/TLS\n"
DENIED = "2026-11-28T23:22:44.571610Z\t   14 Connect\tAccess denied for user 'app'@'127.0.0.1' (using password: YES)\n"
ASKED = "2026-11-28T23:22:44.571700Z\t   14 Query\tSELECT 1\n"


def counted(text: str) -> tuple[int, int, int]:
    """Return the logins by what became of them; those of a cluster count as the demo counts them."""
    logins = mysql_log.read(text)
    refusals = AuroraMySQLScene.refusals(AuroraMySQLScene.__new__(AuroraMySQLScene), logins)
    return len(logins.accepted), len(logins.refused), refusals


def test_a_refusal_that_was_written_counts() -> None:
    """Once, with its attempt or without, as MariaDB writes it."""
    assert counted(ATTEMPT + DENIED) == counted(DENIED) == (0, 1, 1)
    assert mysql_log.read(DENIED).refused[0].user == "app"


def test_a_login_that_a_kill_cut_short_is_no_refusal() -> None:
    """The log of a killed server ends with the attempt."""
    assert counted(ATTEMPT) == (0, 1, 0)


def test_a_login_that_was_let_in_is_neither() -> None:
    """It asks for something."""
    assert counted(ATTEMPT + ASKED) == (1, 0, 0)
