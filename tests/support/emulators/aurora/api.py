"""The RDS API's word about a cluster, over HTTP on the loopback interface."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from tests.support.emulators import rds
from tests.support.emulators.aurora.names import DOMAIN, GLOBAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ITEMS: Final = {
    "DBClusterMembers": "DBClusterMember",
    "CustomEndpoints": "member",
    "GlobalClusterMembers": "GlobalClusterMember",
}
_NAMESPACE: Final = 'xmlns="http://rds.amazonaws.com/doc/2014-10-31/"'


@contextmanager
def describing(described: Callable[[], Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """Describe clusters, instances and global databases; gives the service's address and what it was asked."""
    asked: list[str] = []

    def answer(request: Mapping[str, list[str]]) -> str:
        (action,) = request["Action"]
        asked.append(action)
        found = _ANSWERS[action](described(), _wanted(request))
        return f"<{action}Response {_NAMESPACE}><{action}Result>{found}</{action}Result></{action}Response>"

    with rds.answering(answer) as url:
        yield url, asked


def _wanted(request: Mapping[str, list[str]]) -> set[str]:
    """Return the clusters that are meant, by the filter or the identifier; none where all are."""
    named = request.get("DBClusterIdentifier", [])
    names = {value for name, values in request.items() if ".Values." in name for value in values}
    return names | {name.rpartition(":")[2] for name in named}


def _clusters(cluster: Mapping[str, Any], wanted: set[str]) -> str:
    known = not wanted or cluster["DBClusterIdentifier"] in wanted
    return f"<DBClusters>{f'<DBCluster>{_xml(cluster)}</DBCluster>' if known else ''}</DBClusters>"


def _instances(cluster: Mapping[str, Any], wanted: set[str]) -> str:
    names = [member["DBInstanceIdentifier"] for member in cluster["DBClusterMembers"]]
    known = names if cluster["DBClusterIdentifier"] in wanted else []
    return f"<DBInstances>{''.join(_instance(name, cluster) for name in known)}</DBInstances>"


def _instance(name: str, cluster: Mapping[str, Any]) -> str:
    place = {"Address": f"{name}.{DOMAIN}", "Port": cluster["Port"]}
    told = {"DBInstanceIdentifier": name, "DBClusterIdentifier": cluster["DBClusterIdentifier"], "Endpoint": place}
    return f"<DBInstance>{_xml(told)}</DBInstance>"


def _global(cluster: Mapping[str, Any], _wanted: set[str]) -> str:
    member = {"DBClusterArn": cluster["DBClusterArn"], "IsWriter": True}
    told = {"GlobalClusterIdentifier": "orders", "Endpoint": GLOBAL, "GlobalClusterMembers": [member]}
    return f"<GlobalClusters><GlobalClusterMember>{_xml(told)}</GlobalClusterMember></GlobalClusters>"


_ANSWERS: Final = {
    "DescribeDBClusters": _clusters,
    "DescribeDBInstances": _instances,
    "DescribeGlobalClusters": _global,
}


def _xml(value: object, name: str = "") -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(one, key)}</{key}>" for key, one in value.items())
    if isinstance(value, list):
        return "".join(f"<{_ITEMS[name]}>{_xml(one)}</{_ITEMS[name]}>" for one in value)
    return str(value).lower() if isinstance(value, bool) else escape(str(value))
