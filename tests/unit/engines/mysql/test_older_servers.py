"""What is said to servers that were not there to try, and what stands in an admin's way: with a connection played."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import pytest

from rotation.engines.mysql import applying, levelling, passwords, preparing, retaining, rights
from rotation.engines.mysql import changes as changing
from rotation.engines.mysql.accounts import State, attributes_of, default_options, read_grants
from rotation.engines.mysql.connection import Account, Connection
from rotation.engines.mysql.faults import FAILED, IN_HISTORY, NO_SUCH_THREAD, STATEMENT
from rotation.engines.mysql.grants import Grant, Kind
from rotation.engines.mysql.session import MySQLSession
from rotation.errors import PasswordRejected, PermissionDenied, ReadOnlyServer, StatementFailed
from rotation.model import Mark, Password

APP = Account("app", "%")


class Played:
    """A connection that remembers what was run, and fails where it is told to."""

    where = "here"
    user = "app"
    account = APP
    is_mariadb = False
    quotes_certificates = False
    mandatory_roles = ""

    def __init__(self, *, modern: bool = False, fails: int = 0) -> None:
        self.verifies_current = self.keeps_two_passwords = self.keeps_attributes = modern
        self.fails = fails
        self.password = Password("old-password")
        self.said: list[str] = []
        self.answers: dict[str, list[tuple[Any, ...]]] = {}

    def literal(self, text: str | Password) -> str:
        return f"'{text if isinstance(text, str) else text.reveal()}'"

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        self.said.append(statement)
        if self.fails:
            raise (STATEMENT.get(self.fails) or FAILED).at("here", self.fails)
        return next((rows for start, rows in self.answers.items() if statement.startswith(start)), [(1,)])

    def recall(self, query: str) -> list[tuple[Any, ...]]:
        return self.run(query)

    def only(self, rows: list[tuple[Any, ...]]) -> Any:  # noqa: ANN401 a column's value
        return rows[0][0]

    def one(self, statement: str) -> Any:  # noqa: ANN401 a column's value
        return self.only(self.run(statement))


def play(*, modern: bool = False, fails: int = 0) -> tuple[Played, Connection]:
    """Return a connection in both of its roles."""
    played = Played(modern=modern, fails=fails)
    return played, cast("Connection", played)


def state(*held: Grant) -> State:
    """Return an account that holds something."""
    return State(APP, "caching_sha2_password", False, (), False, default_options(), frozenset(held), {})  # noqa: FBT003


def test_a_server_without_replace_is_told_the_new_password_only() -> None:
    """MySQL 5.7 knows ALTER USER USER() and neither REPLACE nor a second password."""
    played, connection = play()
    passwords.set_password(connection, "app", Password("new-password"))
    assert played.said == ["ALTER USER USER() IDENTIFIED BY 'new-password'"]
    assert attributes_of(connection, APP) == {}
    assert "keeps one password" in (retaining.retention_obstacle(connection, "app") or "")


def test_on_a_server_with_one_password_a_user_has_no_second_one_to_end() -> None:
    """MySQL 5.7 is told a hash that no password has, and nothing of a second password."""
    played, connection = play()
    played.answers = {
        "SHOW CREATE USER": [("CREATE USER 'app'@'%' IDENTIFIED WITH 'mysql_native_password' AS '*AB' REQUIRE NONE",)],
        "SHOW GRANTS": [("GRANT USAGE ON *.* TO 'app'@'%'",)],
    }
    passwords.disable_password(connection, "app")
    assert played.said[-1].startswith("ALTER USER `app`@`%` IDENTIFIED WITH mysql_native_password AS '*THISISNOT")


@pytest.mark.parametrize("fails", [NO_SUCH_THREAD, 1205])
def test_a_session_that_ended_by_itself_is_not_counted(monkeypatch: pytest.MonkeyPatch, fails: int) -> None:
    """1094 says that the thread is gone already; any other failure is one."""
    played, connection = play()
    played.answers = {"SHOW PROCESSLIST": [(7, "app"), (1, "app"), (9, "other")]}
    answered = played.run

    def run(statement: str) -> list[tuple[Any, ...]]:
        played.fails = fails if statement == "KILL 7" else 0
        return answered(statement)

    monkeypatch.setattr(played, "run", run)
    if fails == NO_SUCH_THREAD:
        assert MySQLSession(connection).end_sessions("app") == 0
    else:
        with pytest.raises(StatementFailed):
            MySQLSession(connection).end_sessions("app")
    assert [said for said in played.said if "KILL" in said] == ["KILL 7"]


def test_a_server_with_two_passwords_and_no_attributes() -> None:
    """From 8.0.14 to 8.0.20 there is RETAIN, and no place for a mark."""
    played, connection = play(modern=True)
    played.keeps_attributes = False
    two = Password("old-password"), Password("new-password")
    assert retaining.retain_password(connection, "app", two, Mark("arn", "app", "v"), "u")
    assert played.said[0].endswith("IDENTIFIED BY 'new-password' REPLACE 'old-password' RETAIN CURRENT PASSWORD")
    assert levelling.mark(connection, cast("Any", None), state()) == ""


@pytest.mark.parametrize("fails", [3892, 1290])
def test_another_failure_than_a_lost_first_place_is_told(fails: int) -> None:
    """Only 3891 leads on."""
    _, connection = play(modern=True, fails=fails)
    with pytest.raises(StatementFailed):
        passwords.set_password(connection, "app", Password("new-password"))
    two = Password("old-password"), Password("new-password")
    with pytest.raises(StatementFailed):
        retaining.retain_password(connection, "app", two, Mark("arn", "app", "v"), "u")


def test_a_right_that_is_missing_is_told_with_the_grant() -> None:
    """Whatever the act, the message says who may not do it, and what would help."""
    _, connection = play(modern=True, fails=1227)
    said = "may not change the password of app"
    with pytest.raises(PermissionDenied, match=said):
        passwords.set_password(connection, "app", Password("new-password"))
    with pytest.raises(PermissionDenied, match=said):
        retaining.discard_retained(connection, "app")


def test_mariadb_with_a_check_of_clear_passwords_is_refused_beforehand() -> None:
    """A hash would not be taken, and clear text would stand in the log."""
    played, connection = play()
    played.is_mariadb = True
    with pytest.raises(StatementFailed, match="clear text only"):
        passwords.require_policy(connection, "app", Password("new-password"))


def test_an_account_of_which_nothing_is_known_holds_nothing() -> None:
    """1141 is how a server says that there are no grants; any other failure is one."""
    _, connection = play(fails=1133)
    with pytest.raises(StatementFailed):
        read_grants(connection, APP)
    _, connection = play(fails=1141)
    assert read_grants(connection, APP) == frozenset()


@pytest.mark.parametrize("row", ["GRANT hunter2 SOMEHOW", "REVOKE hunter2", "SET hunter2", ""])
def test_a_grant_of_a_form_that_is_not_known(row: str) -> None:
    """A server that has learned something new is told as that, without its words."""
    played, connection = play()
    played.answers = {"SHOW GRANTS": [(row,)]}
    for asked in (partial(read_grants, connection, APP), partial(rights.held_by_login, connection)):
        with pytest.raises(StatementFailed, match="form that is not known") as caught:
            asked()
        assert caught.value.__cause__ is None
        assert "hunter2" not in f"{caught.value} {caught.value!r}"


def test_what_would_be_lost_is_named() -> None:
    """A default role and a role are named; what the base may pass on it holds as well."""
    role = Grant(Kind.ROLE, "`r`@`%`")
    default = Grant(Kind.DEFAULT_ROLE, "`r`@`%`")
    made, granted, begun_with = levelling.lost_on_base(state(), state(role, default), frozenset())
    assert made == []
    assert [str(one) for one in granted] == ["GRANT `r`@`%` TO `app`@`%`"]
    assert [str(one) for one in begun_with] == ["make `r`@`%` a default role of `app`@`%`"]
    assert levelling.lost_on_base(state(role._replace(option=True)), state(role), frozenset()) == ([], [], [])


@pytest.mark.parametrize(("fails", "kind"), [(1290, ReadOnlyServer), (1205, StatementFailed), (1064, StatementFailed)])
def test_an_error_of_levelling_names_its_statement(fails: int, kind: type[StatementFailed]) -> None:
    """Object and account stand in the statement; a password, which comes in other clauses, is not said."""
    _, connection = play(fails=fails)
    both = frozenset({Grant(Kind.PRIVILEGE, "SELECT", "`d`.*"), Grant(Kind.PRIVILEGE, "INSERT", "`d`.*")})
    for change in changing.changes(both, frozenset(), APP):
        with pytest.raises(kind, match=r"GRANT INSERT.* ON `d`\.\* TO `app`@`%`"):
            applying.carry_out(connection, change, [])
    with pytest.raises(kind, match="ALTER USER `app`@`%`") as caught:
        applying.run(connection, f"ALTER USER {APP}", "IDENTIFIED BY 'hunter2'")
    assert "hunter2" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


def test_what_is_to_be_taken_may_have_gone_by_itself() -> None:
    """A routine that is dropped takes the grants on it along."""
    _, connection = play(fails=1403)
    told: list[str] = []
    [change] = changing.changes(frozenset(), frozenset({Grant(Kind.PRIVILEGE, "EXECUTE", "PROCEDURE `d`.`p`")}), APP)
    assert applying.carry_out(connection, change, told) == set()
    assert told == ["REVOKE EXECUTE ON PROCEDURE `d`.`p` FROM `app`@`%`"]


def test_a_server_without_attributes_keeps_no_record_of_a_pair() -> None:
    """Before 8.0.21 there is no place for it, before 8.0.14 none for a second password: only the password is said."""
    played, connection = play()
    preparing._open(connection, cast("Any", None), state(), state(), "IDENTIFIED BY 'x'")  # noqa: SLF001 the one place
    assert played.said == ["ALTER USER `app`@`%` IDENTIFIED BY 'x'"]


def test_a_history_that_refuses_leaves_no_record_where_there_is_no_place_for_it() -> None:
    """From 8.0.14 to 8.0.20 what is left to do is to look for a second password."""
    played, connection = play(modern=True, fails=IN_HISTORY)
    played.keeps_attributes = False
    with pytest.raises(PasswordRejected):
        preparing._open(connection, cast("Any", None), state(), state(), "IDENTIFIED BY 'x'")  # noqa: SLF001 the one place
    assert [said.split()[0] for said in played.said] == ["ALTER", "SELECT"]
