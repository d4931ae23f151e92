"""
Where the database of another Region is in this one: members of global databases, by the word of the RDS API.

Aurora and DocumentDB have global databases, which one API lists. The name of a cluster in the Region that is left only
says which member to look for: what is found is a cluster of this account and Region, with the endpoint that it has.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from rotation.answers import text
from rotation.errors import GuardViolation
from rotation.topology.control_plane import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_IN: Final = r"(?:(?P<region>[a-z0-9-]+)\.(?:rds|docdb)|(?:rds|docdb)\.(?P<there>[a-z0-9-]+))\.amazonaws\.com(?:\.cn)?"
_ENDPOINT: Final = re.compile(rf"(?P<name>[a-z][a-z0-9-]{{0,62}})\.cluster-[a-z0-9]+\.{_IN}")
"""
A cluster's own endpoint (Aurora user guide, "Amazon Aurora endpoint connections"; DocumentDB's is of the same form).

In China service and Region change places. Readers' and custom ones have another hyphen; a global one leads to the
writer wherever that is.
"""

_GLOBAL: Final = Listing("rds", "describe_global_clusters", "GlobalClusters", "Marker", "Marker")
_CLUSTERS: Final = Listing("rds", "describe_db_clusters", "DBClusters", "Marker", "Marker")


class GlobalDatabases:
    """The global databases of this account, seen from one Region."""

    def __init__(self, client: Callable[[], Any], region: str) -> None:
        """Keep how to make the client, which most promotions never need."""
        self._client, self._region = client, region

    def counterpart(self, host: object, cluster: object, former: str) -> Mapping[str, Any]:
        """
        Return what a secret says of the database here that names a cluster of the former Region; nothing where none is.

        A secret names it by its endpoint, or by its identifier where it has no host. Raises GuardViolation while the
        writer is elsewhere, and StoreError where the API cannot be asked.
        """
        name = _name(host, cluster, former)
        if not name:
            return {}
        for one in _GLOBAL.pages(self._client(), name, {}):
            members = {text(it, "DBClusterArn"): bool(it.get("IsWriter")) for it in one.get("GlobalClusterMembers", ())}
            mine = next((arn for arn in members if _is_in(arn, self._region)), "")
            if mine and any(_is_in(arn, former) and arn.rpartition(":")[2] == name for arn in members):
                return self._place(mine, members)
        return {}

    def _place(self, arn: str, members: Mapping[str, bool]) -> Mapping[str, Any]:
        if not members[arn]:
            writer = next((it.split(":")[3] for it, writes in members.items() if writes), "another Region")
            raise GuardViolation(
                f"The database here is a secondary of a global database, whose writer is in {writer}",
                where=arn,
                remedy="Promote the database first. Then run the promotion again. Nothing was changed.",
                retryable=True,
            )
        (found, *_) = _CLUSTERS.pages(self._client(), arn, {"DBClusterIdentifier": arn})
        said = {"host": "Endpoint", "port": "Port", "dbClusterIdentifier": "DBClusterIdentifier"}
        return {key: found[name] for key, name in said.items() if found.get(name)}


def _name(host: object, cluster: object, former: str) -> str:
    """Return which cluster of the former Region is named; empty where none is."""
    if not isinstance(host, str):
        return cluster if isinstance(cluster, str) else ""
    named = _ENDPOINT.fullmatch(host.lower())
    return named["name"] if named and former in {named["region"], named["there"]} else ""


def _is_in(arn: str, region: str) -> bool:
    return arn.startswith("arn:") and arn.split(":")[3:4] == [region]
