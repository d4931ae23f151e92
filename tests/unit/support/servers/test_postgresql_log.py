"""Logins are read from the prefix of a server's log, never from its words."""

from __future__ import annotations

import datetime as dt

from tests.support.servers import postgresql_log


def line(session: str, code: str, doing: str, user: str, message: str) -> str:
    """Write a line as LINE_PREFIX makes the server write it."""
    return f"2026-01-02 03:04:05.678 UTC\t{session}\t{code}\t{doing}\tshop\t{user}\t{message}\n"


def test_the_words_of_a_line_do_not_matter() -> None:
    """A refusal is told by its SQLSTATE in a language that nobody here reads."""
    text = line("a.1", "28P01", "authentication", "app", "ВАЖНО:  пользователь не прошёл проверку")
    (login,) = postgresql_log.read(text).refused
    assert (login.user, login.database, login.code) == ("app", "shop", "28P01")
    assert login.time == dt.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=dt.UTC)


def test_a_login_counts_once() -> None:
    """Several lines about one session are one login."""
    text = line("a.1", "00000", "authentication", "app", "LOG:  authenticated")
    text += line("a.1", "00000", "authentication", "app", "LOG:  authorized")
    assert len(postgresql_log.read(text).accepted) == 1


def test_a_refusal_after_the_password_is_a_refusal() -> None:
    """A limit that the server finds after it accepted the password refuses the login."""
    text = line("a.1", "00000", "authentication", "app", "LOG:  authorized")
    text += line("a.1", "53300", "startup", "app", "FATAL:  too many connections")
    logins = postgresql_log.read(text)
    assert [login.code for login in logins.refused] == ["53300"]
    assert logins.accepted == []


def test_a_warning_refuses_nothing() -> None:
    """A setting that the server cannot apply at the start of a session only warns."""
    text = line("a.1", "00000", "authentication", "app", "LOG:  authorized")
    text += line("a.1", "42501", "startup", "app", "WARNING:  permission denied to set role")
    assert len(postgresql_log.read(text).accepted) == 1


def test_what_fails_in_a_session_is_no_login() -> None:
    """A statement that fails is not counted, nor is a message that only looks like a line of the log."""
    text = line("a.1", "42501", "SELECT", "app", "ERROR:  permission denied")
    text += "\t" + line("a.2", "28P01", "authentication", "app", "FATAL:  forged")
    assert postgresql_log.read(text).all == ()


def test_logins_can_be_told_apart_by_user() -> None:
    """The logins of some users are those of the others left out."""
    text = "".join(line(f"a.{user}", "00000", "authentication", user, "LOG:  x") for user in "abc")
    assert [login.user for login in postgresql_log.read(text).of("a", "c").all] == ["a", "c"]
