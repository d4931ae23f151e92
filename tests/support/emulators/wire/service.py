"""What a call passes through in every emulated service: a note of how it ends, and what carries it out."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.support.emulators.wire.errors import ConnectionCut, ServiceError, answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from tests.support.emulators.wire.server import Response

LOG: Final = logging.getLogger(__name__)
OPERATOR: Final = "operator"
"""As whom the journal knows the tests themselves."""


@dataclass(kw_only=True)
class Entry:
    """A call in a service's journal. `outcome` is "ok", the error's code, or "cut" when no answer was given."""

    number: int
    operation: str
    caller: str
    parameters: Mapping[str, Any]
    at: datetime
    step: str | None = None
    outcome: str = "running"


@contextmanager
def answered(call: Entry) -> Iterator[None]:
    """Note by what a call is answered: a result, or an error."""
    try:
        yield
    except ServiceError as error:
        call.outcome = error.code
        raise
    call.outcome = "ok"


@contextmanager
def answered_or_cut(call: Entry) -> Iterator[None]:
    """Do the same for a client, on whom the service hangs up where anything else is raised."""
    try:
        with answered(call):
            yield
    except ServiceError:
        raise
    except BaseException as error:
        call.outcome = "cut"
        raise ConnectionCut from error


def carried_out(operation: str, run: Callable[[], Response]) -> Response:
    """Return what an operation answers; a defect of the emulator is logged, and its answer fits no test."""
    try:
        return run()
    except ServiceError:
        raise
    except Exception as error:
        LOG.exception("defect in the emulated %s", operation)
        raise answer(f"defect of the emulator: {type(error).__name__}", code="InternalFailure") from error
