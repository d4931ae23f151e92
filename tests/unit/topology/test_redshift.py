"""Where a Redshift database is, by the word of its APIs: clusters by moto, serverless by botocore's stubs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from moto import mock_aws

from rotation.errors import GuardViolation, RotationError, StoreDenied, StoreUnavailable
from rotation.topology import FirstOf, RdsTopology, RedshiftTopology
from rotation.topology.redshift import NAMESPACE_TAG, REDSHIFT_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_redshift import RedshiftClient

CLUSTER = "arn:aws:redshift:eu-west-1:123456789012:cluster:orders"
NAMESPACE = "arn:aws:redshift:eu-west-1:123456789012:namespace:0b1c2d3e"
SERVERLESS = "arn:aws:redshift-serverless:eu-west-1:123456789012:namespace/0b1c2d3e"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing reach an account."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


@pytest.fixture
def redshift() -> Iterator[RedshiftClient]:
    """Return a Redshift API without clusters."""
    with mock_aws():
        client = boto3.client("redshift", region_name="eu-west-1")
        yield client
        client.close()


@pytest.fixture
def stubbed() -> Iterator[Callable[[str], Stubber]]:
    """Return a stub of a service, as often as it is asked for."""
    made: dict[str, Stubber] = {}

    def of(service: str) -> Stubber:
        if service not in made:
            client: Any = boto3.client(service, region_name="eu-west-1")  # type: ignore[call-overload]
            made[service] = Stubber(client)
            made[service].activate()
        return made[service]

    yield of
    for stub in made.values():
        stub.assert_no_pending_responses()
        stub.client.close()


def found(stubbed: Callable[[str], Stubber], tags: Mapping[str, str]) -> Mapping[str, object] | None:
    return RedshiftTopology(lambda service: stubbed(service).client).locate(tags)


def test_a_cluster_is_found(redshift: RedshiftClient) -> None:
    """A cluster's tag leads to its endpoint, whatever the case of the tag."""
    made = redshift.create_cluster(
        ClusterIdentifier="orders",
        NodeType="ra3.xlplus",
        MasterUsername="admin1",
        MasterUserPassword="Made-up-1-password",
        Port=5555,
    )["Cluster"]
    place = RedshiftTopology(lambda _: redshift).locate({"aws:redshift:primaryClusterArn": CLUSTER, "other": "tag"})
    assert place == {"engine": "redshift", "host": made["Endpoint"]["Address"], "port": 5555}


def test_a_cluster_that_is_gone(redshift: RedshiftClient) -> None:
    """A tag that leads nowhere is a wrong admin secret."""
    with pytest.raises(GuardViolation, match="does not exist"):
        RedshiftTopology(lambda _: redshift).locate({REDSHIFT_TAG: CLUSTER})


def test_a_cluster_is_found_by_its_namespace_on_a_later_page(stubbed: Callable[[str], Stubber]) -> None:
    """Where the tag holds the namespace's ARN, all clusters are looked through."""
    other = {"ClusterNamespaceArn": NAMESPACE + "x", "Endpoint": {"Address": "other.example", "Port": 1}}
    right = {"ClusterNamespaceArn": NAMESPACE, "Endpoint": {"Address": "right.example", "Port": 5439}}
    stub = stubbed("redshift")
    stub.add_response("describe_clusters", {"Clusters": [other], "Marker": "more"}, {})
    stub.add_response("describe_clusters", {"Clusters": [right]}, {"Marker": "more"})
    assert found(stubbed, {REDSHIFT_TAG: NAMESPACE}) == {"engine": "redshift", "host": "right.example", "port": 5439}


def test_a_workgroup_is_found_on_a_later_page(stubbed: Callable[[str], Stubber]) -> None:
    """The namespace's ARN leads to its name, and the name to its workgroup, however many there are."""
    stub = stubbed("redshift-serverless")
    namespaces: list[dict[str, Any]] = [
        {"namespaces": [{"namespaceArn": SERVERLESS + "x", "namespaceName": "other"}], "nextToken": "page-two"},
        {"namespaces": [{"namespaceArn": SERVERLESS, "namespaceName": "orders"}]},
    ]
    right = {"namespaceName": "orders", "endpoint": {"address": "orders.example", "port": 5440}}
    workgroups: list[dict[str, Any]] = [
        {
            "workgroups": [{"namespaceName": "other", "endpoint": {"address": "other.example", "port": 1}}],
            "nextToken": "p",
        },
        {"workgroups": [right]},
    ]
    stub.add_response("list_namespaces", namespaces[0], {})
    stub.add_response("list_namespaces", namespaces[1], {"nextToken": "page-two"})
    stub.add_response("list_workgroups", workgroups[0], {})
    stub.add_response("list_workgroups", workgroups[1], {"nextToken": "p"})
    tags = {"aws:redshift-serverless:namespaceArn": SERVERLESS}
    assert found(stubbed, tags) == {"engine": "redshift", "host": "orders.example", "port": 5440}


@pytest.mark.parametrize("namespaces", [[], [{"namespaceArn": SERVERLESS, "namespaceName": "orders"}]])
def test_a_namespace_without_an_endpoint(stubbed: Callable[[str], Stubber], namespaces: list[dict[str, str]]) -> None:
    """A namespace that is gone, or has no workgroup yet, cannot be logged in to."""
    stub = stubbed("redshift-serverless")
    stub.add_response("list_namespaces", {"namespaces": namespaces}, {})
    if namespaces:
        stub.add_response("list_workgroups", {"workgroups": []}, {})
    with pytest.raises(GuardViolation, match="no endpoint"):
        found(stubbed, {NAMESPACE_TAG: SERVERLESS})


@pytest.mark.parametrize(
    ("code", "kind"),
    [("AccessDeniedException", StoreDenied), ("ClusterNotFound", GuardViolation), ("Throttling", StoreUnavailable)],
)
def test_what_the_api_refuses(stubbed: Callable[[str], Stubber], code: str, kind: type[RotationError]) -> None:
    """A refusal is told by its code, a denial with the permission to add."""
    stubbed("redshift").add_client_error("describe_clusters", code, "canary")
    with pytest.raises(kind) as error:
        found(stubbed, {REDSHIFT_TAG: CLUSTER})
    assert "canary" not in str(error.value)
    assert kind is GuardViolation or "redshift:DescribeClusters" in str(error.value)


def test_an_api_that_cannot_be_reached() -> None:
    """No way to the API is retryable, and names the endpoint that a VPC lacks."""

    class Unreached:
        def list_namespaces(self) -> None:
            raise EndpointConnectionError(endpoint_url="https://canary")

    with pytest.raises(StoreUnavailable, match="interface endpoint for redshift-serverless") as error:
        RedshiftTopology(lambda _: Unreached()).locate({NAMESPACE_TAG: SERVERLESS})
    assert "The Redshift Serverless API could not be reached" in str(error.value)


def test_the_tags_say_whose_the_secret_is(redshift: RedshiftClient) -> None:
    """Without a tag that is known nobody is asked, nor a client made."""
    both = FirstOf(RdsTopology(lambda: pytest.fail("a client was made")), RedshiftTopology(lambda _: redshift))
    assert both.locate({"other": "tag"}) is None
    with pytest.raises(GuardViolation):
        both.locate({REDSHIFT_TAG: CLUSTER})
