"""Redshift's clusters and workgroups whose admin Redshift manages, looked up by the tags of the admin's secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rotation.topology.control_plane import Listing, arns, at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

REDSHIFT_TAG: Final = "aws:redshift:primaryclusterarn"
NAMESPACE_TAG: Final = "aws:redshift-serverless:namespacearn"
"""The same of Redshift (Redshift Management Guide, "Managing admin passwords using AWS Secrets Manager")."""

_CLUSTERS: Final = Listing("redshift", "describe_clusters", "Clusters", "Marker", "Marker")
_NAMESPACES: Final = Listing("redshift-serverless", "list_namespaces", "namespaces", "nextToken", "nextToken")
_WORKGROUPS: Final = Listing("redshift-serverless", "list_workgroups", "workgroups", "nextToken", "nextToken")


class RedshiftTopology:
    """Redshift's clusters, and the workgroups of its serverless namespaces, looked up by the ARN in a secret's tags."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        """Keep how to make a service's client, which most rotations never need."""
        self._client = client

    def locate(self, tags: Mapping[str, str]) -> Mapping[str, object] | None:
        """
        Find the endpoint of the cluster or the workgroup that the tags name.

        Raises StoreDenied or StoreUnavailable with the permission or endpoint that is missing.
        """
        known = arns(tags)
        if REDSHIFT_TAG in known:
            return at("redshift", self._cluster(known[REDSHIFT_TAG]).get("Endpoint"), known[REDSHIFT_TAG])
        if NAMESPACE_TAG in known:
            return at("redshift", self._workgroup(known[NAMESPACE_TAG]).get("endpoint"), known[NAMESPACE_TAG])
        return None

    def _cluster(self, arn: str) -> Mapping[str, Any]:
        """Ask for a cluster by its name; where the ARN is the namespace's, look for it among all."""
        _, is_cluster, name = arn.partition(":cluster:")
        if is_cluster:
            return next(self._all(_CLUSTERS, arn, ClusterIdentifier=name), {})
        clusters = self._all(_CLUSTERS, arn)
        return next((it for it in clusters if it.get("ClusterNamespaceArn") == arn), {})

    def _workgroup(self, arn: str) -> Mapping[str, Any]:
        namespaces = (it.get("namespaceName") for it in self._all(_NAMESPACES, arn) if it.get("namespaceArn") == arn)
        name = next(namespaces, None)
        if name is None:
            return {}
        return next((it for it in self._all(_WORKGROUPS, arn) if it.get("namespaceName") == name), {})

    def _all(self, listing: Listing, where: str, **request: str) -> Iterator[Mapping[str, Any]]:
        return listing.pages(self._client(listing.service), where, request)
