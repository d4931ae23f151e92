"""Ways to reach a rotation function that is not a Python callable of this process."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.rotation import Event


class InvocationFailed(Exception):
    """The function answered with an error, as Lambda marks it by FunctionError."""


@dataclass(frozen=True)
class InvokeUrl:
    """A Lambda runtime emulator's invocation address, usable as a player's `invoke`."""

    url: str
    timeout: float = 60

    def __call__(self, event: Event) -> object:
        """Post the event; raise when the function failed."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=self.timeout)
        try:
            connection.request("POST", parts.path, json.dumps(event))
            response = connection.getresponse()
            answer: object = json.loads(response.read() or b"null")
        finally:
            connection.close()
        failed = isinstance(answer, dict) and "errorMessage" in answer
        if failed or response.status >= http.client.BAD_REQUEST:
            raise InvocationFailed(answer)
        return answer
