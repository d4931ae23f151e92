"""The RDS API's word about a cluster, over HTTP on the loopback interface."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ITEMS: Final = {"DBClusterMembers": "DBClusterMember", "CustomEndpoints": "member"}
_NAMESPACE: Final = 'xmlns="http://rds.amazonaws.com/doc/2014-10-31/"'


@contextmanager
def describing(described: Callable[[], Mapping[str, object]], domain: str) -> Iterator[tuple[str, list[str]]]:
    """Answer DescribeDBClusters and DescribeDBInstances; gives the service's address and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            (action,) = request["Action"]
            asked.append(action)
            cluster = described()
            found = f"<DBClusters><DBCluster>{_xml(cluster)}</DBCluster></DBClusters>"
            if action == "DescribeDBInstances":
                wanted = {value for name, values in request.items() if ".Values." in name for value in values}
                found = (
                    f"<DBInstances>{''.join(_instance(one, cluster, domain) for one in sorted(wanted))}</DBInstances>"
                )
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


def _instance(name: str, cluster: Mapping[str, object], domain: str) -> str:
    if not name.startswith(f"{cluster['DBClusterIdentifier']}-"):
        return ""
    place = {"Address": f"{name}.{domain}", "Port": cluster["Port"]}
    told = {"DBInstanceIdentifier": name, "DBClusterIdentifier": cluster["DBClusterIdentifier"], "Endpoint": place}
    return f"<DBInstance>{_xml(told)}</DBInstance>"


def _xml(value: object, name: str = "") -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(one, key)}</{key}>" for key, one in value.items())
    if isinstance(value, list):
        return "".join(f"<{_ITEMS[name]}>{_xml(one)}</{_ITEMS[name]}>" for one in value)
    return str(value).lower() if isinstance(value, bool) else escape(str(value))
