"""Parameters that hold what a secret holds, for readers that ask Parameter Store."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from rotation.errors import NotOurs, StoreUnavailable
from rotation.stores.parameter_store import layouts
from rotation.stores.parameter_store.parameters import Busy, Parameters, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.model import Credential
    from rotation.stores.parameter_store.parameters import Clients, Version


class ParameterMirrors:
    """
    The mirrors of all secrets. A parameter is one of a secret's if its description names that secret's ARN.

    Whoever may write a secret could otherwise have another secret's mirror overwritten, by naming it.
    """

    def __init__(self, clients: Callable[[], Clients]) -> None:
        """Know what makes the clients, which are made when the first mirror is looked at."""
        self._clients = clients

    def constant_names(self, name: str) -> bool:
        """Return whether it is the password of a tree, beside which the user's name stands."""
        return layouts.is_leaf(name)

    def value(self, name: str) -> str:
        """Read one: one GetParameter."""
        return self._parameters.newest(name).value

    def shown(self, name: str, held: str, value: str, credential: Credential) -> str:
        """Return what it is to hold, in the layouts of credentials that are kept here."""
        return layouts.mirrored(name, held, value, credential)

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
        """
        See that it may be written: GetParameterHistory, GetParameter, and a PutParameter that overwrites nothing.

        Whoever may not put is denied before the service sees that the parameter exists. What is put is what it holds,
        so that no check of the value stands in the way.
        """
        settings = self._owned(name, arn).settings
        self._parameters.create(name, self.value(name), settings)

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
