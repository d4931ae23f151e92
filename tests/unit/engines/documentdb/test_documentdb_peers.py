"""Which nodes a login may be led to, without a server."""

from __future__ import annotations

import pytest

from rotation.engines.documentdb.peers import Peer, require_followed
from rotation.errors import GuardViolation
from rotation.model import Address

CLUSTER = "orders.cluster-abc123.eu-west-1.docdb.amazonaws.com"
IN_CHINA = "abc123.docdb.cn-north-1.amazonaws.com.cn"


@pytest.mark.parametrize(
    ("host", "primary"),
    [
        ("localhost", "localhost"),
        ("10.0.0.1", "10.0.0.1"),
        ("mongo-0.mongo.shop.svc", "MONGO-1.mongo.shop.svc."),
        ("a-00.abcde.mongodb.net", "a-01.abcde.mongodb.net"),
        ("mongo-0.example.com", "mongo-1.example.com"),
        ("mongo-0.example.co.uk", "mongo-1.example.co.uk"),
        ("mongo-0.beispiel.de", "mongo-1.beispiel.de"),
        (CLUSTER, "orders-1.abc123.eu-west-1.docdb.amazonaws.com"),
        ("orders.cluster-ro-abc123.eu-west-1.docdb.amazonaws.com", CLUSTER),
        (f"orders.cluster-{IN_CHINA}", f"orders-1.{IN_CHINA}"),
        (f"orders.cluster-ro-{IN_CHINA}", f"orders.cluster-{IN_CHINA}"),
        ("mongo-0.mongo.shop.svc", "listed.example.com"),
        ("mongo-0.mongo.shop.svc", "2001:db8::1"),
    ],
)
def test_a_primary_that_the_secret_names_is_followed(host: str, primary: str) -> None:
    """Itself, its neighbour in a domain, and a host that the secret lists."""
    address = Address(host, 27017, "admin", hosts=("Listed.example.com", "2001:db8::1"))
    require_followed(address, Peer(primary, 27018), "here")


@pytest.mark.parametrize(
    ("host", "primary"),
    [
        ("mongo-0.mongo.shop.svc", "mongo-0.mongo.internal"),
        ("mongo-0.mongo.shop.svc", "evil.example.com"),
        ("mongo-0.mongo.shop.svc", "mongo"),
        ("example.com", "evil.com"),
        ("example.co.uk", "evil.co.uk"),
        ("example.com.au", "evil.com.au"),
        ("Example.OR.JP.", "evil.or.jp"),
        ("localhost", "other"),
        ("10.0.0.1", "10.0.0.2"),
        ("2001:db8::1", "2001:db8::2"),
        (CLUSTER, "orders-1.other.eu-west-1.docdb.amazonaws.com"),
        (f"orders.cluster-{IN_CHINA}", "orders-1.other.docdb.cn-north-1.amazonaws.com.cn"),
        ("cluster-x.mongo.shop.svc", "x.shop.svc"),
    ],
)
def test_any_other_primary_is_named_and_not_followed(host: str, primary: str) -> None:
    """Whoever answers there would get the login of the secret's user, or of the admin."""
    with pytest.raises(GuardViolation) as refused:
        require_followed(Address(host, 27017, "admin"), Peer(primary, 27018), "here")
    assert f"{primary}:27018" in str(refused.value)
    assert '"hosts"' in refused.value.remedy


def test_a_name_that_is_none_is_not_repeated() -> None:
    """The server made it up, and it would stand in a log."""
    with pytest.raises(GuardViolation) as refused:
        require_followed(Address("localhost", 27017, "admin"), Peer("a b\n{}", 1), "here")
    assert "a b" not in str(refused.value)
