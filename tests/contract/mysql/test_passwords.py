"""Passwords on the real servers: one or two of a user, histories, policies, and what the log shows."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotation.errors import GuardViolation, PasswordRejected, PermissionDenied, StatementFailed
from rotation.model import Mark
from tests.lab.stages.mysql import ARN, unique

if TYPE_CHECKING:
    from rotation.engines.mysql.session import MySQLSession
    from rotation.model import Credential, Password
    from tests.lab.stages.mysql import Stage


def retain(session: MySQLSession, user: Credential, new: Password, *, version: str = "v2", known: str = "v1") -> bool:
    """Set a password beside the user's."""
    mark = Mark(ARN, user.username, version)
    return session.retain_password(user.username, user.password, new, mark, known)


def test_the_general_log_shows_no_password(stage: Stage) -> None:
    """MariaDB is told hashes; MySQL redacts what it is told."""
    user, admin = stage.user() if stage.is_mariadb else stage.retaining(), stage.admin()
    with stage.login(user) as session:
        new = stage.password()
        session.rehearse_password(user.username, new)
        session.set_password(user.username, new)
        if not stage.is_mariadb:
            assert retain(session, replace(user, password=new), stage.password())
    with stage.login(admin) as session:
        session.rehearse_password(user.username, stage.password())
        session.set_password(user.username, stage.password())
        session.disable_password(user.username)
    text = stage.server.log_text()
    assert user.username in text
    assert not [password for password in stage.made if password in text]


def test_eight_changes_at_once_are_one(mysql: Stage) -> None:
    """REPLACE makes it a compare-and-swap: one succeeds, the others are told, and AWSCURRENT logs in."""
    user = mysql.retaining()
    new = [mysql.password() for _ in range(8)]

    def change(password: Password) -> bool:
        with mysql.login(user) as session:
            return retain(session, user, password)

    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(change, new))
    assert done.count(True) == 1
    assert mysql.accepts(user)
    assert mysql.accepts(replace(user, password=new[done.index(True)]))


def test_without_the_privilege_an_obstacle_is_named(stage: Stage) -> None:
    """The reason names the grant, or that the server keeps one password."""
    user = stage.user()
    with stage.login(user) as session:
        said = session.retention_obstacle(user.username) or ""
        assert ("keeps one password" if stage.is_mariadb else "GRANT APPLICATION_PASSWORD_ADMIN") in said


def test_with_the_privilege_nothing_stands_in_the_way(mysql: Stage) -> None:
    """A user that may keep two passwords of its own needs no admin."""
    user = mysql.retaining()
    with mysql.login(user) as session:
        assert session.retention_obstacle(user.username) is None


def test_who_may_read_accounts_may_not_yet_change_them(stage: Stage) -> None:
    """Rehearsing, setting and ending another user's password name the right that is missing, and change nothing."""
    user, victim = stage.user(), stage.user()
    stage.run(f"GRANT SELECT ON mysql.* TO {user.username}")
    with stage.login(user) as session:
        for act in (session.rehearse_password, session.set_password):
            with pytest.raises(PermissionDenied, match="GRANT CREATE USER"):
                act(victim.username, stage.password())
        with pytest.raises(PermissionDenied, match="GRANT CREATE USER"):
            session.disable_password(victim.username)
    assert stage.accepts(victim)


def test_who_may_not_end_the_sessions_of_others_is_told_the_right(stage: Stage) -> None:
    """A login that sees another user's session, and may not end it, names the grant; the session goes on."""
    user, other = stage.user(), stage.user()
    stage.run(f"GRANT PROCESS ON *.* TO {user.username}")
    with stage.login(other) as stays:
        with stage.login(user) as session, pytest.raises(PermissionDenied, match="GRANT CONNECTION_ADMIN"):
            session.end_sessions(other.username)
        stays.rehearse_password(other.username, stage.password())


def test_who_does_not_see_the_sessions_of_others_is_told_the_right(stage: Stage) -> None:
    """A login that would see none of another user's sessions does not say that there are none."""
    user, other = stage.user(), stage.user()
    with stage.login(user) as session:
        assert session.end_sessions(user.username) == 0
        with pytest.raises(PermissionDenied, match="GRANT PROCESS"):
            session.end_sessions(other.username)


def test_an_admin_sets_two_passwords_from_every_state(mysql: Stage) -> None:
    """However often rotations were abandoned, AWSCURRENT stays and the newest password is the other one."""
    user, admin = mysql.user(), mysql.admin()
    with mysql.login(admin) as session:
        assert session.retention_obstacle(user.username) is None
        for turn in range(3):
            new = mysql.password()
            assert retain(session, user, new, version=f"v{turn}")
            assert mysql.accepts(user)
            assert mysql.accepts(replace(user, password=new))
        session.discard_retained(user.username)
    assert not mysql.accepts(user)


def test_an_admin_without_create_user_has_an_obstacle(mysql: Stage) -> None:
    """The reason names what the admin lacks."""
    user, other = mysql.user(), mysql.user()
    mysql.run(f"GRANT SELECT ON mysql.* TO {other.username}")
    with mysql.login(other) as session:
        assert "CREATE USER" in (session.retention_obstacle(user.username) or "")


def test_a_password_history_refuses_a_repetition(mysql: Stage) -> None:
    """3638 is PasswordRejected by the user itself; by an admin the account's mark tells what is first."""
    user, admin = mysql.user(options="PASSWORD HISTORY 5"), mysql.admin()
    with mysql.login(user) as session, pytest.raises(PasswordRejected) as caught:
        session.set_password(user.username, user.password)
    assert caught.value.code == "3638"
    new = mysql.password()
    with mysql.login(admin) as session:
        assert retain(session, user, new)
        assert mysql.accepts(user)
        assert retain(session, user, new)
        with pytest.raises(PasswordRejected):
            retain(session, user, mysql.password(), version="v9", known="v8")
    assert mysql.accepts(replace(user, password=new))


def test_an_account_that_demands_its_current_password(mysql: Stage) -> None:
    """PASSWORD REQUIRE CURRENT is met, since REPLACE always names the login's own, after a change as well."""
    user = mysql.user(options="PASSWORD REQUIRE CURRENT")
    new = mysql.password()
    with mysql.login(user) as session:
        session.set_password(user.username, new)
        session.set_password(user.username, user.password)
        session.set_password(user.username, new)
    assert mysql.accepts(replace(user, password=new))


def test_a_second_password_that_has_to_name_the_first(mysql: Stage) -> None:
    """Where an account demands its first password and the login used the second, a person is asked (3892)."""
    user = mysql.retaining()
    mysql.run(
        f"ALTER USER {user.username} IDENTIFIED BY '{mysql.password().reveal()}' RETAIN CURRENT PASSWORD"
        " PASSWORD REQUIRE CURRENT"
    )
    with mysql.login(user) as session, pytest.raises(StatementFailed) as caught:
        session.set_password(user.username, mysql.password())
    assert caught.value.code == "3892"


def test_a_change_from_the_second_password_leaves_it(mysql: Stage) -> None:
    """What a person set with RETAIN is replaced, and AWSCURRENT, the second one, stays."""
    user = mysql.retaining()
    by_hand, new = mysql.password(), mysql.password()
    mysql.run(f"ALTER USER {user.username} IDENTIFIED BY '{by_hand.reveal()}' RETAIN CURRENT PASSWORD")
    with mysql.login(user) as session:
        assert not retain(session, user, new)
        session.set_password(user.username, new)
    assert mysql.accepts(user)
    assert mysql.accepts(replace(user, password=new))
    assert not mysql.accepts(replace(user, password=by_hand))


@pytest.mark.unsearched  # a user's name is tried as its password, and names stand in the log
def test_the_policy_is_known_beforehand(mysql: Stage) -> None:
    """validate_password's rules are read for the rehearsal, and its refusal (1819) is PasswordRejected."""
    user = mysql.user()
    mysql.run("INSTALL COMPONENT 'file://component_validate_password'")
    try:
        with mysql.login(user) as session:
            weak = replace(user, password=type(user.password)("only-lower-case"))
            for act in (session.rehearse_password, session.set_password):
                with pytest.raises(PasswordRejected):
                    act(user.username, weak.password)
            session.rehearse_password(user.username, mysql.password())
            for text in ("S#0rt", user.username):
                with pytest.raises(PasswordRejected):
                    session.rehearse_password(user.username, type(user.password)(text))
            mysql.run("SET GLOBAL validate_password.policy = LOW")
            session.rehearse_password(user.username, weak.password)
        assert weak.password.reveal() not in mysql.server.log_text()
    finally:
        mysql.run("UNINSTALL COMPONENT 'file://component_validate_password'")


def test_a_policy_that_wants_other_characters(mysql: Stage) -> None:
    """4165 (validate_password.changed_characters_percentage) is PasswordRejected, too."""
    user = mysql.user()
    mysql.run("INSTALL COMPONENT 'file://component_validate_password'")
    try:
        mysql.run("SET GLOBAL validate_password.changed_characters_percentage = 100")
        with mysql.login(user) as session, pytest.raises(PasswordRejected, match="policy refuses") as caught:
            session.set_password(user.username, mysql.password())
        assert caught.value.code == "4165"
    finally:
        mysql.run("UNINSTALL COMPONENT 'file://component_validate_password'")


def test_an_account_without_a_password_has_none_to_end(mysql: Stage) -> None:
    """Nothing is known of what another plugin keeps, so nothing of it is replaced."""
    name = unique()
    mysql.run("INSTALL PLUGIN mysql_no_login SONAME 'mysql_no_login.so'")
    try:
        mysql.run(f"CREATE USER {name} IDENTIFIED WITH mysql_no_login")
        with mysql.login(mysql.admin()) as session, pytest.raises(GuardViolation, match="by mysql_no_login"):
            session.disable_password(name)
    finally:
        mysql.run(f"DROP USER {name}", "UNINSTALL PLUGIN mysql_no_login")


def test_a_server_that_takes_no_changes(stage: Stage) -> None:
    """read_only is found by the rehearsal, and told by the change (1290)."""
    user = stage.user()
    stage.run("SET GLOBAL read_only = ON")
    try:
        with stage.login(user) as session:
            with pytest.raises(StatementFailed):
                session.rehearse_password(user.username, stage.password())
            with pytest.raises(StatementFailed) as caught:
                session.set_password(user.username, stage.password())
            assert caught.value.code == "1290"
    finally:
        stage.run("SET GLOBAL read_only = OFF")
