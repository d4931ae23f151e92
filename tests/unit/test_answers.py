"""Whatever AWS's services, or what stands between, answer: a typed error that shows nothing of it, or sense."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from rotation.errors import GuardViolation, RotationError, StoreError, StoreUnavailable
from rotation.machine import advance
from rotation.model import Address, Deadline, Replica, Stage, Step
from rotation.stores.secrets_manager import SecretsManagerStore
from rotation.topology import FirstOf, RedshiftTopology
from rotation.topology.clusters import RdsClusters
from rotation.topology.rds import CLUSTER_TAG, INSTANCE_TAG, RdsTopology
from rotation.topology.redshift import NAMESPACE_TAG, REDSHIFT_TAG
from tests.support.memory.stage import MemoryStage
from tests.unit.test_bad_input import CANARY, many, scalars, secrets, shown, texts, values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.unsearched  # passwords are any texts here

ARN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
VERSION: Final = "11111111-2222-3333-4444-555555555555"
OTHER: Final = "66666666-7777-8888-9999-000000000000"
CLUSTER: Final = "arn:aws:rds:eu-west-1:123456789012:cluster:shop"
HOST: Final = "shop.cluster-abcdefghijkl.eu-west-1.rds.amazonaws.com"


class Answer:
    """What comes back, whatever is asked."""

    status = 200
    body = b""

    def __call__(self, request: Any, **_: object) -> AWSResponse:  # noqa: ANN401 botocore's
        """Answer in place of the network."""
        return AWSResponse(request.url, self.status, HTTPHeaders(), self)

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        """Return the body, as urllib3's answer does."""
        yield self.body


answer = Answer()


def _answered(**asked: Any) -> Any:  # noqa: ANN401 botocore's
    return answer(**asked)


@cache
def client(service: str) -> Any:  # noqa: ANN401 botocore's
    """Return the real client, with its own parsers, whose network is ``answer``."""
    config = Config(retries={"total_max_attempts": 1}, region_name="eu-west-1")
    made = botocore.session.Session().create_client(
        service, config=config, aws_access_key_id="function", aws_secret_access_key="function"
    )
    made.meta.events.register(f"before-send.{made.meta.service_model.service_id.hyphenize()}", _answered)
    return made


def _or_anything(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(good, good, good, values)


labels = st.lists(st.sampled_from([*Stage, "another"]) | texts, max_size=3)
versions = st.sampled_from([VERSION, OTHER])
listed = st.fixed_dictionaries(
    {}, optional={"VersionId": _or_anything(versions), "VersionStages": _or_anything(labels), "CreatedDate": scalars}
)
tags = st.fixed_dictionaries(
    {}, optional={"Key": st.sampled_from([CLUSTER_TAG, INSTANCE_TAG]) | values, "Value": st.just(CLUSTER) | values}
)
members = st.fixed_dictionaries(
    {}, optional={"ARN": _or_anything(st.just(ARN)), "VersionId": _or_anything(versions),
    "VersionStages": _or_anything(labels), "SecretString": _or_anything(secrets), "SecretBinary": values,
    "VersionIdsToStages": _or_anything(st.dictionaries(versions | texts, _or_anything(labels), max_size=3)),
    "RotationEnabled": values, "Versions": _or_anything(st.lists(_or_anything(listed), max_size=3)),
    "Tags": _or_anything(st.lists(_or_anything(tags), max_size=3)), "__type": texts, "message": texts,
    "Message": values}
)  # fmt: skip
json_bodies = st.one_of(
    st.binary(max_size=60), values.map(json.dumps).map(str.encode), members.map(json.dumps).map(str.encode)
)

ELEMENTS: Final = (
    "DescribeDBClustersResponse", "DescribeDBClustersResult", "DBClusters", "DBCluster", "DBClusterArn",
    "DBClusterIdentifier", "Endpoint", "ReaderEndpoint", "CustomEndpoints", "member", "Port", "Engine", "Address",
    "DBClusterMembers", "DBClusterMember", "DBInstanceIdentifier", "IsClusterWriter", "DescribeDBInstancesResult",
    "DBInstances", "DBInstance", "DescribeGlobalClustersResult", "GlobalClusters", "GlobalClusterMember",
    "GlobalClusterMembers", "GlobalCluster", "IsWriter", "Marker", "ErrorResponse", "Error", "Code", "Message",
)  # fmt: skip
WORDS: Final = (HOST, "shop", CLUSTER, "5432", "true", "false", "aurora-postgresql", "", "AccessDenied", "no")


def _rightly_wrapped(content: str) -> str:
    return (
        "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>"
        f"{content}</DBCluster></DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>"
    )


words = st.sampled_from(WORDS)
elements: st.SearchStrategy[str] = st.deferred(
    lambda: st.tuples(st.sampled_from(ELEMENTS), st.lists(words | words | elements, max_size=3)).map(
        lambda pair: f"<{pair[0]}>{''.join(pair[1])}</{pair[0]}>"
    )
)
told = st.lists(st.sampled_from([
    f"<DBClusterArn>{CLUSTER}</DBClusterArn>", "<DBClusterIdentifier>shop</DBClusterIdentifier>",
    f"<Endpoint>{HOST}</Endpoint>", "<Port>5432</Port>", "<Port>no</Port>", "<Engine>aurora-postgresql</Engine>",
    "<DBClusterMembers><DBClusterMember></DBClusterMember></DBClusterMembers>",
    "<DBClusterMembers><DBClusterMember><IsClusterWriter>false</IsClusterWriter></DBClusterMember></DBClusterMembers>",
]), max_size=8).map("".join)  # fmt: skip
xml_bodies = st.one_of(st.binary(max_size=60), elements.map(str.encode), told.map(_rightly_wrapped).map(str.encode))
statuses = st.sampled_from([200, 200, 200, 302, 400, 403, 500, 503])


def attempt(call: Callable[[], object]) -> object:
    """Return what comes of it; a typed error is looked at, and any other one is a failure."""
    try:
        return call()
    except RotationError as error:
        shown(error)
    return None


OPERATIONS: Final[tuple[Callable[[SecretsManagerStore], object], ...]] = (
    lambda store: store.describe(),
    lambda store: store.read(Stage.CURRENT),
    lambda store: store.read(None, VERSION),
    lambda store: store.stage_pending(VERSION, "{}"),
    lambda store: store.promote(VERSION, OTHER),
    lambda store: store.label(VERSION, "ours", None),
    lambda store: store.unstage(VERSION),
    lambda store: store.unlabelled(),
    lambda store: store.rehearse(VERSION, "{}"),
    lambda store: store.describe_replica("eu-central-1"),
    lambda store: store.replicate(Replica("eu-central-1", "Failed", kms_key="alias/ours")),
    lambda store: store.read_admin(ARN),
    lambda store: FirstOf(RdsTopology(lambda: client("rds")), RedshiftTopology(client)).locate(store.tags_of(ARN)),
)


@many
@given(body=json_bodies, status=statuses, operation=st.sampled_from(OPERATIONS))
def test_what_secrets_manager_answers(
    body: bytes, status: int, operation: Callable[[SecretsManagerStore], object]
) -> None:
    """Each operation gives what the port promises, or raises what it promises."""
    answer.body, answer.status = body, status
    attempt(lambda: operation(SecretsManagerStore(client("secretsmanager"), ARN)))


@many
@given(body=json_bodies, status=statuses, step=st.sampled_from([*Step]))
def test_what_a_step_makes_of_it(body: bytes, status: int, step: Step) -> None:
    """No answer makes a step fail in a way that nobody foresaw, or change a password that it does not know."""
    answer.body, answer.status = body, status
    stage = MemoryStage()
    delivery = stage.delivery(VERSION)
    delivery.store = SecretsManagerStore(client("secretsmanager"), ARN)
    before = stage.held_passwords()
    attempt(lambda: advance(delivery, step))
    assert stage.held_passwords() == before


@many
@given(body=xml_bodies, status=statuses, name=st.sampled_from([HOST, "cluster"]))
def test_what_rds_answers(body: bytes, status: int, name: str) -> None:
    """The writer is found, or not, or the error says why."""
    answer.body, answer.status = body, status
    address = Address(HOST, 5432, "") if name == HOST else Address("", 5432, "", cluster="shop")
    found = attempt(lambda: RdsClusters(lambda: client("rds")).writer_of(address, Deadline(1)))
    assert found is None or isinstance(found, Address)


@many
@given(
    tags=st.dictionaries(st.sampled_from([CLUSTER_TAG, INSTANCE_TAG, REDSHIFT_TAG, NAMESPACE_TAG]) | texts,
    st.just(CLUSTER) | texts, max_size=4), body=xml_bodies | json_bodies, status=statuses
)  # fmt: skip
def test_an_admin_secret_s_tags(tags: dict[str, str], body: bytes, status: int) -> None:
    """Tags are what anybody may have written: they name a database, or nothing."""
    answer.body, answer.status = body, status
    topology = FirstOf(RdsTopology(lambda: client("rds")), RedshiftTopology(client))
    attempt(lambda: topology.locate(tags))


def test_the_answers_reach_the_clients() -> None:
    """A test of the tests: what is answered is what the store reads, so that the rest means something."""
    answer.status = 200
    answer.body = json.dumps({"ARN": ARN, "VersionId": VERSION, "SecretString": CANARY}).encode()
    assert SecretsManagerStore(client("secretsmanager"), ARN).read(Stage.CURRENT).value == CANARY
    told = f"<DBClusterArn>{CLUSTER}</DBClusterArn><DBClusterIdentifier>shop</DBClusterIdentifier>"
    answer.body = _rightly_wrapped(f"{told}<Endpoint>{HOST}</Endpoint><Port>5432</Port>").encode()
    found = RdsClusters(lambda: client("rds")).writer_of(Address("", 1, "", cluster="shop"), Deadline(1))
    assert found is not None
    assert found.host == HOST


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"ARN": 7}', b'{"ARN": "a\\nb"}', b'{"ARN": "arn", "VersionIdsToStages": [1]}']
)
def test_an_answer_that_is_not_secrets_manager_s_asks_for_another_try(body: bytes) -> None:
    """Whether the call took effect is not known, and the message says where to look."""
    answer.body, answer.status = body, 200
    with pytest.raises(StoreUnavailable, match="answered by what is not Secrets Manager") as raised:
        SecretsManagerStore(client("secretsmanager"), ARN).describe()
    assert raised.value.retryable


@pytest.mark.parametrize(("status", "body"), [(200, b"<p>Sign in</p"), (502, b"<p>Bad gateway</p")])
def test_an_answer_that_is_not_rds_s_asks_for_another_try(status: int, body: bytes) -> None:
    """A proxy's page is neither a list of clusters nor an error of the API."""
    answer.body, answer.status = body, status
    with pytest.raises(StoreUnavailable, match="an answer that is not its own") as raised:
        RdsTopology(lambda: client("rds")).locate({CLUSTER_TAG: CLUSTER})
    assert raised.value.retryable


def test_an_error_s_code_is_shown_only_where_it_is_one() -> None:
    """Whoever answers may write anything there, and it would stand in the log."""
    store, answer.status = SecretsManagerStore(client("secretsmanager"), ARN), 400
    for code, told in (("LimitExceededException", "(LimitExceededException)"), (CANARY, "(no code)")):
        answer.body = json.dumps({"__type": code}).encode()
        with pytest.raises(StoreError) as raised:
            store.describe()
        assert told in str(raised.value)


def test_a_tag_that_holds_no_arn_names_nothing() -> None:
    """RDS's own hold ARNs; what else stands there was written by somebody, and is not repeated."""
    answer.body, answer.status = b"", 200
    assert RdsTopology(lambda: client("rds")).locate({CLUSTER_TAG: CANARY}) is None


def test_what_is_told_twice_is_not_told() -> None:
    """In XML anything may stand twice; such a cluster, endpoint or port is none."""
    answer.status = 200
    twice = f"<DBClusterArn>{CLUSTER}</DBClusterArn><DBClusterIdentifier>shop</DBClusterIdentifier><Port>1</Port>"
    answer.body = _rightly_wrapped(f"{twice}<Endpoint>{HOST}</Endpoint><Endpoint>{HOST}</Endpoint>").encode()
    with pytest.raises(GuardViolation, match="has no endpoint"):
        RdsTopology(lambda: client("rds")).locate({CLUSTER_TAG: CLUSTER})
    instance = b"<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>%s</DBInstance>"
    wrapped = instance + b"</DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"
    for said in (b"<Endpoint>host</Endpoint>", b"<Endpoint/><Endpoint/>", b"<Endpoint><Address/></Endpoint>"):
        answer.body = wrapped % said
        with pytest.raises(GuardViolation, match="has no endpoint"):
            RdsTopology(lambda: client("rds")).locate({INSTANCE_TAG: CLUSTER})


def test_a_cluster_of_which_too_little_is_told_is_none() -> None:
    """One that is just being made has no endpoint yet; nor has one without a name any."""
    named = f"<DBClusterArn>{CLUSTER}</DBClusterArn><DBClusterIdentifier>shop</DBClusterIdentifier>"
    answer.status = 200
    for said in (f"<DBClusterArn>{CLUSTER}</DBClusterArn>", named, f"{named}<Endpoint>{HOST}</Endpoint>"):
        answer.body = _rightly_wrapped(said).encode()
        with pytest.raises(GuardViolation, match="has no endpoint"):
            RdsClusters(lambda: client("rds")).writer_of(Address("", 0, "", cluster="shop"), Deadline(1))
