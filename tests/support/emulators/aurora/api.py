"""The RDS API's word about a cluster, over HTTP on the loopback interface."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

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

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            (action,) = request["Action"]
            asked.append(action)
            found = _ANSWERS[action](described(), _wanted(request))
            body = (
                f"<{action}Response {_NAMESPACE}><{action}Result>{found}</{action}Result></{action}Response>".encode()
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


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
