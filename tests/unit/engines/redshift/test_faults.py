"""What each error of the driver becomes, without a server."""

from __future__ import annotations

import inspect

import pytest
import scramp  # type: ignore[import-untyped]
from redshift_connector import error as driver

from rotation.engines.redshift import faults
from rotation.errors import (
    AccountUnusable,
    AuthenticationFailed,
    EngineError,
    PermissionDenied,
    StatementFailed,
    Unreachable,
)


def test_the_table_knows_every_exception_of_the_driver() -> None:
    """A class that the driver grows has to be put into the table."""
    own = {kind for _, kind in inspect.getmembers(driver, inspect.isclass) if issubclass(kind, Exception)}
    theirs = {kind for _, kind in inspect.getmembers(scramp, inspect.isclass) if issubclass(kind, Exception)}
    assert own <= faults.CLASSES.keys()
    assert {kind for kind in theirs if not issubclass(kind, scramp.ScramException)} == set()


@pytest.mark.parametrize("kind", faults.CLASSES, ids=lambda kind: kind.__name__)
def test_an_exception_of_the_drivers_own_is_no_refusal(kind: type[BaseException]) -> None:
    """Neither at a login nor later; and its text is not shown."""
    for said in (faults.refusal(kind("canary"), "there"), faults.translate(kind("canary"), "there")):
        assert not isinstance(said, AuthenticationFailed | AccountUnusable)
        assert "canary" not in f"{said} {said!r}"


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        ("08006", Unreachable, True),
        ("23505", StatementFailed, True),
        ("40001", StatementFailed, True),
        ("42501", PermissionDenied, False),
        ("42704", StatementFailed, False),
        ("42710", StatementFailed, True),
        ("53200", StatementFailed, True),
        ("55P03", StatementFailed, True),
        ("57014", StatementFailed, True),
        ("57P01", Unreachable, True),
        ("XX000", StatementFailed, True),
        ("0A000", StatementFailed, False),
    ],
)
def test_a_statements_error_goes_by_its_code(code: str, kind: type[EngineError], *, retryable: bool) -> None:
    """Whatever class the driver wraps it in."""
    for wrapped in (driver.ProgrammingError, driver.InterfaceError):
        said = faults.translate(wrapped({"C": code, "M": "canary"}), "there")
        assert (type(said), said.code, said.retryable) == (kind, code, retryable)
        assert "canary" not in str(said)


def test_an_exception_without_arguments_is_translated() -> None:
    """As a timeout has none."""
    assert isinstance(faults.translate(TimeoutError(), "there"), Unreachable)
