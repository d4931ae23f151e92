"""Amazon's names for databases: read in every partition's forms, and no others."""

from __future__ import annotations

import botocore.loaders
import pytest

from rotation.endpoints import SUFFIXES, Endpoint, endpoint, is_amazons


@pytest.mark.parametrize(
    ("host", "service", "kind", "region"),
    [
        ("shop.abc123xyz.eu-west-1.rds.amazonaws.com", "rds", "", "eu-west-1"),
        ("shop.abc123xyz.rds.cn-north-1.amazonaws.com.cn", "rds", "", "cn-north-1"),
        ("shop.abc123xyz.us-gov-west-1.rds.amazonaws.com", "rds", "", "us-gov-west-1"),
        ("shop.abc123xyz.eusc-de-east-1.rds.amazonaws.eu", "rds", "", "eusc-de-east-1"),
        ("shop.abc123xyz.us-iso-east-1.rds.c2s.ic.gov", "rds", "", "us-iso-east-1"),
        ("SHOP.CLUSTER-ABC123XYZ.EU-WEST-1.RDS.AMAZONAWS.COM.", "rds", "cluster", "eu-west-1"),
        ("shop.cluster-ro-abc123xyz.eu-west-1.rds.amazonaws.com", "rds", "cluster-ro", "eu-west-1"),
        ("reports.cluster-custom-abc123xyz.eu-west-1.rds.amazonaws.com", "rds", "cluster-custom", "eu-west-1"),
        ("shop.global-abc123xyz.global.rds.amazonaws.com", "rds", "global", "global"),
        ("shop.proxy-abc123xyz.ap-southeast-7.rds.amazonaws.com", "rds", "proxy", "ap-southeast-7"),
        ("shop.endpoint.proxy-abc123xyz.rds.cn-northwest-1.amazonaws.com.cn", "rds", "proxy", "cn-northwest-1"),
        ("shop.cluster-abc123xyz.eu-west-1.docdb.amazonaws.com", "docdb", "cluster", "eu-west-1"),
        ("shop.cluster-abc123xyz.docdb.cn-north-1.amazonaws.com.cn", "docdb", "cluster", "cn-north-1"),
        ("shop.abc123xyz.eu-west-1.redshift.amazonaws.com", "redshift", "", "eu-west-1"),
        ("shop.123456789012.eu-west-1.redshift-serverless.amazonaws.com", "redshift-serverless", "", "eu-west-1"),
    ],
)
def test_a_name_of_amazons_is_read(host: str, service: str, kind: str, region: str) -> None:
    """The service, the kind of endpoint, and the Region."""
    assert endpoint(host) == Endpoint(service, kind, region)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "127.0.0.1",
        "db.example.com",
        "shop.proxy-abc123xyz.eu-west-1.rds.amazonaws.com.example.com",
        "shop.abc123xyz.eu-west-1.rds.amazonaws.example",
        "shop.abc123xyz.eu-west-1.ec2.amazonaws.com",
        "eu-west-1.rds.amazonaws.com",
        "shop.rds.amazonaws.com",
    ],
)
def test_a_name_of_anybody_elses_is_none(host: str) -> None:
    """Also one that only looks like it."""
    assert endpoint(host) is None


def test_every_partition_is_known() -> None:
    """By botocore's list; a partition that AWS adds turns this red."""
    known = botocore.loaders.create_loader().load_data("endpoints")["partitions"]
    assert {one["dnsSuffix"] for one in known} == set(SUFFIXES)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_amazon_named(suffix: str) -> None:
    """In each partition, whatever the service; what only looks like it is not."""
    for host in (f"orders.abc123.eu-west-1.rds.{suffix}", f"ORDERS.elb.{suffix.upper()}."):
        assert is_amazons(host)
    for host in (f"orders.{suffix}.example", f"orders-{suffix}", suffix, f"orders.x{suffix}"):
        assert not is_amazons(host)
