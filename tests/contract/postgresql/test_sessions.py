"""Locks, guards and other sessions on PostgreSQL."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from rotation.engines import moment
from rotation.engines.postgresql import opening
from rotation.engines.postgresql.accounts import with_mark
from rotation.errors import GuardViolation, LockWithheld, PermissionDenied, StatementFailed, Unreachable
from rotation.model import Credential, Mark
from tests.lab.stages.postgresql import ARN, unique
from tests.support.guides import pages

if TYPE_CHECKING:
    from psycopg2 import sql

    from tests.lab.stages.postgresql import Stage

SHOWN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders/database-a1B2c3"
"""The ARN that the guides show."""


def test_a_lock_is_held_until_the_session_ends(stage: Stage) -> None:
    """The second one waits for the first, and says so; another name is another lock."""
    user, name = stage.user(), unique("lock")
    with stage.login(user) as first, stage.login(user) as second:
        assert first.lock(name) is False
        assert second.lock(unique("other")) is False
        timer = threading.Timer(0.2, first.__exit__, (None, None, None))
        timer.start()
        begin = time.monotonic()
        assert second.lock(name) is True
        assert time.monotonic() - begin >= 0.15
        timer.join()


def test_a_query_without_its_row_is_a_failed_statement(stage: Stage) -> None:
    """What it asked for may be gone by now."""
    user = stage.user()
    with stage.login(user) as session, pytest.raises(StatementFailed, match="without a row") as caught:
        session.require_usable(unique("nobody"))
    assert caught.value.where == f"{stage.address()}, as {user.username}"


def test_a_lock_is_not_waited_for_beyond_half_of_the_time(stage: Stage) -> None:
    """What is left serves to say so: retryable, and the session still answers."""
    user, name = stage.user(), unique("lock")
    with stage.login(user) as first, stage.login(user, seconds=1) as second:
        first.lock(name)
        with pytest.raises(StatementFailed) as failed:
            second.lock(name)
        assert failed.value.retryable
        assert failed.value.code == "55P03"
        assert second.mark_of(user.username) is None


def test_a_lock_that_a_stranger_holds_counts_for_nothing(stage: Stage) -> None:
    """Anybody can take it, shared as well; the error names who did."""
    user, mallory, name = stage.user(), stage.user(), unique("lock")
    for statement in ("pg_advisory_lock", "pg_advisory_lock_shared"):
        with closing(raw(stage, mallory)) as other, other.cursor() as cursor, stage.login(user) as session:
            cursor.execute(f"SELECT {statement}(%s)", (key_of(name),))
            with pytest.raises(LockWithheld, match=f"held by {mallory.username},") as withheld:
                session.lock(name, {"another"})
            assert withheld.value.where


def test_a_stranger_who_gets_the_lock_while_it_is_waited_for_counts_for_nothing(stage: Stage) -> None:
    """Who stood in the queue before us has it when the wait ends."""
    user, mallory, name = stage.user(), stage.user(), unique("lock")
    with closing(raw(stage, mallory)) as other, stage.login(user) as first, stage.login(user, seconds=3) as second:
        first.lock(name)
        waiting = threading.Thread(
            target=lambda: other.cursor().execute("SELECT pg_advisory_lock(%s)", (key_of(name),))
        )
        waiting.start()
        time.sleep(0.2)
        timer = threading.Timer(0.3, first.__exit__, (None, None, None))
        timer.start()
        with pytest.raises(LockWithheld, match=mallory.username):
            second.lock(name)
        waiting.join()
        timer.join()


def test_a_lock_that_another_of_the_rotation_holds_is_waited_for(stage: Stage) -> None:
    """A user of the pair is no stranger."""
    user, partner, name = stage.user(), stage.user(), unique("lock")
    with stage.login(partner) as first, stage.login(user) as second:
        first.lock(name)
        timer = threading.Timer(0.2, first.__exit__, (None, None, None))
        timer.start()
        assert second.lock(name, {partner.username}) is True
        timer.join()


def test_a_session_leaves_nothing_behind(stage: Stage) -> None:
    """What it needs it says at its login, or for one transaction; a pooler could give the connection to anybody."""
    user, owner = stage.user(), unique("owner")
    stage.run("CREATE ROLE {}", owner)
    stage.run("GRANT {} TO {}", owner, user.username)
    stage.run("ALTER ROLE {} SET role TO {}", user.username, owner)
    everything = "SELECT name, setting FROM pg_settings"
    with stage.login(user) as session:
        connection = session._connection  # noqa: SLF001
        before = connection.bare(everything), connection.bare("SHOW role")
        session.set_password(user.username, user.password)
        session.guard_target(user.username, allow_privileged=True)
        assert session.mark_of(user.username) is None
        assert (connection.bare(everything), connection.bare("SHOW role")) == before


@pytest.mark.parametrize(
    "setting",
    [
        "statement_timeout TO '1ms'",
        "lock_timeout TO '1ms'",
        "default_transaction_read_only TO on",
        "idle_in_transaction_session_timeout TO '1ms'",
        "idle_session_timeout TO '1ms'",
        "idle_session_timeout TO '5s'",
        "transaction_timeout TO '1ms'",
        "default_transaction_isolation TO serializable",
    ],
)
def test_what_the_owner_of_a_database_sets_stops_nothing(stage: Stage, setting: str) -> None:
    """Whoever owns the admin's or the user's database may set limits for all logins there."""
    if not stage.run("SELECT 1 FROM pg_settings WHERE name = %s", values=(setting.partition(" ")[0],)):
        return  # a release that has no such setting
    user, database = stage.user(), stage.server.create_database(unique("db"))
    stage.run(f"ALTER DATABASE {{}} SET {setting}", database)
    new = Credential(user.username, stage.password())
    with stage.login(user, database) as session:
        assert session.lock(unique("lock")) is False
        time.sleep(0.05)
        session.set_password(user.username, new.password)
        assert session._connection.opening.shortest == float("inf")  # noqa: SLF001
    stage.accepts(new, database)


def test_a_limit_is_read_as_the_server_shows_it(stage: Stage) -> None:
    """In the largest unit that leaves a whole number."""
    for seconds in (0, 0.001, 1, 1.5, 60, 90, 3600, 5400, 86400, 90000):
        set_to = f"SET statement_timeout = {round(seconds * 1000)}; SELECT current_setting('statement_timeout')"
        ((shown,),) = stage.run(set_to)
        first = (1, False, "shop", "shop", "off", "on", "scram-sha-256", shown, None)
        assert opening.read(lambda _, row=first: [row], 1, "here").shortest == (seconds or float("inf"))  # type: ignore[misc]


def test_a_commit_whose_answer_is_lost_before_the_time_is_up_is_a_lost_connection(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where all of the time went by is a standby named."""
    user = stage.user()
    with stage.login(user) as session:
        bare = session._connection.bare  # noqa: SLF001

        def lost(statement: str | sql.Composable, values: object = None) -> list[tuple[Any, ...]]:
            if "COMMIT" in str(statement):
                raise Unreachable("gone", engine="postgresql")
            return bare(statement, values)

        monkeypatch.setattr(session._connection, "bare", lost)  # noqa: SLF001
        with pytest.raises(Unreachable, match="gone"):
            session.set_password(user.username, user.password)


def key_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def test_the_mark_that_the_runbook_puts_by_hand_is_read(stage: Stage) -> None:
    """The runbook's statement, with a user of the test's and a secret's ARN."""
    user = stage.user()
    braces = pages.line("COMMENT ON ROLE").replace("{", "{{").replace("}", "}}")
    stage.run(braces.replace("shop", user.username).replace(SHOWN, ARN))
    with stage.login(user) as session:
        assert session.mark_of(user.username) == Mark(ARN, user.username, "")


def test_an_ordinary_user_may_be_changed(stage: Stage) -> None:
    """Roles that give an application its access are no obstacle."""
    user, readers = stage.user(), unique("readers")
    stage.run("CREATE ROLE {}", readers)
    stage.run("GRANT {} TO {}", readers, user.username)
    with stage.login(user) as session:
        session.guard_target(user.username, allow_privileged=False)


@pytest.mark.parametrize("options", ["SUPERUSER", "CREATEROLE", "REPLICATION", "BYPASSRLS"])
def test_a_powerful_user_is_left_alone(stage: Stage, options: str) -> None:
    """Unless the settings allow it."""
    boss = stage.user(options=options)
    with stage.login(stage.user()) as session:
        with pytest.raises(GuardViolation, match="more powerful"):
            session.guard_target(boss.username, allow_privileged=False)
        session.guard_target(boss.username, allow_privileged=True)


@pytest.mark.parametrize("role", ["rds_superuser", "pg_execute_server_program"])
def test_a_nested_member_of_a_powerful_role_is_left_alone(stage: Stage, role: str) -> None:
    """What a user can become counts."""
    user, between = stage.user(), unique("between")
    ensure_role(stage, role)
    stage.run("CREATE ROLE {}", between)
    stage.run("GRANT {} TO {}", role, between)
    stage.run("GRANT {} TO {}", between, user.username)
    with stage.login(user) as session, pytest.raises(GuardViolation, match=role):
        session.guard_target(user.username, allow_privileged=False)


@pytest.mark.parametrize("role", ["rds_iam", "rds_ad"])
def test_a_nested_member_of_a_passwordless_role_is_always_left_alone(stage: Stage, role: str) -> None:
    """No password logs it in, whatever the settings allow."""
    user, between = stage.user(), unique("between")
    ensure_role(stage, role)
    stage.run("CREATE ROLE {}", between)
    stage.run("GRANT {} TO {}", role, between)
    stage.run("GRANT {} TO {}", between, user.username)
    with stage.login(user) as session, pytest.raises(GuardViolation, match=role):
        session.guard_target(user.username, allow_privileged=True)


def test_a_superuser_is_no_member_of_a_passwordless_role(stage: Stage) -> None:
    """pg_has_role would say that it is a member of every role."""
    ensure_role(stage, "rds_iam")
    with stage.login(stage.superuser()) as session:
        session.guard_target(stage.server.user, allow_privileged=True)


def test_a_user_that_does_not_exist_is_no_target(stage: Stage) -> None:
    """The missing user is named."""
    name = unique("nobody")
    with stage.login(stage.user()) as session, pytest.raises(GuardViolation, match=name):
        session.guard_target(name, allow_privileged=True)


def ensure_role(stage: Stage, role: str) -> None:
    if not stage.run("SELECT 1 FROM pg_roles WHERE rolname = %s", values=(role,)):
        stage.run("CREATE ROLE {}", role)


def test_a_mark_is_read_from_the_comment(stage: Stage) -> None:
    """Whoever has a comment of another kind has no mark."""
    user = stage.user()
    with stage.login(user) as session:
        assert session.mark_of(user.username) is None
        stage.run("COMMENT ON ROLE {} IS 'Team A''s'", user.username)
        assert session.mark_of(user.username) is None
        comment = with_mark("Team A's", Mark(ARN, "app", "v")).replace("'", "''")
        stage.server.execute(f"COMMENT ON ROLE {user.username} IS '{comment}'")
        assert session.mark_of(user.username) == Mark(ARN, "app", "v")
        assert session.mark_of(unique("nobody")) is None


def test_a_mark_that_several_decisions_ask_for_is_read_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the lock and for a moment, unless the session changes something; without the lock each time."""
    monkeypatch.setattr(moment, "SECONDS", 60)
    user, name = stage.user(), unique("lock")

    def write(version: str) -> None:
        comment = with_mark("", Mark(ARN, user.username, version))
        stage.server.execute(f"COMMENT ON ROLE {user.username} IS '{comment}'")

    def version() -> str | None:
        mark = session.mark_of(user.username)
        return mark and mark.version

    with stage.login(user) as session:
        assert version() is None
        write("first")
        assert version() == "first"
        session.lock(name)
        assert version() == "first"
        write("second")
        assert version() == "first"
        session.set_password(user.username, stage.password())
        assert version() == "second"
        write("third")
        session.lock(name)
        assert version() == "third"


def test_other_sessions_of_the_user_are_ended_and_counted(stage: Stage) -> None:
    """Its own session goes on, and a second time there is nothing to end."""
    user = stage.user()
    with closing(raw(stage, user)) as one, closing(raw(stage, user)) as two, stage.login(user) as session:
        assert session.end_sessions(user.username) == 2
        for connection in (one, two):
            with pytest.raises(psycopg2.OperationalError), connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        time.sleep(0.05)
        assert session.end_sessions(user.username) == 0


def test_the_right_to_end_sessions_is_named(stage: Stage) -> None:
    """An admin needs pg_signal_backend."""
    user, admin = stage.user(), stage.user(unique("admin"))
    with closing(raw(stage, user)), stage.login(admin) as session:
        with pytest.raises(PermissionDenied) as denied:
            session.end_sessions(user.username)
        assert denied.value.remedy == f'Run: GRANT pg_signal_backend TO "{admin.username}";'
        stage.run(denied.value.remedy.removeprefix("Run: "))
        assert session.end_sessions(user.username) == 1


def raw(stage: Stage, user: Credential) -> psycopg2.extensions.connection:
    return stage.server.connect(user.username, user.password.reveal())


def test_a_session_that_was_ended_is_unreachable(stage: Stage) -> None:
    """Both when it is told so and afterwards; closing it is no error."""
    user = stage.user()
    with stage.login(user) as victim:
        with stage.login(user) as session:
            session.end_sessions(user.username)
        for _ in range(2):
            with pytest.raises(Unreachable):
                victim.mark_of(user.username)
