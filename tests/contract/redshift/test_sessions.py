"""Passwords, guards and other sessions on Redshift."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from redshift_connector.core import Connection as DriversConnection

from rotation.engines.redshift import connection as connections
from rotation.engines.redshift.forms import Form
from rotation.errors import (
    AuthenticationFailed,
    GuardViolation,
    PasswordRejected,
    PermissionDenied,
    StatementFailed,
    Unreachable,
)
from rotation.model import Address, Deadline, Ownership, Password
from tests.lab.stages.redshift import unique
from tests.support.network import proxy as wire

if TYPE_CHECKING:
    from rotation.engines.redshift.connection import Connection
    from rotation.engines.redshift.session import RedshiftSession
    from rotation.model import Credential
    from tests.lab.stages.redshift import Stage


def inner(session: RedshiftSession) -> Connection:
    connection: Connection = session._connection  # noqa: SLF001 what it works on
    return connection


def test_a_user_changes_its_own_password_and_back(stage: Stage) -> None:
    """The session that is open goes on, so that the change can be taken back through it."""
    user = stage.user()
    new = replace(user, password=stage.password())
    with stage.login(user) as session:
        session.set_password(user.username, new.password)
        stage.accepts(new)
        session.set_password(user.username, user.password)
    stage.accepts(user)
    with pytest.raises(AuthenticationFailed):
        stage.login(new)


@pytest.mark.parametrize("form", [Form.MD5, Form.SHA256])
def test_an_admin_changes_a_users_password_and_keeps_its_form(stage: Stage, form: Form) -> None:
    """With the permission ALTER USER through a role; a login of the user before, even a refused one, tells the form."""
    user = stage.user(form=form)
    new, deadline = replace(user, password=stage.password()), Deadline(20)
    with pytest.raises(AuthenticationFailed):
        stage.login(new, deadline=deadline)
    with stage.login(stage.admin("ALTER USER"), deadline=deadline) as session:
        session.set_password(user.username, new.password)
    stage.accepts(new)
    assert stage.form(user.username) is form


@pytest.mark.parametrize("form", [Form.MD5, Form.SHA256])
def test_a_user_keeps_the_form_of_its_password(stage: Stage, form: Form) -> None:
    """Clients that answer one question of the server's need not answer the other."""
    user = stage.user(form=form)
    new = replace(user, password=stage.password())
    with stage.login(user) as session:
        session.rehearse_password(user.username, stage.password())
        session.set_password(user.username, new.password)
    stage.accepts(new)
    assert stage.form(user.username) is form


def test_what_no_login_told_is_kept_as_every_client_can_answer(stage: Stage) -> None:
    """An earlier invocation's logins do not count."""
    user = stage.user(form=Form.SHA256)
    stage.accepts(user)
    new = replace(user, password=stage.password())
    with stage.login(stage.superuser()) as session:
        session.set_password(user.username, new.password)
    stage.accepts(new)
    assert stage.form(user.username) is Form.MD5


def test_a_rehearsal_changes_nothing(stage: Stage) -> None:
    """It proves the right, and the old password stays."""
    user = stage.user()
    with stage.login(user) as session:
        session.rehearse_password(user.username, stage.password())
    stage.accepts(user)


def test_the_missing_right_is_named(stage: Stage) -> None:
    """Both ways to it, with the names filled in."""
    user, other = stage.user(), stage.user()
    with stage.login(user) as session, pytest.raises(PermissionDenied) as denied:
        session.set_password(other.username, stage.password())
    assert denied.value.code == "42501"
    assert "GRANT ALTER USER TO ROLE rotation" in denied.value.remedy
    assert f'ALTER USER "{user.username}" CREATEUSER' in denied.value.remedy
    stage.accepts(other)


def test_a_user_that_does_not_exist_has_no_password(stage: Stage) -> None:
    """Nothing is made by naming it."""
    with stage.login(stage.superuser()) as session, pytest.raises(StatementFailed) as failed:
        session.set_password(unique("nobody"), stage.password())
    assert failed.value.code == "42704"


def test_a_refused_password_is_said_to_be_refused(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, sent: list[str]
) -> None:
    """22023 is what the server answers to a value that it does not take."""
    user = stage.user()
    monkeypatch.setattr("rotation.engines.redshift.session.hashed", lambda *_: "short")
    with stage.login(user) as session, pytest.raises(PasswordRejected) as rejected:
        session.set_password(user.username, Password("short"))
    assert rejected.value.code == "22023"
    sent.clear()  # no hash, so no statement of ours
    stage.accepts(user)


def test_odd_characters_in_a_password_log_in(stage: Stage) -> None:
    """A hash carries any of them; statements see only hexadecimal digits."""
    user = stage.user()
    for text in ('it\'s "odd" \\ / @ 1A', "pässwörd-1A-☃", "%s {} $1 Aa1"):
        with stage.login(stage.superuser()) as session:
            session.set_password(user.username, Password(text))
        stage.accepts(replace(user, password=Password(text)))


def test_no_password_is_said_after_the_login(stage: Stage) -> None:
    """Neither on the wire nor in the server's log does any password stand that was set through the engine."""
    user, begin = stage.user(), len(stage.server.said)
    made = [stage.password() for _ in range(3)]
    with stage.login(user) as session:
        for password in made:
            session.rehearse_password(user.username, password)
            session.set_password(user.username, password)
    said = b"".join(stage.server.said[begin:]).decode(errors="replace")
    assert said.count("PASSWORD 'md5") == 6
    log = stage.server.log_text()
    assert not [password for password in made if password.reveal() in said or password.reveal() in log]


def test_the_driver_logs_nothing_of_a_statement(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Not even where everything else is logged."""
    user = stage.user()
    with caplog.at_level(logging.DEBUG), stage.login(user) as session, pytest.raises(PermissionDenied):
        session.set_password(stage.user().username, stage.password())
    assert caplog.records == []


def test_an_ended_password_logs_nobody_in(stage: Stage) -> None:
    """By a superuser, or by an admin with ALTER USER, which PASSWORD DISABLE would not let."""
    for admin in (stage.superuser(), stage.admin("ALTER USER")):
        user = stage.user()
        with stage.login(admin) as session:
            session.disable_password(user.username)
        with pytest.raises(AuthenticationFailed):
            stage.login(user)


def test_an_ended_password_leaves_the_mark(stage: Stage) -> None:
    """The account is still proven, so that the next rotation can give it a password."""
    _, clone, pair = stage.pair()
    with stage.login(stage.superuser()) as session:
        session.disable_password(pair.clone)
        assert session.ownership(pair) is Ownership.OURS
    with pytest.raises(AuthenticationFailed):
        stage.login(clone)


def test_there_is_no_lock_to_wait_for(stage: Stage) -> None:
    """Two sessions may say that they take it."""
    user = stage.user()
    with stage.login(user) as one, stage.login(user) as two:
        assert one.lock("x") is False
        assert two.lock("x") is False


def test_an_ordinary_user_may_be_changed(stage: Stage) -> None:
    """Roles that give an application its access are no obstacle."""
    user, role = stage.user(), unique("readers")
    stage.run(f"CREATE ROLE {role}", f"GRANT ROLE {role} TO {user.username}")
    with stage.login(stage.superuser()) as session:
        session.guard_target(user.username, allow_privileged=False)
        session.guard_target(stage.user().username, allow_privileged=False)


def powerful(stage: Stage, how: str) -> Credential:
    if how == "superuser":
        return stage.user(options="CREATEUSER")
    user, outer, middle = stage.user(), unique("outer"), unique("inner")
    stage.run(
        f"CREATE ROLE {outer}",
        f"CREATE ROLE {middle}",
        f"GRANT ALTER USER TO ROLE {middle}",
        f"GRANT ROLE {middle} TO ROLE {outer}",
        f"GRANT ROLE {outer if how == 'nested' else middle} TO {user.username}",
    )
    return user


@pytest.mark.parametrize("how", ["superuser", "direct", "nested"])
def test_a_powerful_user_is_left_alone(stage: Stage, how: str) -> None:
    """Unless the settings allow it."""
    boss = powerful(stage, how)
    with stage.login(stage.superuser()) as session:
        with pytest.raises(GuardViolation, match="more powerful"):
            session.guard_target(boss.username, allow_privileged=False)
        session.guard_target(boss.username, allow_privileged=True)


def test_users_of_iam_and_missing_users_are_no_targets(stage: Stage) -> None:
    """No password logs them in, whatever the settings allow."""
    name = unique("IAM:someone")
    stage.run(f'CREATE USER "{name}" PASSWORD DISABLE')
    with stage.login(stage.superuser()) as session:
        with pytest.raises(GuardViolation, match="IAM"):
            session.guard_target(name, allow_privileged=True)
        with pytest.raises(GuardViolation, match="does not exist"):
            session.guard_target(unique("nobody"), allow_privileged=True)


def test_other_sessions_of_the_user_are_ended_and_counted(stage: Stage) -> None:
    """Its own goes on, and a second time there is nothing to end."""
    user = stage.user()
    with stage.login(user) as one, stage.login(user) as two, stage.login(user) as session:
        assert session.end_sessions(user.username) == 2
        for ended in (one, two):
            with pytest.raises(Unreachable):
                ended.rehearse_password(user.username, stage.password())
        time.sleep(0.05)
        assert session.end_sessions(user.username) == 0


def test_the_right_to_end_sessions_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a superuser ends sessions of others (Developer Guide, "PG_TERMINATE_BACKEND")."""
    monkeypatch.setattr("rotation.engines.redshift.session._SESSIONS", "SELECT redshift.refuse('42501', %s)")
    with stage.login(stage.user()) as session, pytest.raises(PermissionDenied, match="Only a superuser"):
        session.end_sessions("app")


def test_a_lost_answer_is_unreachable(stage: Stage) -> None:
    """Whether the statement took effect is not known; closing the session is no error."""
    user = stage.user()
    with wire.Proxy("127.0.0.1", stage.server.port) as proxy:
        address = Address("localhost", proxy.port, "dev")
        session = stage.engine.connect(address, user, stage_deadline())
        proxy.mode = wire.LOSE_NEXT_ANSWER
        with session, pytest.raises(Unreachable):
            session.set_password(user.username, stage.password())


def test_a_silent_server_ends_a_statement_in_time(stage: Stage) -> None:
    """The deadline of the session counts for every wait."""
    user = stage.user()
    with wire.Proxy("127.0.0.1", stage.server.port) as proxy:
        session = stage.engine.connect(Address("localhost", proxy.port, "dev"), user, stage_deadline(0.6))
        proxy.mode = wire.Mode(message=1, then="mute")
        begin = time.monotonic()
        with session, pytest.raises(Unreachable, match="no answer in time"):
            session.set_password(user.username, stage.password())
        assert time.monotonic() - begin < 1


def test_a_first_statement_without_an_answer_is_no_login(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection is closed again."""
    monkeypatch.setattr(connections, "_FIRST", "SELECT redshift.refuse('57014', '')")
    with pytest.raises(StatementFailed) as failed:
        stage.login(stage.user())
    assert failed.value.retryable


def test_a_statement_ends_in_the_server_too(stage: Stage) -> None:
    """The server's own limit is a little shorter than what is waited here."""
    with stage.login(stage.user(), seconds=1) as session, pytest.raises(StatementFailed) as failed:
        inner(session).run("SELECT pg_sleep(5)")
    assert failed.value.code == "57014"


def test_nothing_of_the_users_stands_before_the_catalogs(stage: Stage) -> None:
    """A search path of the user's own does not reach this session's statements."""
    user = stage.user()
    stage.run(f"ALTER USER {user.username} SET search_path TO public")
    with stage.login(user) as session:
        assert inner(session).one("SHOW search_path") == "pg_catalog"


def test_the_drivers_socket_is_never_used(stage: Stage) -> None:
    """It is closed as it is made, and every byte goes over the channel."""
    with stage.login(stage.user()) as session:
        raw = inner(session)._raw  # noqa: SLF001 what it works on
        assert isinstance(raw, DriversConnection)
        with closing(raw._usock):  # noqa: SLF001 the driver's own name for it
            pass
        with pytest.raises(Unreachable):
            inner(session).run("SELECT 1")


def stage_deadline(seconds: float = 5) -> Deadline:
    return Deadline(seconds)
