"""The error table: every number where it should lead, every class known, no text shown."""

from __future__ import annotations

import inspect

import pymysql.err
import pytest

from rotation.engines.mysql import faults
from rotation.engines.mysql.faults import CLASSES, LOGIN, STATEMENT, refusal, translate
from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    EngineError,
    PasswordRejected,
    PermissionDenied,
    StatementFailed,
    TlsFailed,
    Unreachable,
)

PASSWORD = "hunter2-hunter2"


def test_every_class_of_the_driver_is_known() -> None:
    """A class that PyMySQL grows has to be put into the table."""
    found = {kind for _, kind in inspect.getmembers(pymysql.err, inspect.isclass) if issubclass(kind, Exception)}
    assert {kind for kind in found if kind.__module__ == "pymysql.err"} == set(CLASSES)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1045, AuthenticationFailed),
        (1044, AccountUnusable),
        (1040, Unreachable),
        (2026, TlsFailed),
        (3118, AccountUnusable),
    ],
)
def test_a_number_while_logging_in(number: int, kind: type[EngineError]) -> None:
    """It leads to its kind, with its number and without the driver's text."""
    error = refusal(pymysql.err.OperationalError(number, f"near '{PASSWORD}'"), "here")
    assert type(error) is kind
    assert error.code == str(number)
    assert PASSWORD not in f"{error} {error!r} {vars(error)}"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1045, PermissionDenied),
        (1819, PasswordRejected),
        (4165, PasswordRejected),
        (3638, PasswordRejected),
        (2013, Unreachable),
        (1064, StatementFailed),
    ],
)
def test_a_number_after_the_login(number: int, kind: type[EngineError]) -> None:
    """The same number may mean another thing there."""
    error = translate(pymysql.err.ProgrammingError(number, f"near '{PASSWORD}'"), "here")
    assert type(error) is kind
    assert PASSWORD not in f"{error} {error!r} {vars(error)}"


def test_what_the_driver_trips_over_shows_nothing() -> None:
    """A text that cannot be read or sent may hold the statement."""
    for error in (translate(ValueError(PASSWORD), "here"), refusal(ValueError(PASSWORD), "here")):
        assert isinstance(error, Unreachable)
        assert PASSWORD not in f"{error} {error!r}"


def test_a_package_that_is_missing_reads_as_a_method_that_needs_tls() -> None:
    """PyMySQL asks for cryptography by a RuntimeError."""
    error = refusal(RuntimeError("'cryptography' package is required"), "here")
    assert isinstance(error, AccountUnusable)
    assert '"ssl": false' in error.remedy


def test_a_number_that_is_not_listed() -> None:
    """The server's own ends this credential; the driver's own is a broken connection."""
    assert isinstance(refusal(pymysql.err.OperationalError(1999, ""), "h"), AccountUnusable)
    assert isinstance(refusal(pymysql.err.OperationalError(2999, ""), "h"), Unreachable)
    assert isinstance(refusal(pymysql.err.OperationalError("no number"), "h"), Unreachable)
    assert isinstance(translate(pymysql.err.InterfaceError(0, ""), "h"), Unreachable)
    assert faults.number_of(pymysql.err.Error()) == 0


def test_locked_accounts_say_so() -> None:
    """No further attempt is made where it would do harm or no good."""
    for number, accepted in ((3118, True), (4151, True), (3955, False), (4150, False)):
        error = LOGIN[number].at("h", number)
        assert isinstance(error, AccountUnusable)
        assert error.locked
        assert error.password_accepted is accepted


def test_conflicts_are_retryable() -> None:
    """A lock or a deadlock passes."""
    assert all(STATEMENT[number].at("h").retryable for number in (1205, 1213, 3891))
