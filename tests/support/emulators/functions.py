"""
Lambda's Invoke: ``POST /2015-03-31/functions/NAME/invocations``, synchronous, the payload as it is.

Lambda API reference, Invoke: 200 with the function's answer; where the function failed, X-Amz-Function-Error says so,
and the payload has errorMessage and errorType. An unknown function: 404, ResourceNotFoundException.
"""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INVOKE: Final = re.compile(r"/2015-03-31/functions/([^/]+)/invocations(?:\?.*)?")


class EmulatedFunctions:
    """Lambda in this process, for functions by name, reachable at `url` while it is entered as a context."""

    def __init__(self, functions: Mapping[str, Callable[[dict[str, Any]], object]]) -> None:
        """Know the functions; nothing listens yet."""
        handler = type("Handler", (_Handler,), {"functions": functions})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler, bind_and_activate=False)
        self._server.daemon_threads = True

    def __enter__(self) -> Self:
        """Listen."""
        self._server.server_bind()
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Return what the SDK is told as Lambda's endpoint."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    functions: Mapping[str, Callable[[dict[str, Any]], object]]

    def do_POST(self) -> None:
        """Invoke a function."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        found = INVOKE.fullmatch(unquote(self.path))
        name = found[1].split(":function:")[-1].split(":")[0] if found else ""
        if name not in self.functions:
            said = {"Message": f"Function not found: {name}", "Type": "User"}
            self._send(404, said, {"X-Amzn-ErrorType": "ResourceNotFoundException"})
            return
        try:
            answer, headers = self.functions[name](json.loads(body or b"{}")), {}
        except Exception as error:  # noqa: BLE001 whatever a function raises is its answer
            answer = {"errorMessage": str(error), "errorType": type(error).__name__}
            headers = {"X-Amz-Function-Error": "Unhandled"}
        self._send(200, answer, headers)

    def _send(self, status: int, answer: object, headers: Mapping[str, str]) -> None:
        payload = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(payload)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""
