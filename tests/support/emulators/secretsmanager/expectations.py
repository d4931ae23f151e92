"""How a test says that the service refuses something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable


def refusal(call: Callable[..., object], **parameters: object) -> tuple[str, str]:
    """Return the error code and message with which the service refuses a call; it must refuse."""
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    message = "the service accepted what it should refuse"
    raise AssertionError(message)


def error_code(call: Callable[..., object], **parameters: object) -> str:
    """Return the error code alone."""
    return refusal(call, **parameters)[0]
