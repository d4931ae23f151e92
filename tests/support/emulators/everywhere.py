"""
One address for all services in all Regions: each request goes to where it was signed for.

IAM user guide, "Elements of an AWS API request signature": the credential scope is the date, the Region, the service
and ``aws4_request``, with slashes between them.
"""

from __future__ import annotations

import http.client
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from tests.support.emulators.wire.loopback import Handler, Loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

SCOPE: Final = re.compile(r"Credential=[^/,]+/\d{8}/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request")
SECONDS: Final = 60.0
_OWN: Final = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})
"""Headers of an answer that the way back has of its own."""

Place = tuple[str, str]


class Everywhere(Loopback):
    """AWS in this process, at one `url` while it is entered as a context."""

    def __init__(self, places: Mapping[Place, str]) -> None:
        """Know the address of each service, by the service's signing name and the Region; nothing listens yet."""
        super().__init__(type("Handler", (_Handler,), {"places": places}))


class _Handler(Handler):
    places: Mapping[Place, str]

    def do_POST(self) -> None:  # noqa: N802 the base class names it so
        """Pass it on, and hang up where nobody is, or somebody hangs up."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        signed = SCOPE.search(self.headers.get("Authorization", ""))
        url = self.places.get((signed["service"], signed["region"])) if signed else None
        self.close_connection = True
        if url is None:
            return
        there = http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)
        try:
            there.request("POST", self.path, body, dict(self.headers))
            answer = there.getresponse()
            payload = answer.read()
        except (OSError, http.client.HTTPException):
            return
        finally:
            there.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OWN:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
