"""Where a database of another Region is here, by the RDS API: its shapes by botocore, its answers by stubs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from rotation.errors import GuardViolation, StoreDenied
from rotation.topology.global_databases import GlobalDatabases

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE, FORMER = "eu-central-1", "eu-west-1"
MINE = f"arn:aws:rds:{HERE}:123456789012:cluster:orders-b"
THEIRS = f"arn:aws:rds:{FORMER}:123456789012:cluster:orders"
HOST = f"orders.cluster-abc123xyz.{FORMER}.rds.amazonaws.com"
ENDPOINT = f"orders-b.cluster-def456uvw.{HERE}.rds.amazonaws.com"
FOUND = {"host": ENDPOINT, "port": 6000, "dbClusterIdentifier": "orders-b"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Return an API whose answers are told beforehand."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with Stubber(boto3.client("rds", HERE)) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def databases(api: Stubber) -> GlobalDatabases:
    return GlobalDatabases(lambda: api.client, HERE)


def told(api: Stubber, *members: tuple[str, bool]) -> None:
    """Let the API tell of another global database, and of one with these members; a page each."""
    other = {"GlobalClusterMembers": [{"DBClusterArn": MINE.replace("orders", "payroll"), "IsWriter": True}]}
    mine = {"GlobalClusterMembers": [{"DBClusterArn": arn, "IsWriter": writes} for arn, writes in members]}
    api.add_response("describe_global_clusters", {"GlobalClusters": [other], "Marker": "2"}, {})
    api.add_response("describe_global_clusters", {"GlobalClusters": [mine]}, {"Marker": "2"})


def described(api: Stubber, **changed: object) -> None:
    cluster: dict[str, Any] = {"DBClusterIdentifier": "orders-b", "Endpoint": ENDPOINT, "Port": 6000, **changed}
    api.add_response("describe_db_clusters", {"DBClusters": [cluster]}, {"DBClusterIdentifier": MINE})


@pytest.mark.parametrize(
    ("host", "cluster"),
    [
        (HOST, None),
        (HOST.upper(), "another"),
        (None, "orders"),
        (HOST.replace(".rds.", ".docdb."), None),
        (f"orders.cluster-abc123xyz.rds.{FORMER}.amazonaws.com.cn", None),
    ],
)
def test_the_member_here_of_the_database_that_is_named(api: Stubber, host: object, cluster: object) -> None:
    told(api, (THEIRS, False), (MINE, True))
    described(api)
    assert databases(api).counterpart(host, cluster, FORMER) == FOUND


def test_what_the_api_does_not_say_is_not_made_up(api: Stubber) -> None:
    told(api, (THEIRS, False), (MINE, True))
    described(api, Port=0)
    assert "port" not in databases(api).counterpart(HOST, None, FORMER)


@pytest.mark.parametrize(
    ("members", "writer"),
    [([(THEIRS, True), (MINE, False)], FORMER), ([(THEIRS, False), (MINE, False)], "another Region")],
)
def test_a_database_that_was_not_promoted_yet(api: Stubber, members: list[tuple[str, bool]], writer: str) -> None:
    """The error names where the writer is, and may go away by itself."""
    told(api, *members)
    with pytest.raises(GuardViolation, match=f"whose writer is in {writer}") as refused:
        databases(api).counterpart(HOST, None, FORMER)
    assert refused.value.retryable


@pytest.mark.parametrize(
    "members",
    [
        [(THEIRS, True)],
        [(MINE, True)],
        [(f"{THEIRS}-2", False), (MINE, True)],
        [(THEIRS.replace(FORMER, "us-east-1"), False), (MINE, True)],
        [("", False), (MINE, True)],
    ],
)
def test_a_cluster_that_is_no_member_with_one_of_here(api: Stubber, members: list[tuple[str, bool]]) -> None:
    told(api, *members)
    assert databases(api).counterpart(HOST, None, FORMER) == {}


@pytest.mark.parametrize(
    ("host", "cluster"),
    [
        (None, None),
        (7, None),
        ("db.example.com", "orders"),
        (HOST.replace(FORMER, "us-east-1"), None),
        (HOST.replace("cluster-", "cluster-ro-"), None),
        (HOST.replace("cluster-", "global-"), None),
        (f"{HOST}.example.com", None),
    ],
)
def test_what_names_no_cluster_of_that_region_costs_no_call(api: Stubber, host: object, cluster: object) -> None:
    assert databases(api).counterpart(host, cluster, FORMER) == {}


def test_a_role_that_may_not_look(api: Stubber) -> None:
    api.add_client_error("describe_global_clusters", "AccessDenied")
    with pytest.raises(StoreDenied, match="rds:DescribeGlobalClusters"):
        databases(api).counterpart(HOST, None, FORMER)
