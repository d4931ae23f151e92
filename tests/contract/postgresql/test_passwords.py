"""Changing passwords on PostgreSQL."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rotation.engines.postgresql.passwords import missing_grant
from rotation.engines.session import clear_text
from rotation.errors import (
    AuthenticationFailed,
    GuardViolation,
    PasswordRejected,
    PermissionDenied,
    StatementFailed,
    Unreachable,
)
from rotation.model import Address, Deadline, Password
from tests.lab.stages.postgresql import Stage as PostgresStage
from tests.lab.stages.postgresql import pair_of, unique
from tests.support.network import proxy as wire
from tests.support.servers.postgresql import PostgresServer

if TYPE_CHECKING:
    from psycopg2 import sql

    from rotation.engines.postgresql.session import PostgreSQLSession
    from rotation.model import Credential
    from tests.lab.stages.postgresql import Stage
    from tests.support.servers.tls import Authority


def refused(stage: Stage, who: Credential) -> None:
    with pytest.raises(AuthenticationFailed):
        stage.login(who)


def test_a_user_changes_its_own_password(stage: Stage) -> None:
    """The new one is accepted, the old one is not, and the session can put the old one back."""
    user = stage.user()
    new = replace(user, password=stage.password())
    with stage.login(user) as session:
        session.set_password(user.username, new.password)
        stage.accepts(new)
        refused(stage, user)
        session.set_password(user.username, user.password)
    stage.accepts(user)


def test_an_admin_changes_another_users_password(stage: Stage) -> None:
    """An admin that is no superuser, as on RDS."""
    user = stage.user()
    new = replace(user, password=stage.password())
    with stage.login(stage.admin(user.username)) as session:
        session.set_password(user.username, new.password)
    stage.accepts(new)


def test_a_rehearsal_changes_nothing(stage: Stage) -> None:
    """It asks the server, and takes it back."""
    user = stage.user()
    with stage.login(user) as session:
        session.rehearse_password(user.username, stage.password())
    stage.accepts(user)


@pytest.mark.parametrize("method", ["set_password", "rehearse_password", "disable_password"])
def test_a_right_that_is_missing_is_named(stage: Stage, method: str) -> None:
    """The message holds the statements that give the right."""
    user, admin = stage.user(), stage.user(unique('ad"min'))
    arguments = (user.username,) if method == "disable_password" else (user.username, stage.password())
    quoted = '"' + admin.username.replace('"', '""') + '"'
    with stage.login(admin) as session, pytest.raises(PermissionDenied) as denied:
        getattr(session, method)(*arguments)
    assert f"ALTER ROLE {quoted} CREATEROLE;" in denied.value.remedy
    assert denied.value.code == "42501"
    if stage.major >= 16:
        assert f'GRANT "{user.username}" TO {quoted} WITH ADMIN OPTION;' in denied.value.remedy


def test_the_statement_that_is_named_helps(stage: Stage) -> None:
    """A user that gets what the message asks for can change the password."""
    user, admin = stage.user(), stage.admin(options="")
    with stage.login(admin) as session:
        with pytest.raises(PermissionDenied) as denied:
            session.set_password(user.username, stage.password())
        stage.run(denied.value.remedy.removeprefix("Run: "))
        session.set_password(user.username, stage.password())


def test_only_a_superuser_changes_a_superuser(stage: Stage) -> None:
    """No grant helps there, and the message says so."""
    boss, admin = stage.user(options="SUPERUSER"), stage.admin()
    with stage.login(admin) as session, pytest.raises(PermissionDenied, match="Only a superuser"):
        session.set_password(boss.username, stage.password())


def test_ones_own_password_under_a_restriction_names_the_role(stage: Stage) -> None:
    """Only RDS takes that right away; what it would need is named where nothing else is missing."""
    user = stage.user()
    with stage.login(user) as session:
        remedy = missing_grant(session._connection, user.username)  # noqa: SLF001
    assert f'GRANT rds_password TO "{user.username}"' in remedy


def test_a_user_that_does_not_exist_has_no_password(stage: Stage) -> None:
    """The missing user is said to be missing."""
    with stage.login(stage.admin()) as session, pytest.raises(StatementFailed) as failed:
        session.set_password(unique("nobody"), stage.password())
    assert failed.value.code == "42704"


def test_a_password_that_postgresql_cannot_hold_is_rejected(stage: Stage) -> None:
    """A NUL would end the password without a word."""
    user = stage.user()
    with stage.login(user) as session:
        for text in ("long enough\0 but cut", "half a character \ud800"):
            with pytest.raises(PasswordRejected) as rejected:
                session.set_password(user.username, Password(text))
            assert text not in f"{rejected.value!r}"
    stage.accepts(user)


def test_a_name_that_the_server_would_cut_is_refused(stage: Stage) -> None:
    """Another user's password would be changed."""
    victim = stage.user("v" * 63)
    with stage.login(stage.admin(victim.username)) as session:
        for change in (session.set_password, session.rehearse_password):
            with pytest.raises(GuardViolation):
                change(victim.username + "x", stage.password())
        with pytest.raises(GuardViolation):
            session.disable_password(victim.username + "x")
    stage.accepts(victim)
    stage.run("DROP ROLE {}", victim.username)


def test_a_disabled_password_is_refused(stage: Stage) -> None:
    """No password logs in until one is set, and doing it twice is no error."""
    user = stage.user()
    with stage.login(stage.admin(user.username)) as session:
        session.disable_password(user.username)
        session.disable_password(user.username)
        refused(stage, user)
        session.set_password(user.username, user.password)
    stage.accepts(user)


def test_an_answer_that_is_lost_leaves_the_outcome_open(stage: Stage) -> None:
    """Whether the statement took effect is not known: Unreachable, retryable, and nothing hangs."""
    user = stage.user()
    with wire.Proxy(stage.server.host, stage.server.port) as proxy:
        session = stage.engine.connect(Address("localhost", proxy.port, "postgres"), user, Deadline(5))
        proxy.mode = wire.LOSE_NEXT_ANSWER
        with session, pytest.raises(Unreachable) as lost:
            session.set_password(user.username, stage.password())
        assert lost.value.retryable


def test_an_answer_that_never_comes_is_not_waited_for(stage: Stage) -> None:
    """The deadline of the session holds for every statement."""
    user = stage.user()
    with wire.Proxy(stage.server.host, stage.server.port) as proxy:
        session = stage.engine.connect(Address("localhost", proxy.port, "postgres"), user, Deadline(0.5))
        proxy.mode = wire.Mode(message=1, then="mute")
        begin = time.monotonic()
        with session, pytest.raises(Unreachable, match="no answer in time"):
            session.mark_of(user.username)
        assert time.monotonic() - begin < 1


@pytest.mark.unsearched
def test_a_policy_that_refuses_is_said_to_be_the_policys(stage: Stage) -> None:
    """PostgreSQL's passwordcheck refuses a password that is the user's name."""
    user = stage.user()
    stage.run("ALTER ROLE {} SET session_preload_libraries TO 'passwordcheck'", user.username)
    with stage.login(user) as session, pytest.raises(PasswordRejected) as rejected:
        session.set_password(user.username, Password(user.username))
    assert rejected.value.code == "22023"
    stage.accepts(user)


@pytest.mark.parametrize("code", ["28000", "22023", "P0001"])
def test_a_check_that_takes_no_hashes_is_said_to_be_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """No other password would help: it is not the password that is refused. Played where a statement is sent."""
    user = stage.user()
    admin, pair = stage.admin(user.username), pair_of(user.username)
    for who, act in ((user, "set_password"), (admin, "set_password"), (admin, "level")):
        with stage.login(who) as session:
            connection = session._connection  # noqa: SLF001
            run = connection.run

            def checked(statement: str | sql.Composable, values: object = None) -> list[tuple[Any, ...]]:
                if "PASSWORD" in str(statement):
                    return run(f"DO $$ BEGIN RAISE 'a hash' USING ERRCODE = '{code}'; END $$")  # noqa: B023
                return run(statement, values)  # noqa: B023

            monkeypatch.setattr(connection, "run", checked)
            subject: Any = pair if act == "level" else user.username
            with pytest.raises(StatementFailed, match="takes no hashes") as refused:
                getattr(session, act)(subject, stage.password())
        assert (refused.value.code, refused.value.retryable) == (code, False)
    stage.accepts(user)


def taking_clear_text_alone(session: PostgreSQLSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Play a check that takes no hashes, as credcheck does by default, where a statement is sent."""
    connection = session._connection  # noqa: SLF001
    run = connection.run

    def checked(statement: str | sql.Composable, values: object = None) -> list[tuple[Any, ...]]:
        if "SCRAM-SHA-256$" in str(statement):
            return run("DO $$ BEGIN RAISE 'a hash' USING ERRCODE = '28000'; END $$")
        return run(statement, values)

    monkeypatch.setattr(connection, "run", checked)


@pytest.mark.parametrize("act", ["set_password", "level"])
def test_clear_text_is_sent_where_the_settings_allow_it_and_nothing_keeps_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """An admin that may not quieten the server is told how; then the login works, and no log has the password."""
    user = stage.user()
    admin, pair = stage.admin(user.username), pair_of(user.username)
    new = replace(user, username=pair.idle if act == "level" else user.username, password=stage.password())
    subject: Any = pair if act == "level" else user.username
    with clear_text(allowed=True):
        with stage.login(admin) as session:
            taking_clear_text_alone(session, monkeypatch)
            with pytest.raises(PermissionDenied, match="in clear text") as refused:
                getattr(session, act)(subject, new.password)
        remedy = refused.value.remedy.removeprefix("As a superuser, run: ")
        assert f"ALTER ROLE \"{admin.username}\" SET log_statement = 'none';" in remedy
        for statement in filter(None, remedy.split(";")):
            stage.run(statement)
        with stage.login(admin) as session:
            taking_clear_text_alone(session, monkeypatch)
            getattr(session, act)(subject, new.password)
    stage.accepts(new)
    assert new.password.reveal() not in stage.server.log_text()


def test_a_superuser_quietens_its_own_transaction(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stays set; and without the setting of the function no clear text is sent."""
    user = stage.user()
    new = replace(user, password=stage.password())
    with stage.login(stage.superuser()) as session:
        taking_clear_text_alone(session, monkeypatch)
        with pytest.raises(StatementFailed, match="takes no hashes"):
            session.set_password(user.username, new.password)
        before = session._connection.bare("SHOW log_statement")  # noqa: SLF001
        with clear_text(allowed=True):
            session.set_password(user.username, new.password)
        assert session._connection.bare("SHOW log_statement") == before  # noqa: SLF001
    stage.accepts(new)
    assert new.password.reveal() not in stage.server.log_text()


def test_a_check_that_refuses_the_clear_text_judges_the_password(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then another password may be taken, so the pending one is given up."""
    user = stage.user()
    with stage.login(stage.superuser()) as session, clear_text(allowed=True):
        connection = session._connection  # noqa: SLF001
        run = connection.run

        def checked(statement: str | sql.Composable, values: object = None) -> list[tuple[Any, ...]]:
            if "PASSWORD" in str(statement):
                return run("DO $$ BEGIN RAISE 'too weak' USING ERRCODE = '28000'; END $$")
            return run(statement, values)

        monkeypatch.setattr(connection, "run", checked)
        with pytest.raises(PasswordRejected):
            session.set_password(user.username, stage.password())


def test_no_clear_text_without_tls(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stands in the way would read it."""
    with PostgresServer(authority, tls=False) as server:
        stage = PostgresStage(server)
        user = stage.user()
        with stage.login(stage.superuser()) as session, clear_text(allowed=True):
            taking_clear_text_alone(session, monkeypatch)
            with pytest.raises(StatementFailed, match="takes no hashes"):
                session.set_password(user.username, stage.password())


def test_a_server_set_to_md5_keeps_scram_for_who_uses_it(stage: Stage) -> None:
    """With new passwords as md5 and a pg_hba.conf that asks for SCRAM, a changed and a reverted password log in."""
    user = stage.user()
    new = replace(user, password=stage.password())
    stage.run("ALTER ROLE {} SET password_encryption TO 'md5'", user.username)
    with stage.login(user) as session:
        for who in (new, user):
            session.set_password(who.username, who.password)
            stage.accepts(who)


def test_a_user_that_logs_in_by_md5_keeps_md5(authority: Authority) -> None:
    """Where the server is set to md5 and the login is by md5, clients may know nothing else."""
    with PostgresServer(authority, settings={"password_encryption": "md5"}) as server:
        stage = PostgresStage(server)
        user = stage.user()
        with stage.login(user) as session:
            session.set_password(user.username, user.password)
        stored = stage.run("SELECT rolpassword FROM pg_authid WHERE rolname = %s", values=(user.username,))
        assert stored[0][0].startswith("md5")
        stage.accepts(user)
