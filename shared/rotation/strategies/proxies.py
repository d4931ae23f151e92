"""A proxy knows AWSCURRENT alone: what is changed and proven is never one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rotation.errors import OWN_ENDPOINT, GuardViolation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rotation.delivery import Delivery
    from rotation.model import Secret

_PROXY: Final = re.compile(r".+\.proxy-[a-z0-9-]+\.[a-z0-9-]+\.rds\.amazonaws\.com(\.cn)?\.?", re.IGNORECASE)
_AMAZON: Final = re.compile(r".+\.rds\.amazonaws\.com(\.cn)?\.?|[0-9.]+|.*:.*", re.IGNORECASE)


def require_own_name(delivery: Delivery, secret: Secret) -> None:
    """Raise GuardViolation where the host is another name (a CNAME) of an RDS Proxy."""
    host = secret.address.host
    if host and not _AMAZON.fullmatch(host):  # what RDS itself names is no other name of a proxy
        require_database(secret, delivery.names_of(host, delivery.deadline))


def require_database(secret: Secret, names: Iterable[str] = ()) -> None:
    """
    Raise GuardViolation where the host is an RDS Proxy: it knows AWSCURRENT alone, and refuses what is to be proven.

    No other host has such a name (RDS user guide, "Connecting to a database through RDS Proxy").
    """
    if any(_PROXY.fullmatch(name) for name in (secret.address.host, *names)):
        raise GuardViolation(
            "The host is an RDS Proxy, which accepts nothing but AWSCURRENT",
            where=str(secret.address),
            remedy=OWN_ENDPOINT,
        )
