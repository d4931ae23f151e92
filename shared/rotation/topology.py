"""Where a database really is, by the word of AWS's control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from rotation.errors import GuardViolation, StoreDenied, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

INSTANCE_TAG: Final = "aws:rds:primarydbinstancearn"
CLUSTER_TAG: Final = "aws:rds:primarydbclusterarn"
"""
What RDS puts on the secret of an admin that it manages (RDS user guide, "Password management").

Compared without regard to case: RDS writes primaryDBInstanceArn and primaryDBClusterArn.
"""

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


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
        known = {key.lower(): value for key, value in tags.items()}
        if CLUSTER_TAG in known:
            found = self._ask("describe_db_clusters", "DBClusters", DBClusterIdentifier=known[CLUSTER_TAG])
            return {"engine": found["Engine"], "host": found["Endpoint"], "port": found["Port"]}
        if INSTANCE_TAG in known:
            found = self._ask("describe_db_instances", "DBInstances", DBInstanceIdentifier=known[INSTANCE_TAG])
            endpoint = found["Endpoint"]
            return {"engine": found["Engine"], "host": endpoint["Address"], "port": endpoint["Port"]}
        return None

    def _ask(self, operation: str, kind: str, **request: str) -> Mapping[str, Any]:
        permission = f"rds:{operation.title().replace('_', '').replace('Db', 'DB')}"
        where = next(iter(request.values()))
        try:
            found = getattr(self._client(), operation)(**request)[kind]
        except ClientError as error:
            raise _translated(error, permission, where) from None
        except BotoCoreError:
            raise StoreUnavailable(
                "The RDS API could not be reached",
                where=where,
                remedy="In a VPC without a way out, make an interface endpoint for rds.",
            ) from None
        if not found or "Endpoint" not in found[0]:
            raise GuardViolation(
                "The database that the admin secret belongs to has no endpoint",
                where=where,
                remedy="Wait until it is available, or name the host in the admin secret.",
            )
        return dict(found[0])


def _translated(error: ClientError, permission: str, where: str) -> StoreDenied | StoreUnavailable | GuardViolation:
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code in _DENIED:
        return StoreDenied(f"The function may not call {permission}", where=where, remedy="Add it to its role.")
    if code.endswith(("NotFound", "NotFoundFault")):
        return GuardViolation(
            "The admin secret belongs to a database that does not exist (any more)",
            where=where,
            remedy="Name another admin secret in masterarn.",
        )
    return StoreUnavailable(f"The RDS API refused {permission} ({code})", where=where, remedy="The service retries.")
