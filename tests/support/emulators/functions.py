"""
Lambda's Invoke: ``POST /2015-03-31/functions/NAME/invocations``, synchronous, the payload as it is.

Lambda API reference, Invoke: 200 with the function's answer; where the function failed, X-Amz-Function-Error says so,
and the payload has errorMessage and errorType. An unknown function: 404, ResourceNotFoundException.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from tests.support.emulators.wire.loopback import Handler, Loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INVOKE: Final = re.compile(r"/2015-03-31/functions/([^/]+)/invocations(?:\?.*)?")


class EmulatedFunctions(Loopback):
    """Lambda in this process, for functions by name, reachable at `url` while it is entered as a context."""

    def __init__(self, functions: Mapping[str, Callable[[dict[str, Any]], object]]) -> None:
        """Know the functions; nothing listens yet."""
        super().__init__(type("Handler", (_Handler,), {"functions": functions}))


class _Handler(Handler):
    functions: Mapping[str, Callable[[dict[str, Any]], object]]

    def do_POST(self) -> None:  # noqa: N802 the base class names it so
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
