"""
Which version of a secret may stand in for another: the only comparison of the two.

A login proves a version as a whole, since whoever wrote it knew the password. It proves another version only if both
decide alike: where passwords go, on a way that is no less safe, by which admin, and by which rules they are made.
Whoever may write a secret without reading it could otherwise spend a password that they never saw.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rotation.address import plain
from rotation.credentials.overrides import RULES
from rotation.credentials.secret_keys import present

if TYPE_CHECKING:
    from rotation.model import Secret


def vouches_for(proven: Secret, other: Secret) -> bool:
    """Return whether what the server accepted of one version counts for the other, whoever the user is."""
    return not differences(proven, other)


def differences(proven: Secret, other: Secret) -> frozenset[str]:
    """Return the keys in which the other decides otherwise where and how a password travels, or what it is made of."""
    one, two = _deciding(proven), _deciding(other)
    weaker = {"ssl"} if proven.address.tls and not other.address.tls else set()
    return frozenset({key for key in one if one[key] != two[key]} | weaker)


def _deciding(secret: Secret) -> dict[str, object]:
    """Return what decides; ``host`` and ``port`` are where clients send the password, wherever it is changed."""
    address, own, stored = secret.address, secret.overrides, present(secret.document)
    return {
        "engine": secret.engine,
        "host": plain(str(stored.get("host"))),
        "port": str(stored.get("port")) if own.port else address.port,
        "rotation.host": plain(own.host or ""),
        "rotation.port": own.port,
        "rotation.hosts": own.hosts,
        "rotation.mirror": own.mirror,
        "dbClusterIdentifier": address.cluster,
        "dbname": address.database,
        "authSource": address.auth_database,
        "masterarn": _anywhere(secret.admin_arn),
        **{f"rotation.{RULES[rule]}": value for rule, value in asdict(own.password).items()},
    }


def _anywhere(arn: str | None) -> str:
    """Leave the Region out: a replica's ARN differs in nothing else, its six random characters included."""
    service, found, rest = (arn or "").partition(":secretsmanager:")
    return f"{service}:{rest.partition(':')[2]}" if found else service
