"""What the driver's errors become."""

from __future__ import annotations

import inspect

import psycopg2
import pytest
from psycopg2 import errors, extensions

from rotation.engines.postgresql.faults import CLASSES, SQLSTATES, translate
from rotation.errors import PermissionDenied, StatementFailed, Unreachable

SECRET = "SCRAM-SHA-256$4096:c2FsdA==$aGFzaA=="


def driver_error(code: str, text: str = SECRET) -> psycopg2.Error:
    error: psycopg2.Error = errors.lookup(code)(text)
    vars(psycopg2.Error)["__setstate__"](error, {"pgcode": code})  # the driver alone fills it, else
    return error


def test_the_table_knows_every_exception_of_the_driver() -> None:
    """A driver that grows an exception class makes this test fail, not a rotation."""
    named = {
        value
        for module in (psycopg2, extensions)
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert named == set(CLASSES)


def test_every_class_of_an_sqlstate_descends_from_one_that_the_table_knows() -> None:
    """The driver's classes by SQLSTATE are all found by their ancestors."""
    classes = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert len(classes) > 200
    assert all(any(base in CLASSES for base in kind.__mro__) for kind in classes)


@pytest.mark.parametrize("code", [code for code in SQLSTATES if len(code) == 5])
def test_an_sqlstate_decides_before_the_class(code: str) -> None:
    """A code that the table has is what counts, and the driver's text is not kept."""
    error = translate(driver_error(code), "here")
    assert (type(error), error.code) == (SQLSTATES[code].kind, code)
    assert SECRET not in f"{error} {error!r}"


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("42501", PermissionDenied, False),
        ("57014", StatementFailed, True),
        ("57P01", Unreachable, True),
        ("57P05", Unreachable, True),
        ("25P04", Unreachable, True),
        ("08006", Unreachable, True),
        ("57000", StatementFailed, False),
        ("28000", StatementFailed, False),
        ("58030", StatementFailed, False),
        ("40P01", StatementFailed, True),
        ("53300", StatementFailed, True),
        ("42601", StatementFailed, False),
        ("XX000", StatementFailed, False),
    ],
)
def test_codes_have_the_meaning_that_their_class_has(
    code: str,
    kind: type[Exception],
    retryable: bool,  # noqa: FBT001
) -> None:
    """Lost connections, conflicts and lacking rights are told apart."""
    error = translate(driver_error(code), "here")
    assert (type(error), error.retryable) == (kind, retryable)


def test_a_conflict_that_postgresql_has_no_code_for_is_known_by_its_text() -> None:
    """Two ALTER ROLE at once end in XX000, which may be tried again for this text alone."""
    assert translate(driver_error("XX000", "tuple concurrently updated"), "here").retryable


def test_who_answers_with_a_code_is_still_there() -> None:
    """The driver's word for a lost connection counts only where the server said nothing."""
    for kind in (psycopg2.OperationalError, psycopg2.InterfaceError):
        error = kind(SECRET)
        vars(psycopg2.Error)["__setstate__"](error, {"pgcode": "28000"})
        assert type(translate(error, "here")) is StatementFailed


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_without_a_code_is_known_by_its_class(kind: type[Exception]) -> None:
    """Errors of the driver itself carry no SQLSTATE."""
    assert type(translate(kind(SECRET), "here")) is CLASSES[kind].kind
