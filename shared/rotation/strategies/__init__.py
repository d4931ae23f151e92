"""How the password of a user is changed without rejecting its clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from rotation.model import StrategyName
from rotation.strategies.alternating_users import AlternatingUsers
from rotation.strategies.choice import name_for
from rotation.strategies.retained_password import RetainedPassword
from rotation.strategies.single_user import SingleUser

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rotation.delivery import Delivery
    from rotation.model import Password, Provenance, Secret
    from rotation.settings import Settings


class Strategy(Protocol):
    """What a strategy does in each step. All methods raise RotationError and may be called again after any crash."""

    @property
    def name(self) -> StrategyName:
        """The name by which settings and secrets choose it."""
        ...

    def propose(self, delivery: Delivery, current: Secret) -> tuple[str, Provenance | None]:
        """Name the user of the new credential, after a check of all that needs no server."""

    def set(self, delivery: Delivery) -> None:
        """Prepare the server, without taking anything from the clients of AWSCURRENT."""

    def test(self, delivery: Delivery) -> None:
        """Prove that what finishSecret will do can be done."""

    def finish(self, delivery: Delivery) -> None:
        """Make the pending version the current one; the server accepts it by then."""

    def rehearse(self, delivery: Delivery, current: Secret, password: Password) -> Sequence[str]:
        """Check all that a rotation needs, change nothing, and say what one would change."""

    def revoke(self, delivery: Delivery, previous: Secret, *, end_sessions: bool) -> int:
        """End AWSPREVIOUS's password, and its user's sessions where asked; give how many sessions ended."""


STRATEGIES: Final[Mapping[StrategyName, Strategy]] = {
    StrategyName.SINGLE_USER: SingleUser(),
    StrategyName.RETAINED_PASSWORD: RetainedPassword(),
    StrategyName.ALTERNATING_USERS: AlternatingUsers(),
}


def strategy_for(secret: Secret, settings: Settings) -> Strategy:
    """Return the strategy of that name. Raises InvalidSettings or GuardViolation, as the choice of the name does."""
    return STRATEGIES[name_for(secret, settings)]
