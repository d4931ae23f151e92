"""The secret of a DocumentDB cluster's admin that AWS manages: it holds a user name and a password."""

from __future__ import annotations

import json

from rotation.credentials import secret_format
from rotation.engines.documentdb import DocumentDB
from rotation.model import StoredVersion
from rotation.topology.rds import CLUSTER_TAG, RdsTopology

ARN = "arn:aws:rds:eu-west-1:123456789012:cluster:orders"
ENDPOINT = "orders.cluster-abc.eu-west-1.docdb.amazonaws.com"


class Rds:
    """DocumentDB's control plane, which answers by the names and under the permissions of RDS."""

    def describe_db_clusters(self, *, DBClusterIdentifier: str) -> dict[str, object]:  # noqa: N803 the API's name
        assert DBClusterIdentifier == ARN
        return {"DBClusters": [{"Engine": "docdb", "Endpoint": ENDPOINT, "Port": 27018}]}

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> dict[str, object]:  # noqa: N803 the API's name
        raise NotImplementedError(DBInstanceIdentifier)


def version(**secret: object) -> StoredVersion:
    return StoredVersion("arn:admin", "v1", frozenset(), json.dumps(secret))


def test_a_managed_secret_is_completed_by_the_clusters_endpoint() -> None:
    """The engine that DescribeDBClusters names is one of ours, and TLS is on."""
    found = secret_format.parse(
        version(username="root", password="pw"),
        DocumentDB.traits,
        lambda: RdsTopology(Rds).locate({CLUSTER_TAG: ARN}),
    )
    assert (found.address.host, found.address.port, found.address.tls) == (ENDPOINT, 27018, True)
    assert (found.address.database, found.address.auth_database) == ("admin", None)


def test_the_database_of_the_user_is_the_secrets_own_word() -> None:
    """The application's database, dbname, says nothing of where the user lives."""
    secret = {"engine": "mongo", "host": "h", "username": "u", "password": "pw", "dbname": "shop"}
    without = secret_format.parse(version(**secret), DocumentDB.traits)
    assert (without.address.database, without.address.auth_database) == ("shop", None)
    named = secret_format.parse(version(**secret, authSource="shop"), DocumentDB.traits)
    assert named.address.auth_database == "shop"
