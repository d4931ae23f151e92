"""What the errors of MongoDB's driver become."""

from __future__ import annotations

import inspect

import pytest
from bson.errors import BSONError, InvalidDocument
from pymongo import common, errors

from rotation.engines.documentdb.faults import CLASSES, CODES, LOGIN_CODES, by_code, refusal, translate
from rotation.errors import StatementFailed, Unreachable

SECRET = "pw-in-the-drivers-text"
FOREIGN = {OSError, BSONError, Exception}


def driver_error(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    Exception.__init__(error, SECRET)
    return error


def test_the_table_knows_every_exception_of_the_driver() -> None:
    """A driver that grows an exception class makes this test fail, not a rotation."""
    named = {
        value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception) and not name.startswith("_")
    }
    assert named - {InvalidDocument} == set(CLASSES) - FOREIGN


def test_the_driver_speaks_with_documentdb_4() -> None:
    """Amazon DocumentDB 4.0 offers version 7 of the wire protocol; PyMongo 4.14 and later want a newer one."""
    assert common.MIN_SUPPORTED_WIRE_VERSION <= 7


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_without_a_code_is_known_by_its_class(kind: type[Exception]) -> None:
    """And the driver's text is not kept."""
    error = translate(driver_error(kind), "here")
    assert type(error) is CLASSES[kind].kind
    assert SECRET not in f"{error} {error!r}"


def test_an_error_of_no_known_class_is_a_failed_statement() -> None:
    """Nothing is concluded from it."""
    assert type(translate(RuntimeError(SECRET), "here")) is StatementFailed


@pytest.mark.parametrize("code", CODES)
def test_a_code_decides_before_the_class(code: int) -> None:
    """A code that the table has is what counts."""
    error = translate(errors.OperationFailure(SECRET, code), "here")
    assert (type(error), error.code) == (CODES[code].kind, str(code))
    assert SECRET not in f"{error} {error!r}"


def test_the_code_of_a_node_that_is_not_primary_stands_in_the_details() -> None:
    """The driver raises a class without a code for it."""
    assert translate(errors.NotPrimaryError(SECRET, {"code": 189}), "here").code == "189"


def test_wrong_credentials_are_only_told_at_the_login() -> None:
    """Later the same code means that the session has lost its login."""
    lost = errors.OperationFailure(SECRET, 18)
    assert type(refusal(lost, "here")) is LOGIN_CODES[18].kind
    assert type(translate(lost, "here")) is Unreachable


@pytest.mark.parametrize(("code", "shown"), [(64, "64"), (100, "100"), (None, ""), ("text", "")])
def test_what_stands_beside_an_answer_is_retryable(code: object, shown: str) -> None:
    """A majority that did not confirm may have the change or not."""
    error = by_code(code, "here")
    assert (error.retryable, error.code) == (True, shown)
