"""What PostgreSQL's sessions tell of before a rotation, and what older minors do with a pair."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from rotation.errors import AccessMismatch, Unreachable
from tests.lab.stages.postgresql import Stage, pair_of, unique
from tests.support import servers
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.tls import Authority


@pytest.fixture(scope="module")
def older(authority: Authority) -> Iterator[Stage]:
    """Set the stage on a minor that takes a login's role off a session that is reset."""
    with PostgresServer(authority, installation=servers.postgres("16.4")) as server:
        yield Stage(server)


@pytest.fixture(scope="module")
def broken(authority: Authority) -> Iterator[Stage]:
    """Set the stage on a minor that gives a login no role at all."""
    with PostgresServer(authority, installation=servers.postgres("16.5")) as server:
        yield Stage(server)


def told(stage: Stage, base: str, part: str) -> list[str]:
    with stage.login(stage.admin(base)) as session:
        return [line for line in session.cautions(base, pair_of(base)) if part in line]


def test_what_the_clone_may_not_do_for_itself_is_told(stage: Stage) -> None:
    """Of its own sessions; of resets on the minors of before November 2024 alone, which take a login's role off."""
    base = stage.user().username
    assert told(stage, base, "pg_terminate_backend")
    assert len(told(stage, base, "DISCARD ALL")) == stage.minor_that_loses_roles
    assert not told(stage, base, "ignores")


def test_a_role_that_the_base_cannot_take_is_told(stage: Stage) -> None:
    """With the statement that takes the setting away, for all databases and for one."""
    base, role = stage.user().username, unique("role")
    stage.run("CREATE ROLE {}", role)
    stage.run("GRANT {} TO {}", role, base)
    stage.run("ALTER ROLE {} SET role TO {}", base, role)
    stage.run("ALTER ROLE {} IN DATABASE postgres SET role TO {}", base, role)
    assert not told(stage, base, "RESET role")
    stage.run("DROP ROLE {}", role)
    statements = [f'ALTER ROLE "{base}" RESET role', f'ALTER ROLE "{base}" IN DATABASE "postgres" RESET role']
    assert sorted(line.rpartition(": ")[2] for line in told(stage, base, "RESET role")) == sorted(statements)


def test_a_reset_on_an_older_minor_is_told_of_and_mended(older: Stage) -> None:
    """Before there is a clone and by the clone; what it then makes goes to the base in the next rotation."""
    base = older.user()
    assert told(older, base.username, "Upgrade the server from PostgreSQL 16.4 to 16.6")
    admin, pair = older.admin(base.username), pair_of(base.username)
    clone, _ = older.level(admin, pair)
    with older.login(clone) as session:
        [line] = session.check_access(pair)
    assert "DISCARD ALL" in line
    older.run("GRANT CREATE ON SCHEMA public TO {}", base.username)
    with closing(older.server.connect(clone.username, clone.password.reveal())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("DISCARD ALL")
            cursor.execute(f"CREATE TABLE {clone.username}_made AS SELECT 1 AS x")
    again, changes = older.level(admin, pair_of(base.username, promote="base"))
    assert f"table public.{clone.username}_made" in str(changes)
    assert older.as_clients_see(again, f"SELECT x FROM {clone.username}_made") == [(1,)]


def test_a_minor_that_ignores_the_setting_of_role_is_named(broken: Stage) -> None:
    """The pair is not promoted, and the remedy is the next release."""
    base = broken.user()
    assert told(broken, base.username, "Upgrade the server from PostgreSQL 16.5 to 16.6")
    clone, _ = broken.level(broken.admin(base.username), pair_of(base.username))
    with broken.login(clone) as session, pytest.raises(AccessMismatch, match=r"This release ignores.*to 16\.6"):
        session.check_access(pair_of(base.username))


def test_a_form_that_will_change_is_told_of(authority: Authority) -> None:
    """An md5 password on a server that is set to SCRAM becomes SCRAM; clients may know nothing else."""
    access = ["hostssl all all 127.0.0.1/32 md5"]
    with PostgresServer(authority, access=access) as server:
        stage = Stage(server)
        old, new = stage.user(), stage.user()
        with closing(server.admin()) as connection, connection.cursor() as cursor:
            cursor.execute("SET log_statement = 'none'; SET password_encryption = 'md5'")
            cursor.execute(f"ALTER ROLE {old.username} PASSWORD '{old.password.reveal()}'")
        for user, told in ((old, 1), (new, 0)):
            with stage.login(user) as session:
                assert len([line for line in session.cautions(user.username) if "SCRAM" in line]) == told


def test_a_standby_that_is_missing_is_told_of(authority: Authority) -> None:
    """COMMIT waits for it without a limit: the dry run says so, and the error names it."""
    with PostgresServer(authority) as server:
        stage = Stage(server)
        user = stage.user()
        server.restart(synchronous_standby_names="elsewhere", synchronous_commit="on")
        with stage.login(user, seconds=2) as session:
            assert any("pg_stat_replication" in line for line in session.cautions(user.username))
            with pytest.raises(Unreachable, match="synchronous_standby_names"):
                session.set_password(user.username, user.password)
