"""Where a database is, by the word of the RDS API (moto) and its failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from rotation.errors import GuardViolation, RotationError, StoreDenied, StoreUnavailable
from rotation.topology.rds import CLUSTER_TAG, INSTANCE_TAG, RdsTopology

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_rds import RDSClient

ARN = "arn:aws:rds:eu-west-1:123456789012:db:orders"


@pytest.fixture
def rds(monkeypatch: pytest.MonkeyPatch) -> Iterator[RDSClient]:
    """Return an RDS API without databases."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("rds", region_name="eu-west-1")
        yield client
        client.close()


def test_an_instance_is_found(rds: RDSClient) -> None:
    """An instance's tag leads to its endpoint."""
    made = rds.create_db_instance(
        DBInstanceIdentifier="orders",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        MasterUsername="admin1",
        MasterUserPassword="made-up-password",
        AllocatedStorage=20,
        Port=6000,
    )["DBInstance"]
    found = RdsTopology(lambda: rds).locate({INSTANCE_TAG: made["DBInstanceArn"], "other": "tag"})
    assert found == {"engine": "postgres", "host": made["Endpoint"]["Address"], "port": 6000}


def test_a_cluster_is_found_at_its_writer(rds: RDSClient) -> None:
    """A cluster's tag leads to the endpoint that follows the writer."""
    made = rds.create_db_cluster(
        DBClusterIdentifier="orders",
        Engine="aurora-postgresql",
        MasterUsername="admin1",
        MasterUserPassword="made-up-password",
        Port=6000,
    )["DBCluster"]
    found = RdsTopology(lambda: rds).locate({CLUSTER_TAG: made["DBClusterArn"]})
    assert found == {"engine": "aurora-postgresql", "host": made["Endpoint"], "port": 6000}


def test_without_a_tag_nobody_is_asked() -> None:
    """A secret that RDS does not manage needs no API, nor a client of it."""
    assert RdsTopology(lambda: pytest.fail("a client was made")).locate({"other": "tag"}) is None


@pytest.mark.parametrize("kind", ["instance", "cluster"])
def test_a_database_that_is_gone(rds: RDSClient, kind: str) -> None:
    """A tag that leads nowhere is a wrong admin secret."""
    tag = {"instance": INSTANCE_TAG, "cluster": CLUSTER_TAG}[kind]
    arn = ARN if kind == "instance" else ARN.replace(":db:", ":cluster:")
    error = failure(rds, {tag: arn})
    assert isinstance(error, GuardViolation)
    assert "does not exist" in str(error)


class Answering:
    """A client that gives what it was told to, or raises it."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def _give(self) -> Any:  # noqa: ANN401 as botocore's
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> Mapping[str, Any]:  # noqa: ARG002, N803 the API's
        return {"DBInstances": self._give()}

    def describe_db_clusters(self, *, DBClusterIdentifier: str) -> Mapping[str, Any]:  # noqa: ARG002, N803 the API's
        return {"DBClusters": self._give()}


def failure(client: Any, tags: Mapping[str, str]) -> RotationError:  # noqa: ANN401 moto's or ours
    """Expect an error that shows nothing of the API's own text."""
    with pytest.raises(RotationError) as error:
        RdsTopology(lambda: client).locate(tags)
    assert "canary" not in f"{error.value} {error.value!r}"
    assert error.value.__cause__ is None
    assert error.value.remedy
    return error.value


@pytest.mark.parametrize("answer", [[], [{"Engine": "postgres"}]], ids=["nothing", "no endpoint yet"])
@pytest.mark.parametrize("tag", [INSTANCE_TAG, CLUSTER_TAG])
def test_a_database_that_is_not_there_yet(tag: str, answer: object) -> None:
    """A database without an endpoint cannot be logged in to."""
    assert isinstance(failure(Answering(answer), {tag: ARN}), GuardViolation)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AccessDenied", StoreDenied),
        ("AccessDeniedException", StoreDenied),
        ("UnauthorizedOperation", StoreDenied),
        ("DBInstanceNotFound", GuardViolation),
        ("DBClusterNotFoundFault", GuardViolation),
        ("Throttling", StoreUnavailable),
        ("InternalFailure", StoreUnavailable),
    ],
)
@pytest.mark.parametrize(
    ("tag", "permission"), [(INSTANCE_TAG, "rds:DescribeDBInstances"), (CLUSTER_TAG, "rds:DescribeDBClusters")]
)
def test_what_the_api_refuses(tag: str, permission: str, code: str, kind: type[RotationError]) -> None:
    """A refusal is told by its code, a denial with the permission to add."""
    refusal = ClientError({"Error": {"Code": code, "Message": "canary"}}, "Describe")
    error = failure(Answering(refusal), {tag: ARN})
    assert type(error) is kind
    assert ARN in str(error)
    if kind is not GuardViolation:
        assert permission in str(error)


def test_an_api_that_cannot_be_reached() -> None:
    """No way to the API is retryable, and names the endpoint that a VPC lacks."""
    error = failure(Answering(EndpointConnectionError(endpoint_url="https://canary")), {INSTANCE_TAG: ARN})
    assert isinstance(error, StoreUnavailable)
    assert error.retryable
    assert "interface endpoint for rds" in error.remedy
