"""What the engines' tables of errors are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rotation.errors import AccountUnusable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation.errors import EngineError


class Fault(NamedTuple):
    """
    An error to raise, in words of ours: a driver's text can quote a statement, and with it a password.

    ``retryable`` None leaves it to the error's class; ``accepted`` and ``locked`` are what an AccountUnusable tells.
    """

    engine: str
    kind: type[EngineError]
    what: str
    remedy: str = ""
    retryable: bool | None = None
    accepted: bool = False
    locked: bool = False

    def at(self, where: str, code: object = "") -> EngineError:
        """Make the error, with the place and the server's code, if it gave one."""
        error = self.kind(self.what, engine=self.engine, code=str(code or ""), where=where, remedy=self.remedy)
        if self.retryable is not None:
            error.retryable = self.retryable
        if isinstance(error, AccountUnusable):
            error.password_accepted, error.locked = self.accepted, self.locked
        return error


def by_class(faults: Mapping[type, Fault], error: BaseException) -> Fault:
    """Return the fault of the error's nearest class. The table holds what every error of the driver descends from."""
    return next(faults[kind] for kind in type(error).__mro__ if kind in faults)
