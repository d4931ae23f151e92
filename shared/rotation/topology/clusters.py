"""
Which server of an Aurora cluster is the writer, by the word of the RDS API.

Two names are of one cluster where the API says so. The shape of a name decides nothing: at most it says which
instance to ask for, and then that instance's own endpoint has to be the name.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from rotation.address import plain
from rotation.answers import text
from rotation.errors import GuardViolation
from rotation.topology.control_plane import Listing
from rotation.topology.names import names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rotation.model import Address, Deadline

    Cluster = Mapping[str, Any]

KEPT: Final = 60.0
"""
Seconds for which the API's word is remembered, so that the steps of one rotation ask once.

What is remembered is which names are of one cluster. Which server is behind a name is asked of DNS and of the server
every time, and what another name (a CNAME) stands for is looked up every time.
"""

_CLUSTERS: Final = Listing("rds", "describe_db_clusters", "DBClusters", "Marker", "Marker")
_INSTANCES: Final = Listing("rds", "describe_db_instances", "DBInstances", "Marker", "Marker")
_GLOBAL: Final = Listing("rds", "describe_global_clusters", "GlobalClusters", "Marker", "Marker")


class RdsClusters:
    """The clusters of this account and Region."""

    def __init__(self, client: Callable[[], Any], clock: Callable[[], float] = time.monotonic) -> None:
        """Keep how to make the client, which most rotations never need."""
        self._client = client
        self._clock = clock
        self._learn_nothing()

    def writer_of(self, address: Address, deadline: Deadline) -> Address | None:
        """
        Return the endpoint that leads to the writer of the cluster that the address names in any way.

        One call tells of the endpoints of clusters; that of an instance, and a global one, take another. Raises
        GuardViolation in a secondary Region of a global database.
        """
        self.forget(self._clock() - KEPT)
        where = address.host or address.cluster
        cluster = self._named(address.cluster) if address.cluster else self._with_host(address.host, deadline)
        if cluster is None:
            return None
        members: Sequence[Mapping[str, Any]] = cluster.get("DBClusterMembers", ())
        if members and not any(member.get("IsClusterWriter") for member in members):
            self._learn_nothing()  # a refusal is never remembered
            raise self._elsewhere(cluster, where)
        host, port = text(cluster, "Endpoint"), address.port or cluster.get("Port")
        if not host or not isinstance(port, int):
            self._learn_nothing()
            raise _without_endpoint(where)
        return replace(address, host=host, port=port, cluster="")

    def forget(self, since: float) -> None:
        """Forget what was learnt before that point in time."""
        if self._since < since:
            self._learn_nothing()

    def _learn_nothing(self) -> None:
        self._since = self._clock()
        self._clusters: dict[str, Cluster] = {}
        """By their ARNs."""
        self._all_known = False
        self._places: dict[str, str] = {}
        """The ARN of the cluster, by an endpoint that it does not name itself: an instance's, or the global one."""

    def _learn(self, where: str, **request: Any) -> None:  # noqa: ANN401 the API's
        found = self._all(_CLUSTERS, where, **request)
        named = (one for one in found if text(one, "DBClusterArn") and text(one, "DBClusterIdentifier"))
        self._clusters |= {text(one, "DBClusterArn"): one for one in named}

    def _named(self, identifier: str) -> Cluster:
        if self._identified(identifier) is None:
            self._learn(identifier, Filters=[{"Name": "db-cluster-id", "Values": [identifier]}])
        cluster = self._identified(identifier)
        if cluster is None:
            self._learn_nothing()
            raise _without_endpoint(identifier)
        return cluster

    def _identified(self, identifier: str) -> Cluster | None:
        return next((one for one in self._clusters.values() if one["DBClusterIdentifier"] == identifier), None)

    def _with_host(self, host: str, deadline: Deadline) -> Cluster | None:
        """Find the cluster with this endpoint: its own, its readers', a custom one, an instance's, the global one."""
        names = names_of(host, deadline)
        found = self._known_by(host, names)
        if found is None and not self._all_known:
            self._learn(host)
            self._all_known = True
            found = self._known_by(host, names)
        return found or self._of_global_endpoint(host, names)

    def _known_by(self, host: str, names: Iterable[str]) -> Cluster | None:
        """Find it among the clusters that are known, by their own endpoints first."""
        own = (one for one in self._clusters.values() if not _endpoints(one).isdisjoint(names))
        return next(own, None) or self._of_instance(host, names)

    def _of_instance(self, host: str, names: Iterable[str]) -> Cluster | None:
        """Find the cluster of the instance that has this endpoint; all of a cluster's are asked for at once."""
        firsts = {name.partition(".")[0] for name in names}
        for one in self._clusters.values():
            members = {text(member, "DBInstanceIdentifier") for member in one.get("DBClusterMembers", ())}
            if not members.isdisjoint(firsts) and self._places.keys().isdisjoint(names):
                wanted = {"Name": "db-cluster-id", "Values": [one["DBClusterIdentifier"]]}
                for instance in self._all(_INSTANCES, host, Filters=[wanted]):
                    self._places[plain(text(instance, "Endpoint", "Address"))] = one["DBClusterArn"]
        return self._at(names)

    def _at(self, names: Iterable[str]) -> Cluster | None:
        arn = next((self._places[name] for name in names if name in self._places), "")
        return self._clusters.get(arn)

    def _of_global_endpoint(self, host: str, names: Iterable[str]) -> Cluster | None:
        """Find the writing cluster of the global database that has this endpoint."""
        if not any(".global-" in name for name in names):  # no other endpoint is worth another call
            return None
        for one in self._all(_GLOBAL, host):
            self._places[plain(text(one, "Endpoint"))] = _writer_arn(one)
        arn = next((self._places[name] for name in names if name in self._places), None)
        if arn is not None and arn not in self._clusters:
            self._learn_nothing()
            raise _secondary(host, arn)
        return self._at(names)

    def _elsewhere(self, cluster: Cluster, where: str) -> GuardViolation:
        """Return where the writer of a cluster without one is."""
        arn = text(cluster, "DBClusterArn")
        for one in self._all(_GLOBAL, where):
            if arn in {text(member, "DBClusterArn") for member in one.get("GlobalClusterMembers", ())}:
                return _secondary(where, _writer_arn(one))
        return _secondary(where, text(cluster, "ReplicationSourceIdentifier"))

    def _all(self, listing: Listing, where: str, **request: Any) -> Iterable[Mapping[str, Any]]:  # noqa: ANN401
        return listing.pages(self._client(), where, request)


def _without_endpoint(where: str) -> GuardViolation:
    return GuardViolation(
        "The cluster that the secret names does not exist, or has no endpoint",
        where=where,
        remedy="Wait until it is available, or correct the secret's host or dbClusterIdentifier.",
    )


def _secondary(where: str, writer: str) -> GuardViolation:
    region = writer.split(":")[3] if writer.count(":") > 3 else "another Region"  # noqa: PLR2004 as ARNs are written
    return GuardViolation(
        f"The cluster has no writer here: it is a secondary of a global database, whose writer is in {region}",
        where=where,
        remedy=f"Rotate the secret there ({writer or 'see the global database'}); a replica of it here follows.",
    )


def _writer_arn(one: Mapping[str, Any]) -> str:
    members = one.get("GlobalClusterMembers", ())
    return next((text(member, "DBClusterArn") for member in members if member.get("IsWriter")), "")


def _endpoints(cluster: Cluster) -> set[str]:
    custom = (name for name in cluster.get("CustomEndpoints", ()) if isinstance(name, str))
    return {plain(name) for name in (text(cluster, "Endpoint"), text(cluster, "ReaderEndpoint"), *custom)} - {""}
