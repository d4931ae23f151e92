"""What the servers do when a password changes under them: the facts that the engine is built on, each on a real one."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pymysql
import pytest

from rotation.engines.mysql.passwords import native_hash
from rotation.errors import PasswordRejected, StatementFailed
from tests.lab.stages.mysql import DATABASE, pair_of

if TYPE_CHECKING:
    from rotation.model import Credential
    from tests.lab.stages.mysql import Stage

OWN = "ALTER USER CURRENT_USER() IDENTIFIED BY"


def code(stage: Stage, who: Credential, *statements: str) -> int:
    """Run statements as a client does; give the number of the error that ended it, or 0."""
    try:
        stage.as_clients_see(who, *statements)
    except pymysql.err.MySQLError as error:
        return int(error.args[0])
    return 0


def retain(stage: Stage, user: Credential, condition: str = "") -> Credential:
    """Set another password beside the user's, as the user, and give it."""
    new = replace(user, password=stage.password())
    stage.as_clients_see(user, f"{OWN} '{new.password.reveal()}'{condition} RETAIN CURRENT PASSWORD")
    return new


class TestTwoPasswordsOfMySQL:
    def test_a_second_retain_ends_the_password_that_clients_use(self, mysql: Stage) -> None:
        """An abandoned attempt and the next push AWSCURRENT out, if nothing is compared."""
        user = mysql.retaining()
        first = retain(mysql, user)
        assert mysql.accepts(user)
        second = retain(mysql, user)
        assert [mysql.accepts(one) for one in (user, first, second)] == [False, True, True]

    def test_a_repeated_retain_ends_it_as_well(self, mysql: Stage) -> None:
        """The same password twice is no less of a change."""
        user = mysql.retaining()
        new = retain(mysql, user)
        mysql.as_clients_see(new, f"{OWN} '{new.password.reveal()}' RETAIN CURRENT PASSWORD")
        assert not mysql.accepts(user)

    def test_replace_that_does_not_fit_locks_nobody(self, mysql: Stage) -> None:
        """3891 does not count towards FAILED_LOGIN_ATTEMPTS."""
        user = mysql.user(options="FAILED_LOGIN_ATTEMPTS 2 PASSWORD_LOCK_TIME 1")
        wrong = f"{OWN} '{mysql.password().reveal()}' REPLACE 'wrong'"
        assert [code(mysql, user, wrong) for _ in range(4)] == [3891] * 4
        assert mysql.accepts(user)

    def test_replace_is_for_oneself(self, mysql: Stage) -> None:
        """3893 for others, so that an admin has no compare-and-swap."""
        user, admin = mysql.user(), mysql.admin()
        statement = f"ALTER USER {user.username} IDENTIFIED BY 'x-1' REPLACE '{user.password.reveal()}'"
        assert code(mysql, admin, statement) == 3893

    def test_a_mark_goes_along_with_a_password_alone(self, mysql: Stage) -> None:
        """ATTRIBUTE needs CREATE USER by itself (1227), none beside a password; USER() takes none (1064)."""
        user, attribute = mysql.retaining(), """ATTRIBUTE '{"a": 1}'"""
        word = user.password.reveal()
        assert code(mysql, user, f"ALTER USER CURRENT_USER() {attribute}") == 1227
        assert code(mysql, user, f"ALTER USER USER() IDENTIFIED BY '{word}' {attribute}") == 1064
        assert code(mysql, user, f"ALTER USER {user.username} IDENTIFIED BY '{word}' {attribute}") == 0
        query = "SELECT ATTRIBUTE FROM information_schema.USER_ATTRIBUTES"
        assert mysql.as_clients_see(user, query) == [('{"a": 1}',)]

    def test_a_hash_needs_the_right_to_manage_users(self, mysql: Stage) -> None:
        """With a method, or as a hash, one's own password is an admin's business (1227)."""
        user = mysql.retaining()
        for form in ("BY 'x'", "AS '$A$005$THISISACOMBINATIONOFINVALIDSALTANDPASSWORDTHATMUSTNEVERBRBEUSED'"):
            assert code(mysql, user, f"ALTER USER CURRENT_USER() IDENTIFIED WITH caching_sha2_password {form}") == 1227

    def test_who_reads_what_of_whom(self, mysql: Stage) -> None:
        """Others' attributes are not shown, others' SHOW CREATE USER needs SELECT on mysql.*, one's own nothing."""
        user, other = mysql.user(), mysql.user()
        query = "SELECT USER FROM information_schema.USER_ATTRIBUTES"
        assert mysql.as_clients_see(user, query) == [(user.username,)]
        assert code(mysql, user, f"SHOW CREATE USER {other.username}") == 1044
        assert code(mysql, user, "SHOW CREATE USER CURRENT_USER()") == 0

    def test_without_retain_the_second_password_stays(self, mysql: Stage) -> None:
        """What replaces an abandoned attempt leaves AWSCURRENT, the second one, where it is."""
        user = mysql.retaining()
        retain(mysql, user)
        mysql.as_clients_see(user, f"{OWN} '{mysql.password().reveal()}'")
        assert mysql.accepts(user)

    def test_set_password_with_retain_takes_no_mark(self, mysql: Stage) -> None:
        """It needs the same right, and has no room for an ATTRIBUTE."""
        user, plain = mysql.retaining(), mysql.user()
        statement = f"SET PASSWORD = '{mysql.password().reveal()}' RETAIN CURRENT PASSWORD"
        assert code(mysql, user, f"{statement} ATTRIBUTE '{{}}'") == 1064
        assert code(mysql, plain, statement) == 1227
        assert code(mysql, user, statement) == 0

    def test_a_history_does_not_stand_in_the_way_of_ending_a_password(self, mysql: Stage) -> None:
        """A hash that no password has is held against no history, however often it comes."""
        user, admin = mysql.user(options="PASSWORD HISTORY 5"), mysql.admin()
        with mysql.login(admin) as session:
            for _ in range(2):
                session.disable_password(user.username)
        assert not mysql.accepts(user)

    def test_a_history_hides_which_of_two_passwords_is_the_first(self, mysql: Stage) -> None:
        """3638 comes before 3891: a revocation ends nothing, and says what to run if AWSCURRENT's is first."""
        user = mysql.user(options="PASSWORD HISTORY 5")
        mysql.run(f"GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {user.username}")
        new = retain(mysql, user)
        for one in (user, new):
            with mysql.login(one) as session, pytest.raises(PasswordRejected, match="DISCARD OLD PASSWORD"):
                session.set_password(one.username, one.password)
        assert [mysql.accepts(user), mysql.accepts(new)] == [True, True]
        mysql.run(f"ALTER USER {user.username} DISCARD OLD PASSWORD")
        assert [mysql.accepts(user), mysql.accepts(new)] == [False, True]


class TestBoth:
    def test_open_sessions_outlive_a_lock_and_a_change(self, stage: Stage) -> None:
        """Only an end of the sessions ends what a leaked password has begun."""
        user = stage.user()
        with closing(stage.server.connect(user.username, user.password.reveal())) as opened, opened.cursor() as cursor:
            with stage.login(stage.admin()) as session:
                session.set_password(user.username, stage.password())
            stage.run(f"ALTER USER {user.username} ACCOUNT LOCK")
            assert cursor.execute("SELECT 1") == 1

    def test_what_the_clone_creates_is_not_the_bases(self, stage: Stage) -> None:
        """Without a grant the base gets 1370 on CALL and DROP after the switch."""
        base, admin = stage.user(), stage.superuser()
        stage.run(f"GRANT CREATE ROUTINE ON {DATABASE}.* TO {base.username}")
        idle, _ = stage.level(admin, pair_of(base.username))
        name = f"made_{base.username}"
        stage.as_clients_see(idle, f"CREATE PROCEDURE {name}() SELECT 1")
        assert code(stage, base, f"CALL {name}()") == code(stage, base, f"DROP PROCEDURE {name}") == 1370

    @pytest.mark.parametrize(
        "wanted",
        [
            "REQUIRE SUBJECT '/CN=obrien TO x' AND ISSUER '/CN=our own' AND CIPHER 'TLS_AES_256_GCM_SHA384'",
            "REQUIRE ISSUER '/CN=our own'",
            "REQUIRE CIPHER 'TLS_AES_256_GCM_SHA384'",
            "REQUIRE X509",
            "REQUIRE NONE",
        ],
    )
    def test_what_a_certificate_has_to_be_is_levelled(self, stage: Stage, wanted: str) -> None:
        """Each form of REQUIRE comes to the clone, and goes again with the base's."""
        base, admin = stage.user(options=wanted), stage.admin()
        query = "SELECT ssl_type, CAST(ssl_cipher AS CHAR), CAST(x509_issuer AS CHAR), CAST(x509_subject AS CHAR) "
        for now in (wanted, "REQUIRE SSL"):
            stage.run(f"ALTER USER {base.username} {now}")
            stage.level(admin, pair_of(base.username))
            rows = [
                stage.run(f"{query} FROM mysql.user WHERE User = '{name}'")
                for name in (base.username, f"{base.username}_clone")
            ]
            assert rows[0] == rows[1]
            assert stage.level(admin, pair_of(base.username))[1] == []


class TestMethodsOfMySQL:
    def test_the_method_is_levelled(self, mysql: Stage) -> None:
        """The clone logs in by what its base logs in by, also after the base's was changed."""
        base, admin = mysql.user(), mysql.admin()
        for method in ("caching_sha2_password", "sha256_password", "caching_sha2_password"):
            mysql.run(f"ALTER USER {base.username} IDENTIFIED WITH {method} BY '{base.password.reveal()}'")
            idle, _ = mysql.level(admin, pair_of(base.username))
            assert mysql.run(f"SELECT plugin FROM mysql.user WHERE User = '{idle.username}'") == [(method,)]
            assert mysql.accepts(idle)
            again, _ = mysql.level(admin, pair_of(base.username, promote="base"))
            assert mysql.run(f"SELECT plugin FROM mysql.user WHERE User = '{base.username}'") == [(method,)]
            with mysql.login(again):
                base = again


class TestMariaDB:
    def test_one_changes_ones_own_password_as_a_hash(self, mariadb: Stage) -> None:
        """SET PASSWORD is allowed to everybody, ALTER USER is not (1227)."""
        user, new = mariadb.user(), mariadb.password()
        assert code(mariadb, user, f"{OWN} 'x'") == 1227
        assert code(mariadb, user, f"SET PASSWORD = '{native_hash(new)}'") == 0
        assert mariadb.accepts(replace(user, password=new))

    def test_a_user_sees_its_own_hash(self, mariadb: Stage) -> None:
        """So what SHOW CREATE USER answers is never logged, nor kept in what an error shows."""
        user = mariadb.user()
        (row,) = mariadb.as_clients_see(user, "SHOW CREATE USER CURRENT_USER()")
        assert native_hash(user.password) in row[0]

    @pytest.mark.parametrize("check", ["simple_password_check", "password_reuse_check"])
    def test_a_check_of_passwords(self, mariadb: Stage, check: str) -> None:
        """Where hashes are taken a check sees none; where they are not, each act says why, and changes nothing."""
        base, admin = mariadb.user(), mariadb.admin()
        idle, _ = mariadb.level(admin, pair_of(base.username))
        mariadb.run(f"INSTALL SONAME '{check}'")
        try:
            with mariadb.login(admin) as session:
                for act in (session.set_password, session.rehearse_password):
                    with pytest.raises(StatementFailed, match="clear text only"):
                        act(idle.username, mariadb.password())
                with pytest.raises(StatementFailed, match="clear text only"):
                    session.disable_password(idle.username)
            assert mariadb.accepts(idle)
            mariadb.run("SET GLOBAL strict_password_validation = OFF")
            idle, _ = mariadb.level(admin, pair_of(base.username))
            assert mariadb.accepts(idle)
            with mariadb.login(admin) as session:
                session.disable_password(idle.username)
            assert not mariadb.accepts(idle)
        finally:
            mariadb.run("SET GLOBAL strict_password_validation = ON", f"UNINSTALL SONAME '{check}'")
