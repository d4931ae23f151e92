"""How the password of a user is changed without rejecting its clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from rotation.errors import GuardViolation, InvalidSettings
from rotation.model import StrategyName
from rotation.strategies.alternating_users import AlternatingUsers
from rotation.strategies.proxies import require_database
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
    """
    Choose by the secret's own word, else the function's, else by whether the secret names an admin secret.

    Without an admin secret, a user keeps two passwords where servers of the engine may do that.

    Raises InvalidSettings for a strategy that this engine does not have, or that lacks its admin secret. Raises
    GuardViolation for a proxy that stands where the database should, or that does not know both users of a pair.
    """
    require_database(secret)
    alone = StrategyName.RETAINED_PASSWORD if secret.two_passwords else StrategyName.SINGLE_USER
    default = StrategyName.ALTERNATING_USERS if secret.admin_arn else alone
    name = secret.overrides.strategy or settings.strategy or default
    where = f"version {secret.version} of {secret.arn}"
    if name is StrategyName.RETAINED_PASSWORD and not secret.two_passwords:
        raise InvalidSettings(
            f"The strategy {name} is not possible with this engine",
            where=where,
            remedy=f"Choose one of {', '.join(other for other in STRATEGIES if other != name)}.",
        )
    if name is StrategyName.ALTERNATING_USERS and secret.admin_arn is None:
        raise InvalidSettings(
            f"The strategy {name} needs an admin secret, and the secret names none",
            where=where,
            remedy='Add "masterarn" with the ARN of a secret whose user may create users, or choose single-user.',
        )
    behind = secret.overrides.host or secret.overrides.port
    if name is StrategyName.ALTERNATING_USERS and behind and not settings.proxy_knows_both_users:
        raise GuardViolation(
            f"The strategy {name} behind a proxy needs both users registered with the proxy",
            where=where,
            remedy="Register a secret for each of them, then set PROXY_KNOWS_BOTH_USERS to true; or choose another "
            "strategy.",
        )
    return STRATEGIES[name]
