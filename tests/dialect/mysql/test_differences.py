"""What differs through the clone on MySQL and MariaDB, line by line as the guide lists it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pymysql
import pytest

from tests.lab.stages.mysql import DATABASE, Stage, pair_of, unique

if TYPE_CHECKING:
    from rotation.model import Credential

ALL = f"GRANT ALL ON {DATABASE}.* TO {{}}"


class Two(NamedTuple):
    """The users of a pair, with all rights on the schema, and a name that nothing has."""

    stage: Stage
    base: Credential
    clone: Credential
    name: str

    def code(self, who: Credential, *statements: str) -> int:
        """Run statements as a client does; return the number of the error that ended it, or 0."""
        try:
            self.stage.as_clients_see(who, *statements)
        except pymysql.err.MySQLError as error:
            return int(error.args[0])
        return 0


@pytest.fixture
def two(stage: Stage) -> Two:
    """Level a pair."""
    base = stage.user()
    stage.run(ALL.format(base.username))
    clone, _ = stage.level(stage.superuser(), pair_of(base.username))
    return Two(stage, base, clone, unique("made"))


def test_the_name_is_the_logins_own(two: Two) -> None:
    """CURRENT_USER(), and what code, views and logs make of it."""
    for who in (two.base, two.clone):
        assert two.stage.as_clients_see(who, "SELECT CURRENT_USER()") == [(f"{who.username}@%",)]
        [(seen,)] = two.stage.as_clients_see(who, "SELECT USER FROM information_schema.PROCESSLIST")
        assert seen == who.username


def test_neither_sees_nor_ends_the_others_sessions(two: Two) -> None:
    """One's own are seen and ended; KILL of the other's is refused (1095), without a right of its own."""
    connection = two.stage.server.connect(two.base.username, two.base.password.reveal(), DATABASE)
    with closing(connection):
        thread = int(connection.thread_id())  # type: ignore[no-untyped-call]
        seen = [row[0] for row in two.stage.as_clients_see(two.clone, "SHOW PROCESSLIST")]
        assert thread not in seen
        assert two.code(two.clone, f"KILL {thread}") == 1095
        assert thread in [row[0] for row in two.stage.as_clients_see(two.base, "SHOW PROCESSLIST")]
        assert two.code(two.base, f"KILL {thread}") == 0


def test_what_is_defined_runs_as_who_defined_it(two: Two) -> None:
    """SQL SECURITY DEFINER is the default; the definer stays, whoever is current."""
    two.stage.as_clients_see(two.clone, f"CREATE VIEW {two.name} AS SELECT 1 AS a")
    query = f"SELECT DEFINER, SECURITY_TYPE FROM information_schema.VIEWS WHERE TABLE_NAME = '{two.name}'"
    assert two.stage.run(query) == [(f"{two.clone.username}@%", "DEFINER")]


def test_a_dump_that_names_the_definer_is_for_that_one(two: Two) -> None:
    """DEFINER = the other user is refused (1227), as it is to everybody without a right of its own."""
    definition = f"CREATE DEFINER = {two.base.username}@`%` VIEW {two.name} AS SELECT 1 AS a"
    assert two.code(two.clone, definition) == 1227
    assert two.code(two.base, definition) == 0


@pytest.mark.parametrize(
    ("made", "used"),
    [
        ("CREATE PROCEDURE {0}() SELECT 1", "ALTER PROCEDURE {0} COMMENT 'x'"),
        ("CREATE PROCEDURE {0}() SELECT 1", "CALL {0}()"),
        ("CREATE PROCEDURE {0}() SELECT 1", "DROP PROCEDURE {0}"),
        ("CREATE VIEW {0} AS SELECT 1 AS a", "CREATE OR REPLACE VIEW {0} AS SELECT 2 AS a"),
        ("CREATE VIEW {0} AS SELECT 1 AS a", "DROP VIEW {0}"),
        ("CREATE EVENT {0} ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1", "ALTER EVENT {0} COMMENT 'x'"),
        ("CREATE TABLE {0} (a int)", "ALTER TABLE {0} ADD b int"),
        ("CREATE TRIGGER {0} BEFORE INSERT ON t FOR EACH ROW SET @a = 1", "DROP TRIGGER {0}"),
    ],
)
def test_the_rest_is_used_by_either(two: Two, made: str, used: str) -> None:
    """What one of them made, the other alters, runs and drops."""
    try:
        assert two.code(two.base, made.format(two.name)) == 0
        assert two.code(two.clone, used.format(two.name)) == 0
    finally:
        two.stage.run(f"DROP TRIGGER IF EXISTS {DATABASE}.{two.name}", f"DROP EVENT IF EXISTS {DATABASE}.{two.name}")


def test_limits_count_for_each(two: Two) -> None:
    """A limit of one session is one of the base's and one of the clone's."""
    limit = "WITH MAX_USER_CONNECTIONS 1"
    two.stage.run(f"ALTER USER {two.base.username} {limit}", f"ALTER USER {two.clone.username} {limit}")
    with closing(two.stage.server.connect(two.base.username, two.base.password.reveal())):
        assert two.code(two.base, "SELECT 1") == 1226
        assert two.code(two.clone, "SELECT 1") == 0


def test_wrong_passwords_count_for_each(two: Two) -> None:
    """Who blocks the base by guessing does not block the clone."""
    stage, name = two.stage, two.base.username
    count = "SET GLOBAL max_password_errors = 1" if stage.is_mariadb else f"ALTER USER {name} FAILED_LOGIN_ATTEMPTS 1"
    stage.run(count if stage.is_mariadb else f"{count} PASSWORD_LOCK_TIME 1")
    try:
        with pytest.raises(pymysql.err.OperationalError):
            stage.server.connect(name, "wrong", DATABASE)
        assert two.code(two.base, "SELECT 1") in {4150, 3955}
        assert two.code(two.clone, "SELECT 1") == 0
    finally:
        if stage.is_mariadb:
            stage.run("SET GLOBAL max_password_errors = DEFAULT", "FLUSH PRIVILEGES")


def test_each_shows_its_own_mark(two: Two) -> None:
    """MariaDB's SHOW GRANTS names a role without rights; MySQL's ATTRIBUTE holds a key."""
    for who in (two.base, two.clone):
        if two.stage.is_mariadb:
            rows = [str(row[0]) for row in two.stage.as_clients_see(who, "SHOW GRANTS")]
            assert sum("`rotation_" in row for row in rows) == 1
        else:
            [(shown,)] = two.stage.as_clients_see(who, "SELECT ATTRIBUTE FROM information_schema.USER_ATTRIBUTES")
            assert "aws-rotation" in shown
