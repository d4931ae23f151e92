"""
Which server of an Aurora cluster is the writer, by the word of the RDS API.

Two names are of one cluster where the API says so. The shape of a name decides nothing: at most it says which
instance to ask for, and then that instance's own endpoint has to be the name.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rotation.errors import GuardViolation
from rotation.topology import Listing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rotation.model import Address

    Cluster = Mapping[str, Any]

_CLUSTERS: Final = Listing("rds", "describe_db_clusters", "DBClusters", "Marker", "Marker")
_INSTANCES: Final = Listing("rds", "describe_db_instances", "DBInstances", "Marker", "Marker")
_GLOBAL: Final = Listing("rds", "describe_global_clusters", "GlobalClusters", "Marker", "Marker")


class RdsClusters:
    """The clusters of this account and Region."""

    def __init__(self, client: Callable[[], Any]) -> None:
        """Keep how to make the client, which most rotations never need."""
        self._client = client

    def writer_of(self, address: Address) -> Address | None:
        """
        Give the endpoint that leads to the writer of the cluster that the address names in any way.

        One call tells of the endpoints of clusters; that of an instance takes another one. Raises GuardViolation
        in a secondary Region of a global database.
        """
        where = address.host or address.cluster
        cluster = self._named(address.cluster) if address.cluster else self._with_host(address.host)
        if cluster is None:
            return None
        members: Sequence[Mapping[str, Any]] = cluster.get("DBClusterMembers", ())
        if members and not any(member.get("IsClusterWriter") for member in members):
            raise self._elsewhere(cluster, where)
        return replace(address, host=cluster["Endpoint"], port=address.port or cluster["Port"], cluster="")

    def _named(self, identifier: str) -> Cluster:
        wanted = {"Name": "db-cluster-id", "Values": [identifier]}
        cluster = next(iter(self._all(_CLUSTERS, identifier, Filters=[wanted])), None)
        if cluster is None or "Endpoint" not in cluster:
            raise GuardViolation(
                "The secret's dbClusterIdentifier names a cluster that has no endpoint",
                where=identifier,
                remedy="Wait until it is available, or correct it.",
            )
        return cluster

    def _with_host(self, host: str) -> Cluster | None:
        """Find the cluster with this endpoint: its own, its readers', a custom one, an instance's, the global one."""
        names = _names(host)
        clusters = list(self._all(_CLUSTERS, host))
        found = next((one for one in clusters if not names.isdisjoint(_endpoints(one))), None)
        if found is None:
            identifier = self._identifier(host, names)
            found = next((one for one in clusters if one["DBClusterIdentifier"] == identifier), None)
        return found or self._of_global_endpoint(host, names, clusters)

    def _identifier(self, host: str, names: Iterable[str]) -> str | None:
        """Find the cluster of the instance that has this endpoint."""
        wanted = {"Name": "db-instance-id", "Values": sorted({name.partition(".")[0] for name in names})}
        for instance in self._all(_INSTANCES, host, Filters=[wanted]):
            if _plain(instance.get("Endpoint", {}).get("Address", "")) in names:
                return str(instance.get("DBClusterIdentifier", ""))
        return None

    def _of_global_endpoint(self, host: str, names: Iterable[str], clusters: Sequence[Cluster]) -> Cluster | None:
        """Find the writing cluster of the global database that has this endpoint."""
        if not any(".global-" in name for name in names):  # no other endpoint is worth another call
            return None
        for one in self._all(_GLOBAL, host):
            if _plain(one.get("Endpoint", "")) in names:
                arn = _writer_arn(one)
                here = next((cluster for cluster in clusters if cluster["DBClusterArn"] == arn), None)
                if here is None:
                    raise _secondary(host, arn)
                return here
        return None

    def _elsewhere(self, cluster: Cluster, where: str) -> GuardViolation:
        """Say where the writer of a cluster without one is."""
        arn = cluster.get("DBClusterArn", "")
        for one in self._all(_GLOBAL, where):
            if arn in {member.get("DBClusterArn") for member in one.get("GlobalClusterMembers", ())}:
                return _secondary(where, _writer_arn(one))
        return _secondary(where, str(cluster.get("ReplicationSourceIdentifier", "")))

    def _all(self, listing: Listing, where: str, **request: Any) -> Iterable[Mapping[str, Any]]:  # noqa: ANN401
        return listing.pages(self._client(), where, request)


def _secondary(where: str, writer: str) -> GuardViolation:
    region = writer.split(":")[3] if writer.count(":") > 3 else "another Region"  # noqa: PLR2004 as ARNs are written
    return GuardViolation(
        f"The cluster has no writer here: it is a secondary of a global database, whose writer is in {region}",
        where=where,
        remedy=f"Rotate the secret there ({writer or 'see the global database'}); a replica of it here follows.",
    )


def _writer_arn(one: Mapping[str, Any]) -> str:
    members = one.get("GlobalClusterMembers", ())
    return next((str(member["DBClusterArn"]) for member in members if member.get("IsWriter")), "")


def _endpoints(cluster: Cluster) -> set[str]:
    own = (cluster.get("Endpoint", ""), cluster.get("ReaderEndpoint", ""), *cluster.get("CustomEndpoints", ()))
    return {_plain(name) for name in own} - {""}


def _plain(name: str) -> str:
    return name.lower().removesuffix(".")


def _names(host: str) -> frozenset[str]:
    """Give the host's name, and the one that it is another name of."""
    names = {_plain(host)}
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
        names |= {_plain(str(entry[3])) for entry in found}
    return frozenset(names - {""})
