"""A proxy knows AWSCURRENT alone: what is changed and proven is never one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rotation.endpoints import endpoint
from rotation.errors import OWN_ENDPOINT, GuardViolation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rotation.delivery import Delivery
    from rotation.model import Secret

_ADDRESS: Final = re.compile(r"[0-9.]+|.*:.*")


def require_own_name(delivery: Delivery, secret: Secret) -> None:
    """Raise GuardViolation where the host is another name (a CNAME) of an RDS Proxy."""
    host = secret.address.host
    if host and not endpoint(host) and not _ADDRESS.fullmatch(host):  # what Amazon names is no other name of a proxy
        require_database(secret, delivery.names_of(host, delivery.deadline))


def require_database(secret: Secret, names: Iterable[str] = ()) -> None:
    """
    Raise GuardViolation where the host is an RDS Proxy: it knows AWSCURRENT alone, and refuses what is to be proven.

    No other host has such a name (RDS user guide, "Connecting to a database through RDS Proxy").
    """
    found = (endpoint(name) for name in (secret.address.host, *names))
    if any(one is not None and one.kind == "proxy" for one in found):
        raise GuardViolation(
            "The host is an RDS Proxy, which accepts nothing but AWSCURRENT",
            where=str(secret.address),
            remedy=OWN_ENDPOINT,
        )
