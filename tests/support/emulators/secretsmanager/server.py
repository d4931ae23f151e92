"""The service on the wire: JSON over HTTP on the loopback interface, as botocore speaks it."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, cast

import boto3
from botocore.config import Config

from tests.support.emulators.secretsmanager.clock import Clock, system_clock
from tests.support.emulators.secretsmanager.errors import ConnectionCut, ServiceError, answer
from tests.support.emulators.secretsmanager.model import CURRENT, Request, Response
from tests.support.emulators.secretsmanager.service import Service
from tests.support.emulators.secretsmanager.state import Behaviour, State
from tests.support.emulators.secretsmanager.validation import service_model
from tests.support.emulators.secretsmanager.worlds import RECORDED, DryRunValue, PendingAfterFinish, World

if TYPE_CHECKING:
    from types import TracebackType

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.support.emulators.secretsmanager.journal import Call, ServiceEvent

TARGET = "secretsmanager."
CLIENT_LOCK = threading.Lock()
_Request = socket.socket | tuple[bytes, socket.socket]
_Address = Any
MODELLED = frozenset(service_model().shape_names)
CREDENTIAL = re.compile(r"Credential=([^/,]+)/")


class EmulatedSecretsManager:
    """Secrets Manager in this process, reachable at `url` while it is entered as a context."""

    def __init__(
        self,
        *,
        region: str = "eu-west-1",
        world: World = RECORDED,
        pending_after_finish: str | None = None,
        dry_run_value: str | None = None,
        require_rotation_token: bool = False,
        clock: Clock = system_clock,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Choose the behaviour where neither recordings nor documentation settle it; nothing listens yet.

        The two switches that people meet most may be given by themselves, by their values.
        """
        world = replace(
            world,
            pending_after_finish=PendingAfterFinish(pending_after_finish or world.pending_after_finish),
            dry_run_value=DryRunValue(dry_run_value or world.dry_run_value),
        )
        self.service = Service(State(Behaviour(region, require_rotation_token), world, clock=clock))
        self.state = self.service.state
        self.faults = self.service.faults
        self.journal = self.service.journal
        self.execute = self.service.execute
        self.calls = self.journal.calls
        self.stored_values = self.journal.stored_values
        self.stored_passwords = self.journal.stored_passwords
        self._address = (host, port)
        self._server: _Server | None = None
        self._clients: list[SecretsManagerClient] = []

    def __enter__(self) -> Self:
        """Listen."""
        self._server = _Server(self._address, self.service)
        threading.Thread(target=self._server.serve_forever, args=(0.005,), daemon=True).start()
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
        """Return what AWS_ENDPOINT_URL_SECRETS_MANAGER is to be set to."""
        if self._server is None:
            message = "the emulated Secrets Manager listens only inside its `with` block"
            raise RuntimeError(message)
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def events(self) -> list[ServiceEvent]:
        """Return the service events so far."""
        return list(self.journal.events)

    def client(self, *, access_key: str = "test", attempts: int = 1, read_timeout: float = 20) -> SecretsManagerClient:
        """Return a client of this service; `access_key` names the caller in the journal."""
        config = Config(
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=5,
            read_timeout=read_timeout,
            proxies={},
        )
        with CLIENT_LOCK:
            client = _session().client(
                "secretsmanager",
                region_name=self.state.behaviour.region,
                endpoint_url=self.url,
                aws_access_key_id=access_key,
                aws_secret_access_key="test",
                config=config,
            )
        self._clients.append(client)
        return client

    def labels(self, secret_id: str) -> dict[str, str]:
        """Return a secret's labels and the version of each, without leaving a trace in the journal."""
        with self.state.lock:
            self.service.settle()
            return dict(self.state.any(secret_id).labels)

    def value(self, secret_id: str, stage: str = CURRENT) -> str | None:
        """Return the value under a label, or None, without leaving a trace in the journal."""
        with self.state.lock:
            self.service.settle()
            version = self.state.any(secret_id).at(stage)
            return None if version is None or version.value is None else version.value.content()

    def calls_during(self, step: str, token: str, caller: str | None = None) -> list[Call]:
        """Return the calls that arrived while a player delivered a step."""
        return self.journal.calls(step=step, token=token, caller=caller)


@functools.cache
def _session() -> boto3.session.Session:
    """Return the session that all clients share: it reads the API's description once."""
    return boto3.session.Session()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], service: Service) -> None:
        super().__init__(address, _Handler)
        self.service = service
        self.open = True
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request_thread(self, request: _Request, client_address: _Address) -> None:
        """Remember the connection while it lasts."""
        connection = cast("socket.socket", request)
        with self._lock:
            self._sockets.add(connection)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._sockets.discard(connection)

    def handle_error(self, request: _Request, client_address: _Address) -> None:
        """Say nothing of a client that went away."""

    def stop(self) -> None:
        """Stop listening and hang up on everybody."""
        self.open = False
        self.shutdown()
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
            said = "Message" if error.code in MODELLED else "message"
            return error.status, {"__type": error.code, said: error.message}

    def _parse(self, body: bytes) -> tuple[str, Request]:
        target = self.headers.get("X-Amz-Target", "")
        if not target.startswith(TARGET):
            raise answer("The X-Amz-Target names no operation.", code="UnknownOperationException")
        try:
            request = json.loads(body)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            raise answer("The request body is not a JSON object.", code="SerializationException")
        return target.removeprefix(TARGET), {key: item for key, item in request.items() if item is not None}

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
