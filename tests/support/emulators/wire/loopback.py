"""An HTTP server on the loopback interface, for what speaks another protocol than JSON by an operation's name."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Handler(BaseHTTPRequestHandler):
    """What answers a request, and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


class Loopback:
    """A server in this process, at one `url` while it is entered as a context."""

    def __init__(self, handler: type[Handler]) -> None:
        """Know what answers; nothing listens yet."""
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
        """Return what the SDK is told as the endpoint."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"
