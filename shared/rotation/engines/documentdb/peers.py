"""
The nodes of a replica set, and which of them a login may go to.

A node says who the primary is before anybody has logged in, and may say anything. So its word is followed only within
what the secret names: the domain of its host, or a host that it lists.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from rotation.address import plain
from rotation.endpoints import endpoint
from rotation.errors import GuardViolation

if TYPE_CHECKING:
    from rotation.model import Address

_CLUSTERS: Final = re.compile(r"^cluster-(ro-)?")
"""What a DocumentDB cluster's endpoint has before the domain of its instances (developer guide, "Endpoints")."""

_OF_A_REGISTRY: Final = re.compile(r"[a-z0-9]{1,3}\.[a-z]{2}")
"""Under such names a country's registry gives names away to anybody: co.uk, com.au, or.jp."""

_SHOWN: Final = re.compile(r"[A-Za-z0-9_.:-]{1,255}")


class Peer(NamedTuple):
    """One node."""

    host: str
    port: int

    def __str__(self) -> str:
        """Name it; a name that is none is not repeated, as the server made it up."""
        return f"{self.host}:{self.port}" if _SHOWN.fullmatch(self.host) else "a host whose name is none"


def require_followed(address: Address, peer: Peer, where: str) -> None:
    """Raise GuardViolation, which names the peer, unless the secret names it or its domain."""
    known = {plain(host) for host in (address.host, *address.hosts)}
    domain = _domain(peer.host)
    if plain(peer.host) in known or (domain and domain == _domain(address.host)):
        return
    raise GuardViolation(
        f"The server names {peer} as the primary of its replica set, and the secret names no such host",
        where=where,
        remedy='If that is right, take it for the secret\'s "host", or list it: "rotation": {"hosts": "…"}. '
        "It has to be reached from the function, under a name in its certificate.",
    )


def _domain(host: str) -> str:
    """
    Return what follows a name's first label, if that is a domain of somebody's; an address has none.

    The nodes of a cluster stand side by side there (Atlas: ``….abcde.mongodb.net``; DocumentDB: the cluster's own).
    """
    try:
        ip_address(host)
    except ValueError:
        domain = plain(host).partition(".")[2]
        if (named := endpoint(host)) is not None and named.service == "docdb":
            domain = _CLUSTERS.sub("", domain)
        return domain if "." in domain and not _OF_A_REGISTRY.fullmatch(domain) else ""
    return ""
