"""Where a database really is, by the word of AWS's control plane."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from rotation.answers import NOT_UNDERSTOOD, error_code, text
from rotation.errors import GuardViolation, StoreDenied, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from rotation.ports import Topology

INSTANCE_TAG: Final = "aws:rds:primarydbinstancearn"
CLUSTER_TAG: Final = "aws:rds:primarydbclusterarn"
"""
What RDS puts on the secret of an admin that it manages (RDS user guide, "Password management").

Compared without regard to case: RDS writes primaryDBInstanceArn and primaryDBClusterArn.
"""

REDSHIFT_TAG: Final = "aws:redshift:primaryclusterarn"
NAMESPACE_TAG: Final = "aws:redshift-serverless:namespacearn"
"""The same of Redshift (Redshift Management Guide, "Managing admin passwords using AWS Secrets Manager")."""

_ARN: Final = re.compile(r"arn:[A-Za-z0-9:/_.+=@-]{1,2048}")

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
        known = _arns(tags)
        if CLUSTER_TAG in known:
            found = self._ask("describe_db_clusters", "DBClusters", DBClusterIdentifier=known[CLUSTER_TAG])
            return _place(text(found, "Engine"), text(found, "Endpoint"), found.get("Port"), known[CLUSTER_TAG])
        if INSTANCE_TAG in known:
            found = self._ask("describe_db_instances", "DBInstances", DBInstanceIdentifier=known[INSTANCE_TAG])
            return _at(text(found, "Engine"), found["Endpoint"], known[INSTANCE_TAG])
        return None

    def _ask(self, operation: str, kind: str, **request: str) -> Mapping[str, Any]:
        permission = f"rds:{operation.title().replace('_', '').replace('Db', 'DB')}"
        where = next(iter(request.values()))
        found = called(lambda: getattr(self._client(), operation)(**request).get(kind), permission, where)
        if not found or "Endpoint" not in found[0]:
            raise _without_endpoint(where)
        return dict(found[0])


class Listing(NamedTuple):
    """How a paginated list is read: the call, what it gives, and how the next page is asked for."""

    service: str
    operation: str
    items: str
    asking: str
    answered: str

    @property
    def permission(self) -> str:
        """Name the permission that the call needs."""
        return f"{self.service}:{self.operation.title().replace('_', '').replace('Db', 'DB')}"

    def pages(self, client: Any, where: str, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 botocore's
        """Give each item, page by page. Raises as ``called`` does."""
        asked = dict(request)
        while True:
            page = called(lambda: getattr(client, self.operation)(**asked), self.permission, where)
            yield from page.get(self.items, ())
            if not page.get(self.answered):
                return
            asked[self.asking] = page[self.answered]


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
        known = _arns(tags)
        if REDSHIFT_TAG in known:
            return _at("redshift", self._cluster(known[REDSHIFT_TAG]).get("Endpoint"), known[REDSHIFT_TAG])
        if NAMESPACE_TAG in known:
            return _at("redshift", self._workgroup(known[NAMESPACE_TAG]).get("endpoint"), known[NAMESPACE_TAG])
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


class FirstOf:
    """Several topologies; the tags themselves say which one is meant."""

    def __init__(self, *topologies: Topology) -> None:
        """Keep them in the order in which to ask."""
        self._topologies = topologies

    def locate(self, tags: Mapping[str, str]) -> Mapping[str, object] | None:
        """Give what the first that knows a tag finds."""
        return next(filter(None, (topology.locate(tags) for topology in self._topologies)), None)


def _arns(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Give the tags that hold an ARN, as those of the service do; anybody may have written the others."""
    return {key.lower(): value for key, value in tags.items() if _ARN.fullmatch(value)}


def _at(engine: str, endpoint: object, where: str) -> Mapping[str, object]:
    """Read an endpoint as the API of each service writes it."""
    told = endpoint if isinstance(endpoint, dict) else {}
    named = {key.lower(): value for key, value in told.items()}
    return _place(engine, text(named, "address"), named.get("port"), where)


def _place(engine: str, host: str, port: object, where: str) -> Mapping[str, object]:
    if not host:
        raise _without_endpoint(where)
    return {"engine": engine, "host": host, "port": port}


def _without_endpoint(where: str) -> GuardViolation:
    return GuardViolation(
        "The database that the admin secret belongs to has no endpoint",
        where=where,
        remedy="Wait until it is available, or name the host in the admin secret.",
    )


def called(call: Callable[[], Any], permission: str, where: str) -> Any:  # noqa: ANN401 the API's answers
    """Call the control plane. Raises StoreDenied, StoreUnavailable or GuardViolation, with what is missing."""
    service = permission.partition(":")[0]
    api = f"The {service.replace('-', ' ').title().replace('Rds', 'RDS')} API"
    try:
        return call()
    except ClientError as error:
        raise _translated(error, api, permission, where) from None
    except BotoCoreError:
        raise StoreUnavailable(
            f"{api} could not be reached",
            where=where,
            remedy=f"In a VPC without a way out, make an interface endpoint for {service}.",
        ) from None
    except NOT_UNDERSTOOD as error:
        raise StoreUnavailable(
            f"{api} gave an answer that is not its own ({type(error).__name__})",
            where=where,
            remedy="See what stands between the function and the service: an endpoint, a proxy, DNS.",
        ) from None


def _translated(
    error: ClientError, api: str, permission: str, where: str
) -> StoreDenied | StoreUnavailable | GuardViolation:
    code = error_code(error)
    if code in _DENIED:
        return StoreDenied(f"The function may not call {permission}", where=where, remedy="Add it to its role.")
    if code.endswith(("NotFound", "NotFoundFault")):
        return GuardViolation(
            "The admin secret belongs to a database that does not exist (any more)",
            where=where,
            remedy="Name another admin secret in masterarn.",
        )
    return StoreUnavailable(f"{api} refused {permission} ({code})", where=where, remedy="The service retries.")
