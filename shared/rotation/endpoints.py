"""
Amazon's names for databases, in every partition.

A name says which service gave it, and which kind of endpoint it is. It decides nothing that could harm. A name of an
RDS Proxy is refused, and a name of Amazon's is held to be no other name (CNAME) of one. Only Amazon's authorities are
trusted for it.

Older names have the Region before the service, newer ones after it, and both are in use: in China
(``….rds.cn-north-1.amazonaws.com.cn``, AWS China documentation, "Endpoints and ARNs"; aws-mysql-odbc, issue 182) and
in GovCloud (aws-advanced-nodejs-wrapper, issue 244).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from rotation.address import plain

SUFFIXES: Final = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
)
"""What the names of each partition end with (botocore, ``endpoints.json``, ``dnsSuffix``)."""

EVERY_REGION: Final = "global"
"""What stands for the Region in the endpoint of a global database."""

_REGION: Final = rf"[a-z]{{2,5}}(?:-[a-z]+)+-[0-9]{{1,2}}|{EVERY_REGION}"
_SERVICE: Final = r"rds|docdb|redshift|redshift-serverless"
_SUFFIX: Final = "|".join(map(re.escape, SUFFIXES))
_ORDERS: Final = (
    re.compile(rf"(?P<own>.+)\.(?P<region>{_REGION})\.(?P<service>{_SERVICE})\.(?:{_SUFFIX})"),
    re.compile(rf"(?P<own>.+)\.(?P<service>{_SERVICE})\.(?P<region>{_REGION})\.(?:{_SUFFIX})"),
)
_KIND: Final = re.compile(r".+\.(?P<kind>proxy|cluster-ro|cluster-custom|cluster|global|shardgrp)-[a-z0-9-]+")


class Endpoint(NamedTuple):
    """What the name of an endpoint says of itself."""

    service: str
    """``rds`` (Aurora too), ``docdb``, ``redshift`` or ``redshift-serverless``."""
    kind: str
    """``proxy``, ``cluster`` (the writer), ``cluster-ro`` and so on; empty for an instance."""
    region: str
    """``global`` for the endpoint of a global database."""


def is_amazons(host: str) -> bool:
    """Return whether Amazon gave the host its name, for whatever service."""
    return plain(host).endswith(tuple(f".{suffix}" for suffix in SUFFIXES))


def endpoint(host: str) -> Endpoint | None:
    """Read a host's name as Amazon writes it; None for a name that Amazon did not give."""
    name = plain(host)
    found = next(filter(None, (order.fullmatch(name) for order in _ORDERS)), None)
    if found is None:
        return None
    kind = _KIND.fullmatch(found["own"])
    return Endpoint(found["service"], kind["kind"] if kind else "", found["region"])
