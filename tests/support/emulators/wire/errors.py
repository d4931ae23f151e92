"""What an emulated service answers instead of a result."""

from __future__ import annotations


class ServiceError(Exception):
    """An error answer: `code` is the exception's name in the API reference."""

    def __init__(self, code: str, message: str) -> None:
        """Keep code and message; the HTTP status follows from the code."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """Every modelled error is HTTP 400, one of the service's own is 500 (API references, Common errors)."""
        return 500 if self.code in {"InternalServiceError", "InternalServerError", "InternalFailure"} else 400


class ConnectionCut(Exception):
    """Raised to drop the connection without an answer."""


def answer(message: str, *, code: str) -> ServiceError:
    """Return an error of any name."""
    return ServiceError(code, message)
