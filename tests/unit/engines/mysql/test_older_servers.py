"""What is said to servers that were not there to try, and what stands in an admin's way: with a connection played."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest

from rotation.engines.mysql import levelling, passwords
from rotation.engines.mysql.accounts import State, attributes_of, default_options, read_grants
from rotation.engines.mysql.connection import Account
from rotation.engines.mysql.faults import STATEMENT
from rotation.engines.mysql.grants import Grant, Kind
from rotation.errors import PermissionDenied, StatementFailed
from rotation.model import Mark, Password

if TYPE_CHECKING:
    from rotation.engines.mysql.connection import Connection

APP = Account("app", "%")


class Played:
    """A connection that remembers what was run, and fails where it is told to."""

    where = "here"
    user = "app"
    account = APP
    is_mariadb = False
    takes_clear_passwords_only = True
    variables: ClassVar[dict[str, str]] = {}

    def __init__(self, *, modern: bool = False, fails: int = 0) -> None:
        self.verifies_current = self.keeps_two_passwords = self.keeps_attributes = modern
        self.fails = fails
        self.password = Password("old-password")
        self.said: list[str] = []

    def literal(self, text: str | Password) -> str:
        return f"'{text if isinstance(text, str) else text.reveal()}'"

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        self.said.append(statement)
        if self.fails:
            raise STATEMENT[self.fails].at("here", self.fails)
        return [(1,)]


def play(*, modern: bool = False, fails: int = 0) -> tuple[Played, Connection]:
    """Give a connection in both of its roles."""
    played = Played(modern=modern, fails=fails)
    return played, cast("Connection", played)


def state(*held: Grant) -> State:
    """Give an account that holds something."""
    return State(APP, "caching_sha2_password", False, (), False, default_options(), frozenset(held), {})  # noqa: FBT003


def test_a_server_without_replace_is_told_the_new_password_only() -> None:
    """MySQL 5.7 knows ALTER USER USER() and neither REPLACE nor a second password."""
    played, connection = play()
    passwords.set_password(connection, "app", Password("new-password"))
    assert played.said == ["ALTER USER USER() IDENTIFIED BY 'new-password'"]
    assert attributes_of(connection, APP) == {}
    assert "keeps one password" in (passwords.retention_obstacle(connection, "app") or "")


def test_a_server_with_two_passwords_and_no_attributes() -> None:
    """From 8.0.14 to 8.0.20 there is RETAIN, and no place for a mark."""
    played, connection = play(modern=True)
    played.keeps_attributes = False
    two = Password("old-password"), Password("new-password")
    assert passwords.retain_password(connection, "app", two, Mark("arn", "app", "v"), "u")
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
        passwords.retain_password(connection, "app", two, Mark("arn", "app", "v"), "u")


def test_a_right_that_is_missing_is_told_with_the_grant() -> None:
    """Whatever the act, the message says who may not do it, and what would help."""
    _, connection = play(modern=True, fails=1227)
    said = "may not change the password of app"
    with pytest.raises(PermissionDenied, match=said):
        passwords.set_password(connection, "app", Password("new-password"))
    with pytest.raises(PermissionDenied, match=said):
        passwords.discard_retained(connection, "app")


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


def test_what_would_be_lost_is_named() -> None:
    """A default role and a role are named; what the base may pass on it holds as well."""
    role = Grant(Kind.ROLE, "`r`@`%`")
    default = Grant(Kind.DEFAULT_ROLE, "`r`@`%`")
    made, lost = levelling.lost_on_base(state(), state(role, default), frozenset())
    assert made == []
    assert lost == ["GRANT `r`@`%` TO `app`@`%`", "make `r`@`%` a default role of `app`@`%`"]
    assert levelling.lost_on_base(state(role._replace(option=True)), state(role), frozenset()) == ([], [])
