"""RDS instances and clusters whose admin RDS manages, looked up by the tags of the admin's secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from rotation.answers import text
from rotation.topology.control_plane import arns, at, called, place, without_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

INSTANCE_TAG: Final = "aws:rds:primarydbinstancearn"
CLUSTER_TAG: Final = "aws:rds:primarydbclusterarn"
"""
What RDS puts on the secret of an admin that it manages (RDS user guide, "Password management").

Compared without regard to case: RDS writes primaryDBInstanceArn and primaryDBClusterArn.
"""


class RdsClient(Protocol):
    """The two calls of the RDS API that are needed."""

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> Mapping[str, Any]:  # noqa: N803 the API's name
        """Describe one instance, named by its ARN."""
        ...

    def describe_db_clusters(self, *, DBClusterIdentifier: str) -> Mapping[str, Any]:  # noqa: N803 the API's name
        """Describe one cluster, named by its ARN."""
        ...


class RdsTopology:
    """RDS instances and clusters, looked up by the ARN in a secret's tags."""

    def __init__(self, client: Callable[[], RdsClient]) -> None:
        """Keep how to make the client, which most rotations never need."""
        self._client = client

    def locate(self, tags: Mapping[str, str]) -> Mapping[str, object] | None:
        """
        Find the instance or the cluster's writer endpoint that the tags name.

        Raises StoreDenied or StoreUnavailable with the permission or endpoint that is missing.
        """
        known = arns(tags)
        if CLUSTER_TAG in known:
            found = self._ask("describe_db_clusters", "DBClusters", DBClusterIdentifier=known[CLUSTER_TAG])
            return place(text(found, "Engine"), text(found, "Endpoint"), found.get("Port"), known[CLUSTER_TAG])
        if INSTANCE_TAG in known:
            found = self._ask("describe_db_instances", "DBInstances", DBInstanceIdentifier=known[INSTANCE_TAG])
            return at(text(found, "Engine"), found["Endpoint"], known[INSTANCE_TAG])
        return None

    def _ask(self, operation: str, kind: str, **request: str) -> Mapping[str, Any]:
        permission = f"rds:{operation.title().replace('_', '').replace('Db', 'DB')}"
        where = next(iter(request.values()))
        found = called(lambda: getattr(self._client(), operation)(**request).get(kind), permission, where)
        if not found or "Endpoint" not in found[0]:
            raise without_endpoint(where)
        return dict(found[0])
