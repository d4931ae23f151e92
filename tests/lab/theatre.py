"""The local stage: a real database, an emulated Secrets Manager, and the real Lambda handler between them."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import io
import itertools
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self
from unittest import mock

from tests.lab.client import Rejected, Seen
from tests.support.arns import moved
from tests.support.emulators.secretsmanager.rotation import RotationPlayer
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.secretsmanager.worlds import RECORDED, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import ModuleType

    from tests.support.emulators.secretsmanager.rotation import RotationResult, StepResult
    from tests.support.servers.own import Server

ROOT: Final = Path(__file__).resolve().parents[2]
REGION: Final = "eu-west-1"
STACK: Final = f"arn:aws:cloudformation:{REGION}:123456789012:stack/rotation/1f0c3b2a-6c1e-11f0-8de9-0242ac120002"
ADMIN: Final = "shop_admin"
TIMEOUT: Final = 60.0
"""Seconds that Lambda would give an invocation."""

IN_BYTES: Final = {"PATH": os.defpath, "LC_ALL": "C"}

_numbers = itertools.count(1)


class Scene(ABC):
    """A database server with applications on it."""

    engine: ClassVar[str]
    title: str
    host: str
    port: int
    database: str
    bundle: Path | None
    failovers: int = 0
    seconds: float = TIMEOUT

    @abstractmethod
    def prepare_admin(self, admin: str, password: str) -> None:
        """Make the admin, with no more rights than it needs."""

    @abstractmethod
    def prepare(self, user: str, password: str, admin: str) -> None:
        """Make an application's user, its tables and rights, and let the admin manage it."""

    def set_password(self, user: str, password: str) -> None:
        """Change a user's password, as a person does who knows of no secret."""
        raise NotImplementedError

    def limit(self, user: str, connections: int) -> None:
        """Let a user have so many connections, where the server can."""
        raise NotImplementedError

    def drop(self, user: str) -> None:
        """Drop a user, with all that is its own."""
        raise NotImplementedError

    @abstractmethod
    def work(self, secret: Mapping[str, Any]) -> None:
        """Use all of the application's rights; raises where one is gone."""

    @abstractmethod
    def logins(self, since: int) -> tuple[int, int]:
        """Count the logins that the server accepted and refused since a mark."""

    @abstractmethod
    def mark(self) -> int:
        """Return the present end of the server's log."""

    @abstractmethod
    def log_text(self, since: int = 0) -> str:
        """Return the server's log since a mark."""

    def take_right(self, admin: str) -> str:
        """Take the right from the admin without which it changes no user's password; gives what was run."""
        raise NotImplementedError

    def obey(self, remedy: str) -> list[str]:
        """Run what an error says to run, as the server's owner; gives each statement."""
        raise NotImplementedError

    def fail_over(self) -> None:
        """Kill the server that takes changes, and let another one take over, where there is one."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return what of the function's environment belongs to this database."""
        return {}


class ServerScene(Scene):
    """A scene on one server, which tells its logins in a log of its own."""

    _server: Server

    def mark(self) -> int:
        """Return the present end of the server's log."""
        return self._server.mark()

    def log_text(self, since: int = 0) -> str:
        """Return the server's log since a mark."""
        return self._server.log_text(since)


@dataclass(frozen=True)
class Context:
    """What Lambda passes beside the event."""

    seconds: float = TIMEOUT
    function_name: str = "rotation"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:123456789012:function:rotation"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def get_remaining_time_in_millis(self) -> int:
        """Return all of the time: each invocation is a new one."""
        return int(self.seconds * 1000)


class FunctionLog(io.StringIO):
    """What CloudWatch would keep of a function."""


class Theatre:
    """A database server, Secrets Manager, and the handler of the function's own app.py between them."""

    def __init__(
        self, module: ModuleType, scene: Scene, emulator: EmulatedSecretsManager, password: str | None = None
    ) -> None:
        """Set the stage: the admin, its secret, and the function; an admin with a password is there already."""
        self.module, self.scene, self.emulator = module, scene, emulator
        self.function_log = FunctionLog()
        self.seconds = scene.seconds
        """What each invocation gets."""
        self._service = f"rotation-{next(_numbers)}"
        if password is None:
            scene.prepare_admin(ADMIN, password := secrets.token_urlsafe(18))
        self.admin_arn = self.create_secret("admin", ADMIN, password)
        self.handler = self.load()
        self.player = RotationPlayer(emulator, self.invoke, caller="function")

    def application(self, user: str, strategy: str) -> Application:
        """Bring an application onto the stage: a user with rights, and a secret that names the strategy."""
        password = secrets.token_urlsafe(18)
        self.scene.prepare(user, password, ADMIN)
        by_admin = strategy == "alternating-users" or strategy.endswith("-by-admin")
        extra: dict[str, Any] = {"masterarn": self.admin_arn} if by_admin else {}
        if strategy != "alternating-users":
            extra["rotation"] = {"strategy": strategy.removesuffix("-by-admin")}
        return Application(self, self.create_secret(user, user, password, **extra), strategy)

    def create_secret(self, name: str, user: str, password: str, **extra: Any) -> str:  # noqa: ANN401 JSON
        """Store a secret of this server, and give its ARN."""
        scene = self.scene
        place = {"engine": scene.engine, "host": scene.host, "port": scene.port, "dbname": scene.database}
        value = json.dumps({**place, "username": user, "password": password, **extra})
        request = {"Name": name, "SecretString": value, "ClientRequestToken": str(uuid.uuid4())}
        return str(self.emulator.execute("CreateSecret", request)["ARN"])

    def load(self) -> Callable[[Any, Any], None]:
        """Import app.py as the runtime does."""
        with contextlib.redirect_stdout(self.function_log), mock.patch.dict(os.environ, self.environment()):
            handler: Callable[[Any, Any], None] = app_of(self.module.FUNCTION).lambda_handler
        return handler

    def environment(self) -> dict[str, str]:
        """Return what the stack and Lambda would set."""
        return {
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "function",
            "AWS_SECRET_ACCESS_KEY": "function",
            "SECRETS_MANAGER_ENDPOINT": self.emulator.url,
            "ADMIN_SECRET_ARNS": self.admin_arn,
            "ALLOW_LOCAL_HOSTS": "true",
            "SEAL_KEY": STACK,
            "DATABASE_CA_BUNDLE": str(self.scene.bundle or ""),
            "NO_PROXY": "127.0.0.1",
            "POWERTOOLS_SERVICE_NAME": self._service,  # loggers of one name share one stream
            **self.scene.environment(),
        }

    def invoke(self, event: Mapping[str, Any]) -> None:
        """Call the handler, its standard output kept as CloudWatch would keep it."""
        with contextlib.redirect_stdout(self.function_log), mock.patch.dict(os.environ, self.environment()):
            self.handler(event, Context(self.seconds))

    @contextlib.contextmanager
    def player_for_threads(self) -> Iterator[RotationPlayer]:
        """Return a player that many threads may use: what is the process's own is set up once for all of them."""
        with contextlib.redirect_stdout(self.function_log), mock.patch.dict(os.environ, self.environment()):
            yield RotationPlayer(self.emulator, lambda event: self.handler(event, Context(self.seconds)))

    def leaked(self) -> list[str]:
        """Name each log in which a password stands that was ever stored."""
        logs = {"the function's log": self.function_log.getvalue(), "the server's log": self.scene.log_text()}
        passwords = self.emulator.stored_passwords()
        return [name for name, text in logs.items() if holds_any(text, passwords)]


def app_of(function: str) -> Any:  # noqa: ANN401 a module, by its file
    """Import the app.py of a function as the runtime does, with the layer, and with what lies beside it."""
    path = ROOT / "functions" / function / "app.py"
    _find(ROOT / "shared", path.parent)
    spec = importlib.util.spec_from_file_location(f"functions.{function}.app", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    app = importlib.util.module_from_spec(spec)
    with mock.patch.object(gc, "freeze"):  # a function's process holds that alone; this one has things that go
        spec.loader.exec_module(app)
    return app


def holds_any(text: str, words: Iterable[str]) -> bool:
    """Tell whether one of the words stands in a text, in one pass: there are thousands, and a log has megabytes."""
    with tempfile.NamedTemporaryFile() as patterns:
        patterns.write("\n".join(words).encode())
        patterns.flush()
        command = ["grep", "-q", "-a", "-F", "-f", patterns.name]
        done = subprocess.run(  # noqa: S603 the names are ours
            command, input=text.encode(errors="surrogatepass"), env=IN_BYTES, check=False
        )
    if done.returncode > 1:
        raise RuntimeError("grep cannot search")
    return done.returncode == 0


class Application:
    """One secret, rotated as the service would do it."""

    def __init__(self, theatre: Theatre, arn: str, strategy: str) -> None:
        """Know the secret."""
        self.theatre, self.arn, self.strategy = theatre, arn, strategy

    def rotate(self, on_step: Callable[[StepResult], object] | None = None) -> RotationResult:
        """Rotate once, as RotateSecret does."""
        self.theatre.player.on_step = on_step
        return self.theatre.player.rotate(self.arn)

    def begin(self) -> str:
        """Stage a rotation, as RotateSecret does, and give its token; nothing of it is delivered."""
        token, emulator = str(uuid.uuid4()), self.theatre.emulator
        function = f"arn:aws:lambda:{REGION}:123456789012:function:rotation"
        request = {"SecretId": self.arn, "ClientRequestToken": token, "RotationLambdaARN": function}
        emulator.execute("RotateSecret", request)
        assert emulator.state.take_due(token)
        return token

    def rotate_beside_client(self, rotations: int) -> Seen:
        """Rotate again and again beside a client that reads AWSCURRENT before each login."""
        with self.clients() as client:
            for _ in range(rotations):
                assert self.rotate().succeeded
                self.await_client()
        return client.seen

    def await_client(self, emulator: EmulatedSecretsManager | None = None) -> None:
        """
        Wait until the client has ended the login that it was in, so that no rotation begins during it.

        What a client read is good until the next rotation begins. That is a day later in life, and here, without the
        wait, sooner than a login on a busy machine.
        """
        calls = (emulator or self.theatre.emulator).calls
        reads = len(calls(caller="client")) + 2
        give_up = time.monotonic() + TIMEOUT
        while len(calls(caller="client")) < reads:
            assert time.monotonic() < give_up, "the client has stopped"
            time.sleep(0.002)

    def secret(self, stage: str = "AWSCURRENT") -> dict[str, Any]:
        """Read what a client would read, without leaving a trace."""
        value: dict[str, Any] = json.loads(self.theatre.emulator.value(self.arn, stage) or "{}")
        return value

    def versions(self) -> list[dict[str, Any]]:
        """Read every version that Secrets Manager still keeps, labelled or not."""
        state = self.theatre.emulator.state
        with state.lock:
            values = [it.value for it in state.any(self.arn).versions.values()]
        return [json.loads(value.content()) for value in values if value is not None]

    def put(self, secret: Mapping[str, Any]) -> None:
        """Store a value as AWSCURRENT, as a person does."""
        request = {"SecretId": self.arn, "SecretString": json.dumps(secret), "ClientRequestToken": str(uuid.uuid4())}
        self.theatre.emulator.execute("PutSecretValue", request)

    def is_accepted(self, secret: Mapping[str, Any]) -> bool:
        """Return whether the server accepts a credential."""
        try:
            self.theatre.module.log_in(secret, str(self.theatre.scene.bundle))
        except Rejected:
            return False
        return True

    def work(self) -> None:
        """Use all of the application's rights with AWSCURRENT; raises where one is gone."""
        self.theatre.scene.work(self.secret())

    def revoke(self, *, end_sessions: bool = False) -> None:
        """Do what events/revoke.json does."""
        self.theatre.invoke({"Step": "revokePrevious", "SecretId": self.arn, "EndSessions": end_sessions})

    def clients(
        self,
        cache: float = 0,
        pause: float = 0.002,
        emulator: EmulatedSecretsManager | None = None,
        *,
        traced: bool = False,
    ) -> ClientProcess:
        """Return a client that keeps logging in while it is entered as a context; in another Region where told."""
        service = emulator or self.theatre.emulator
        region = service.state.behaviour.region
        order = {
            "module": self.theatre.module.__name__,
            "secret": moved(self.arn, region),
            "endpoint": service.url,
            "region": region,
            "bundle": str(self.theatre.scene.bundle),
            "cache": cache,
            "pause": pause,
            "traced": traced,
        }
        return ClientProcess(order)


class ClientProcess:
    """The client's process; ``seen`` is there once the context ends."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        """Know what to tell it."""
        self._order = order
        self.seen = Seen()

    def __enter__(self) -> Self:
        """Start it, and wait until it has logged in once."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from tests.lab.client import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            process_group=0,  # Ctrl-C is for the demo alone, which ends the client
        )
        self._tell(json.dumps(self._order) + "\n")
        if self._listen() != "ready":
            raise RuntimeError("The client could not log in at the start")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End its input, and take what it saw; where nobody will ask for it any more, end it at once."""
        assert self._process.stdin
        if kind:
            self._process.kill()
        self._process.stdin.close()
        told = self._listen()
        self._process.wait(10)
        assert self._process.stdout
        self._process.stdout.close()
        if kind:
            return
        self.seen = Seen(**json.loads(told))

    def so_far(self) -> Seen:
        """Ask what it saw until now."""
        self._tell("\n")
        return Seen(**json.loads(self._listen()))

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _listen(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


@contextlib.contextmanager
def beside() -> Iterator[None]:
    """Let the functions that are made meanwhile log in to servers on this machine."""
    _find(ROOT / "shared")
    module = importlib.import_module("rotation.entrypoints.secrets_manager")
    settings = module.Settings

    class Beside:
        """The settings of an environment, where it says nothing else with those for tests."""

        @staticmethod
        def from_environment(environment: Mapping[str, str]) -> object:
            return settings.from_environment({"ALLOW_LOCAL_HOSTS": "true", **environment})

    with mock.patch.object(module, "Settings", Beside):
        yield


@contextlib.contextmanager
def emulated(world: World = RECORDED) -> Iterator[EmulatedSecretsManager]:
    """Run Secrets Manager, and let functions log in beside it."""
    with EmulatedSecretsManager(region=REGION, world=world) as emulator, beside():
        yield emulator


def _find(*folders: Path) -> None:
    """Have what is in the folders found, as in a layer and beside a function."""
    for folder in folders:
        if str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
