"""Which strategy a secret is rotated by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotation.errors import GuardViolation, InvalidSettings
from rotation.model import StrategyName
from rotation.strategies.proxies import require_database

if TYPE_CHECKING:
    from rotation.model import Secret
    from rotation.settings import Settings


def name_for(secret: Secret, settings: Settings) -> StrategyName:
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
            remedy=f"Choose one of {', '.join(other for other in StrategyName if other != name)}.",
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
    return name
