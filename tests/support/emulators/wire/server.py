"""A service on the wire: JSON over HTTP on the loopback interface, as botocore speaks it."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

import boto3
from botocore.config import Config

from tests.support.emulators.wire.errors import ConnectionCut, ServiceError, answer

if TYPE_CHECKING:
    from types import TracebackType

CLIENT_LOCK = threading.Lock()
CREDENTIAL = re.compile(r"Credential=([^/,]+)/")
Request = dict[str, Any]
Response = dict[str, Any]
_Socket = socket.socket | tuple[bytes, socket.socket]
_Address = Any


class Backend(Protocol):
    """A service without a wire."""

    target: str
    """What stands before an operation's name in X-Amz-Target."""
    modelled: frozenset[str]
    """The names of the service's own errors, among others."""

    def call(self, operation: str, request: Request, caller: str) -> Response:
        """Answer a client. Raises ServiceError or ConnectionCut."""


class EmulatedService:
    """A service in this process, reachable at `url` while it is entered as a context."""

    def __init__(self, backend: Backend, host: str, port: int) -> None:
        """Know the service and where it is to listen; nothing listens yet."""
        self._backend = backend
        self._address = (host, port)
        self._server: _Server | None = None
        self._clients: list[Any] = []

    def __enter__(self) -> Self:
        """Listen."""
        self._server = _Server(self._address, self._backend)
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening."""
        if self._server is not None:
            for client in self._clients:
                client.close()
            self._server.stop()
            self._server = None

    @property
    def url(self) -> str:
        """Return what AWS_ENDPOINT_URL is to be set to, or that variable of the one service."""
        if self._server is None:
            message = "the emulated service listens only inside its `with` block"
            raise RuntimeError(message)
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def make_client(self, service: str, region: str, *, access_key: str, attempts: int, read_timeout: float) -> Any:  # noqa: ANN401 boto3 makes its clients' classes at run time
        """Return a client of this service."""
        config = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=5,
            read_timeout=read_timeout,
            proxies={},
        )
        make: Any = _session().client  # the stubs know each service by its literal name
        with CLIENT_LOCK:
            client = make(
                service,
                region_name=region,
                endpoint_url=self.url,
                aws_access_key_id=access_key,
                aws_secret_access_key="test",
                config=config,
            )
        self._clients.append(client)
        return client


@functools.cache
def _session() -> boto3.session.Session:
    """Return the session that all clients share: it reads the API's description once."""
    return boto3.session.Session()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: Backend) -> None:
        super().__init__(address, _Handler)
        self.service = service
        self.open = True
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Take connections, in a thread of its own."""
        self._door = threading.Thread(target=self._accept, daemon=True)
        self._door.start()

    def _accept(self) -> None:
        """Take connections until the socket is shut down. Nothing is polled: dozens of services may stand idle."""
        with contextlib.suppress(OSError):
            while self.open:
                self.process_request(*self.get_request())

    def process_request_thread(self, request: _Socket, client_address: _Address) -> None:
        """Remember the connection while it lasts. Nothing of the library runs here that coverage had to see."""
        sys.settrace(None)
        connection = cast("socket.socket", request)
        with self._lock:
            self._sockets.add(connection)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._sockets.discard(connection)

    def handle_error(self, request: _Socket, client_address: _Address) -> None:
        """Say nothing of a client that went away."""

    def stop(self) -> None:
        """Stop listening and hang up on everybody."""
        self.open = False
        self.socket.shutdown(socket.SHUT_RDWR)
        self._door.join()
        self.server_close()
        with self._lock:
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Answer one request, or hang up."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            status, result = self._answer(body)
        except ConnectionCut:
            self.close_connection = True
            return
        self._send(status, result)

    def _answer(self, body: bytes) -> tuple[int, Response]:
        if not self.server.open:
            raise ConnectionCut
        try:
            operation, request = self._parse(body)
            return 200, self.server.service.call(operation, request, self._caller())
        except ServiceError as error:
            # API reference, Common errors: the JSON protocol names the error in __type. Recorded: the service's own
            # errors say Message, the common ones message (LocalStack, test_no_client_request_token, 2024-03-15).
            said = "Message" if error.code in self.server.service.modelled else "message"
            return error.status, {"__type": error.code, said: error.message}

    def _parse(self, body: bytes) -> tuple[str, Request]:
        target = self.headers.get("X-Amz-Target", "")
        if not target.startswith(self.server.service.target):
            raise answer("The X-Amz-Target names no operation.", code="UnknownOperationException")
        try:
            request = json.loads(body)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            raise answer("The request body is not a JSON object.", code="SerializationException")
        given = {key: item for key, item in request.items() if item is not None}
        return target.removeprefix(self.server.service.target), given

    def _caller(self) -> str:
        """Return the access key id that signed the request."""
        found = CREDENTIAL.search(self.headers.get("Authorization", ""))
        return found[1] if found else "anonymous"

    def _send(self, status: int, result: Response) -> None:
        payload = json.dumps(result).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: the journal knows."""
