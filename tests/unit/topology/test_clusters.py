"""Which server is the writer, by the word of the RDS API: its answers by botocore's stubs, its shapes by botocore."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from rotation.errors import GuardViolation, StoreDenied, StoreUnavailable
from rotation.model import Address, Deadline
from rotation.topology.clusters import KEPT, RdsClusters

if TYPE_CHECKING:
    from collections.abc import Iterator

DOMAIN = "abc123xyz.eu-west-1.rds.amazonaws.com"
WRITER, READER = f"orders.cluster-{DOMAIN}", f"orders.cluster-ro-{DOMAIN}"
GLOBAL = "orders.global-abc123xyz.global.rds.amazonaws.com"
ARN = "arn:aws:rds:eu-west-1:123456789012:cluster:orders"
ELSEWHERE = "arn:aws:rds:us-east-1:123456789012:cluster:orders-main"
CLUSTER: dict[str, Any] = {
    "DBClusterIdentifier": "orders",
    "DBClusterArn": ARN,
    "Endpoint": WRITER,
    "ReaderEndpoint": READER,
    "CustomEndpoints": [f"reports.cluster-custom-{DOMAIN}"],
    "Port": 6000,
    "DBClusterMembers": [
        {"DBInstanceIdentifier": "orders-1", "IsClusterWriter": True},
        {"DBInstanceIdentifier": "orders-2", "IsClusterWriter": False},
    ],
}
OTHER = CLUSTER | {
    "DBClusterIdentifier": "other",
    "DBClusterArn": ARN.replace("orders", "other"),
    "Endpoint": f"other.cluster-{DOMAIN}",
    "ReaderEndpoint": f"other.cluster-ro-{DOMAIN}",
    "CustomEndpoints": [],
    "DBClusterMembers": [{"DBInstanceIdentifier": "other-1", "IsClusterWriter": True}],
}
SECONDARY = CLUSTER | {"DBClusterMembers": [{"DBInstanceIdentifier": "orders-1", "IsClusterWriter": False}]}
WORLD = {
    "GlobalClusterIdentifier": "orders",
    "Endpoint": GLOBAL,
    "GlobalClusterMembers": [
        {"DBClusterArn": ARN, "IsWriter": False},
        {"DBClusterArn": ELSEWHERE, "IsWriter": True},
    ],
}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Return an API whose answers are told beforehand, and a resolver that knows no name."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")

    def unknown(*_: object, **__: object) -> Any:  # noqa: ANN401 never
        raise socket.gaierror

    monkeypatch.setattr(socket, "gethostbyname_ex", unknown)
    client = boto3.client("rds", region_name="eu-west-1")
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()
    client.close()


def clusters(api: Stubber, *found: dict[str, Any], **asked: Any) -> None:  # noqa: ANN401 a request
    api.add_response("describe_db_clusters", {"DBClusters": list(found)}, asked)


def instances(api: Stubber, *places: dict[str, str], of: str = "orders") -> None:
    """Expect the question for a cluster's instances."""
    told = [{"DBClusterIdentifier": of, "Endpoint": place} for place in places]
    asked = {"Filters": [{"Name": "db-cluster-id", "Values": [of]}]}
    api.add_response("describe_db_instances", {"DBInstances": told}, asked)


def writer(
    api: Stubber | RdsClusters, host: str = "", cluster: str = "", port: int = 6000, seconds: float = 60
) -> Address | None:
    known = api if isinstance(api, RdsClusters) else RdsClusters(lambda: api.client)
    return known.writer_of(Address(host, port, "shop", cluster=cluster, dialect="x"), Deadline(seconds))


@pytest.mark.parametrize("host", [WRITER, READER, f"reports.cluster-custom-{DOMAIN}", f"{READER.upper()}."])
def test_an_endpoint_of_a_cluster(api: Stubber, host: str) -> None:
    """One call tells of all endpoints of all clusters."""
    clusters(api, OTHER, CLUSTER)
    found = writer(api, host)
    assert found == Address(WRITER, 6000, "shop")
    assert found.dialect == "x"


def test_clusters_that_fill_a_page(api: Stubber) -> None:
    """All pages are read."""
    api.add_response("describe_db_clusters", {"DBClusters": [OTHER], "Marker": "more"}, {})
    clusters(api, CLUSTER, Marker="more")
    assert writer(api, READER) == Address(WRITER, 6000, "shop")


def test_an_endpoint_of_an_instance(api: Stubber) -> None:
    """Its name says which cluster's instances to ask for; their own word is what counts."""
    clusters(api, OTHER, CLUSTER)
    instances(api, {"Address": f"orders-1.{DOMAIN}"}, {"Address": f"orders-2.{DOMAIN}"})
    assert writer(api, f"orders-2.{DOMAIN}") == Address(WRITER, 6000, "shop")


@pytest.mark.parametrize("place", [{}, {"Address": f"orders-2.{DOMAIN}"}])
def test_a_name_that_only_looks_like_an_instances(api: Stubber, place: dict[str, str]) -> None:
    """A foreign name decides nothing, whatever it begins with."""
    clusters(api, CLUSTER)
    instances(api, place)
    assert writer(api, "orders-2.example.com") is None


def test_a_name_that_no_member_has(api: Stubber) -> None:
    """Nobody is asked in vain, nor twice."""
    known = RdsClusters(lambda: api.client)
    clusters(api, CLUSTER)
    assert writer(known, "db.example.com") is None
    assert writer(known, "db.example.com") is None


@pytest.mark.parametrize("names", [(READER, []), (f"orders-2.{DOMAIN}", [f"{READER.upper()}."])])
def test_another_name(api: Stubber, monkeypatch: pytest.MonkeyPatch, names: tuple[str, list[str]]) -> None:
    """A CNAME is what it leads to, by each link of the chain."""
    monkeypatch.setattr(socket, "gethostbyname_ex", lambda _: (*names, ["10.0.0.1"]))
    clusters(api, CLUSTER)
    assert writer(api, "db.example.com") == Address(WRITER, 6000, "shop")


def test_a_resolver_that_never_answers(api: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lookup of another name ends with the step's time, and the name is taken as it stands."""
    ended = threading.Event()

    def silent(_host: str) -> Any:  # noqa: ANN401 never
        ended.wait(10)
        raise socket.gaierror

    monkeypatch.setattr(socket, "gethostbyname_ex", silent)
    clusters(api, CLUSTER)
    begun = time.monotonic()
    assert writer(api, READER, seconds=0.2) == Address(WRITER, 6000, "shop")
    assert 0.2 <= time.monotonic() - begun < 1
    ended.set()


# What is remembered


def test_names_of_one_cluster_are_asked_for_once(api: Stubber) -> None:
    """Two steps that name the same cluster in different ways make two calls, whichever comes first."""
    known = RdsClusters(lambda: api.client)
    clusters(api, CLUSTER)
    instances(api, {"Address": f"orders-1.{DOMAIN}"}, {"Address": f"orders-2.{DOMAIN}"})
    for host in (f"orders-2.{DOMAIN}", READER, f"orders-1.{DOMAIN}", WRITER):
        assert writer(known, host) == Address(WRITER, 6000, "shop")
    assert writer(known, cluster="orders") == Address(WRITER, 6000, "shop")


def test_a_cluster_that_was_identified_is_known_by_its_endpoints(api: Stubber) -> None:
    """All clusters are listed only where none that is known has the name."""
    known = RdsClusters(lambda: api.client)
    clusters(api, CLUSTER, Filters=[{"Name": "db-cluster-id", "Values": ["orders"]}])
    instances(api, {"Address": f"orders-2.{DOMAIN}"})
    assert writer(known, cluster="orders") == writer(known, READER) == writer(known, f"orders-2.{DOMAIN}")
    clusters(api, CLUSTER, OTHER)
    assert writer(known, OTHER["ReaderEndpoint"]) == Address(OTHER["Endpoint"], 6000, "shop")


def test_nothing_is_remembered_for_long(api: Stubber) -> None:
    """After a minute, the API is asked again."""
    now = [1000.0]
    known = RdsClusters(lambda: api.client, lambda: now[0])
    for _ in range(2):
        clusters(api, CLUSTER)
        assert writer(known, READER) == Address(WRITER, 6000, "shop")
        now[0] += KEPT
        assert writer(known, READER) == Address(WRITER, 6000, "shop")
        now[0] += 0.1


def test_what_led_to_no_writer_is_forgotten(api: Stubber) -> None:
    """It is asked for again, unless it was learnt after the doubt began."""
    now = [1000.0]
    known = RdsClusters(lambda: api.client, lambda: now[0])
    clusters(api, CLUSTER)
    assert writer(known, READER)
    known.forget(1000.0)
    assert writer(known, READER)
    known.forget(1000.1)
    clusters(api, CLUSTER | {"Endpoint": "new.example"})
    assert writer(known, READER) == Address("new.example", 6000, "shop")


def test_a_cname_that_moves(api: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked up every time, and never taken for what it was before."""
    known = RdsClusters(lambda: api.client)
    clusters(api, CLUSTER, OTHER)
    for leads_to, expected in ((READER, WRITER), (OTHER["ReaderEndpoint"], OTHER["Endpoint"])):
        monkeypatch.setattr(socket, "gethostbyname_ex", lambda _, name=leads_to: (name, [], ["10.0.0.1"]))
        assert writer(known, "db.example.com") == Address(expected, 6000, "shop")


@pytest.mark.parametrize(("port", "given"), [(0, 6000), (7000, 7000)])
def test_a_cluster_by_its_identifier(api: Stubber, port: int, given: int) -> None:
    """The secret's own port counts, where it has one."""
    clusters(api, CLUSTER, Filters=[{"Name": "db-cluster-id", "Values": ["orders"]}])
    assert writer(api, cluster="orders", port=port) == Address(WRITER, given, "shop")


@pytest.mark.parametrize("found", [[], [{"DBClusterIdentifier": "orders"}]])
def test_a_cluster_that_is_not_there(api: Stubber, found: list[dict[str, Any]]) -> None:
    """It is missing, or not ready."""
    clusters(
        api, *({"DBClusterArn": ARN} | one for one in found), Filters=[{"Name": "db-cluster-id", "Values": ["orders"]}]
    )
    with pytest.raises(GuardViolation, match="has no endpoint"):
        writer(api, cluster="orders")


def test_a_secondary_region(api: Stubber) -> None:
    """The refusal says where the writer is."""
    clusters(api, SECONDARY)
    others = {"GlobalClusterIdentifier": "other", "GlobalClusterMembers": []}
    api.add_response("describe_global_clusters", {"GlobalClusters": [others, WORLD]}, {})
    known = RdsClusters(lambda: api.client)
    with pytest.raises(GuardViolation, match="whose writer is in us-east-1") as error:
        writer(known, WRITER)
    assert ELSEWHERE in error.value.remedy
    clusters(api, CLUSTER)  # a refusal is not remembered: the Region may have taken over
    assert writer(known, WRITER) == Address(WRITER, 6000, "shop")


@pytest.mark.parametrize(("source", "said"), [(ELSEWHERE, "us-east-1"), ("", "another Region")])
def test_a_cluster_that_copies_another_one(api: Stubber, source: str, said: str) -> None:
    """A cross-Region replica that is of no global database names its source itself."""
    clusters(api, SECONDARY | {"ReplicationSourceIdentifier": source})
    api.add_response("describe_global_clusters", {"GlobalClusters": []}, {})
    with pytest.raises(GuardViolation, match=f"whose writer is in {said}"):
        writer(api, WRITER)


def test_the_global_endpoint_of_a_writer_here(api: Stubber) -> None:
    """It leads to the writing cluster, which is one of this Region's."""
    here = [{"DBClusterArn": ARN, "IsWriter": True}]
    clusters(api, OTHER, CLUSTER)
    others = {"GlobalClusterIdentifier": "other"}
    api.add_response(
        "describe_global_clusters", {"GlobalClusters": [others, WORLD | {"GlobalClusterMembers": here}]}, {}
    )
    known = RdsClusters(lambda: api.client)
    for _ in range(2):
        assert writer(known, GLOBAL) == Address(WRITER, 6000, "shop")


def test_the_global_endpoint_of_a_writer_elsewhere(api: Stubber) -> None:
    """The refusal says where."""
    clusters(api, CLUSTER)
    api.add_response("describe_global_clusters", {"GlobalClusters": [WORLD]}, {})
    known = RdsClusters(lambda: api.client)
    with pytest.raises(GuardViolation, match="us-east-1"):
        writer(known, GLOBAL)
    clusters(api, CLUSTER)
    assert writer(known, READER) == Address(WRITER, 6000, "shop")


def test_a_global_endpoint_that_nobody_knows(api: Stubber) -> None:
    """It says nothing of a writer."""
    clusters(api, CLUSTER)
    api.add_response("describe_global_clusters", {"GlobalClusters": []}, {})
    assert writer(api, GLOBAL) is None


def test_a_permission_that_is_missing(api: Stubber) -> None:
    """The error names it."""
    api.add_client_error("describe_db_clusters", "AccessDenied", "canary")
    with pytest.raises(StoreDenied, match="rds:DescribeDBClusters") as error:
        writer(api, READER)
    assert "canary" not in str(error.value)


def test_an_api_that_cannot_be_reached() -> None:
    """The error names the endpoint that the VPC lacks."""

    class Unreached:
        def describe_db_clusters(self) -> None:
            raise EndpointConnectionError(endpoint_url="https://canary")

    with pytest.raises(StoreUnavailable, match="interface endpoint for rds"):
        RdsClusters(Unreached).writer_of(Address(READER, 1, ""), Deadline(1))
