"""Parameters that hold what a secret holds, for readers that ask Parameter Store."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from rotation.errors import NotOurs, StoreUnavailable
from rotation.stores.parameter_store.parameters import Busy, Parameters, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.stores.parameter_store.parameters import Clients, Version


class ParameterMirrors:
    """
    The mirrors of all secrets. A parameter is one of a secret's if its description names that secret's ARN.

    Whoever may write a secret could otherwise have another secret's mirror overwritten, by naming it.
    """

    def __init__(self, clients: Callable[[], Clients]) -> None:
        """Know what makes the clients, which are made when the first mirror is looked at."""
        self._clients = clients

    def value(self, name: str) -> str:
        """Read one: one GetParameter."""
        return self._parameters.newest(name).value

    def write(self, name: str, arn: str, value: str) -> None:
        """Write one with the key, tier and pattern that it has: GetParameterHistory and PutParameter."""
        settings = self._owned(name, arn).settings
        try:
            self._parameters.overwrite(name, value, settings)
        except (Busy, Unanswered):
            raise StoreUnavailable(
                "PutParameter of a mirror got no answer, or others were just writing it",
                where=name,
                remedy="The retry looks again.",
            ) from None

    def check(self, name: str, arn: str) -> None:
        """See that it may be written: one GetParameterHistory."""
        self._owned(name, arn)

    def _owned(self, name: str, arn: str) -> Version:
        newest = self._parameters.history(name)[-1]
        if arn not in newest.settings.get("Description", "").split():
            raise NotOurs(
                "The parameter does not say that it mirrors this secret",
                where=name,
                remedy=f"Write it again with a description that names the secret: {arn}.",
            )
        return newest

    @cached_property
    def _parameters(self) -> Parameters:
        return Parameters(self._clients())
