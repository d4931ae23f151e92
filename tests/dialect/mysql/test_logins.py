"""Each way in which a server refuses a login, provoked on the real thing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pymysql import _auth

from rotation.errors import AccountUnusable, AuthenticationFailed, EngineError, PermissionDenied
from rotation.model import Deadline, Password

if TYPE_CHECKING:
    from rotation.model import Credential
    from tests.lab.stages.mysql import Stage


def refused(stage: Stage, who: Credential, database: str = "") -> EngineError:
    with pytest.raises(EngineError) as caught:
        stage.login(who, database).__exit__(None, None, None)
    assert who.password.reveal() not in f"{caught.value} {caught.value!r} {vars(caught.value)}"
    return caught.value


def unusable(stage: Stage, who: Credential, database: str = "") -> tuple[str, bool, bool]:
    error = refused(stage, who, database)
    assert isinstance(error, AccountUnusable)
    return error.code, error.password_accepted, error.locked


def test_a_missing_database(stage: Stage) -> None:
    """It is told only after the password was accepted: as 1049 to an admin, as 1044 to who may not know."""
    assert unusable(stage, stage.user(), "nowhere") == ("1044", True, False)
    assert unusable(stage, stage.superuser(), "nowhere") == ("1049", True, False)
    wrong = replace(stage.user(), password=Password("wrong"))
    assert isinstance(refused(stage, wrong, "nowhere"), AuthenticationFailed)


def test_a_locked_account(stage: Stage) -> None:
    """3118 and 4151 come after the password was accepted; a wrong one reads as ever."""
    user = stage.user(options="ACCOUNT LOCK")
    assert unusable(stage, user) == ("4151" if stage.is_mariadb else "3118", True, True)
    assert isinstance(refused(stage, replace(user, password=Password("wrong"))), AuthenticationFailed)


def test_an_account_blocked_after_failed_logins_on_mysql(mysql: Stage) -> None:
    """3955 tells nothing of the password, and that more attempts do harm."""
    user = mysql.user(options="FAILED_LOGIN_ATTEMPTS 1 PASSWORD_LOCK_TIME 1")
    assert unusable(mysql, replace(user, password=Password("wrong"))) == ("3955", False, True)
    assert unusable(mysql, user) == ("3955", False, True)


def test_an_account_blocked_after_failed_logins_on_mariadb(mariadb: Stage) -> None:
    """4150 comes after max_password_errors."""
    (before,) = mariadb.run("SELECT @@max_password_errors")
    mariadb.run("SET GLOBAL max_password_errors = 1")
    try:
        user = mariadb.user()
        refused(mariadb, replace(user, password=Password("wrong")))
        assert unusable(mariadb, user) == ("4150", False, True)
    finally:
        mariadb.run(f"SET GLOBAL max_password_errors = {before[0]}", "FLUSH PRIVILEGES")


def test_an_expired_account(stage: Stage) -> None:
    """MySQL refuses the login (1862); MariaDB lets it in and refuses every statement (1820)."""
    user = stage.user(options="PASSWORD EXPIRE")
    assert unusable(stage, user) in {("1820", True, False), ("1862", True, False)}


def test_an_account_at_its_limit(stage: Stage) -> None:
    """1226 comes after the password was accepted, and passes."""
    user = stage.user(options="WITH MAX_USER_CONNECTIONS 1")
    with stage.login(user):
        assert unusable(stage, user) == ("1226", True, False)
        assert refused(stage, user).retryable


def test_an_account_that_wants_a_clients_certificate(stage: Stage) -> None:
    """REQUIRE X509 unmet reads like a wrong password (1045)."""
    assert refused(stage, stage.user(options="REQUIRE X509")).code == "1045"


def test_without_tls_a_hash_that_the_server_does_not_know_yet_needs_it(
    mysql: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """caching_sha2_password then wants encryption by the server's key, for which the package holds no library."""
    monkeypatch.setattr(_auth, "_have_cryptography", False)
    user = mysql.user()
    with pytest.raises(AccountUnusable, match="needs TLS"):
        mysql.engine.connect(replace(mysql.address(), tls=False), user, Deadline(5))


def test_without_tls_a_native_password_works(mariadb: Stage) -> None:
    """mysql_native_password sends no clear text, so that "ssl": false is possible."""
    with mariadb.engine.connect(replace(mariadb.address(), tls=False), mariadb.user(), Deadline(5)):
        pass


def test_a_server_that_demands_tls(stage: Stage) -> None:
    """MySQL tells require_secure_transport as what it is (3159); MariaDB says the same as of a wrong password."""
    stage.run("SET GLOBAL require_secure_transport = ON")
    try:
        with pytest.raises(EngineError) as caught:
            stage.engine.connect(replace(stage.address(), tls=False), stage.user(), Deadline(5))
        assert caught.value.code == ("1045" if stage.is_mariadb else "3159")
    finally:
        stage.run("SET GLOBAL require_secure_transport = OFF")


def test_a_right_that_is_missing_is_named(stage: Stage) -> None:
    """Who may not change others is told which grant would allow it."""
    user, victim = stage.user(), stage.user()
    with stage.login(user) as session, pytest.raises(PermissionDenied, match="GRANT CREATE USER"):
        session.set_password(victim.username, stage.password())
