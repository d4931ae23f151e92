"""Every command of the guide to Parameter Store, typed into a shell as it stands there, beside an emulated AWS."""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.entrypoints import parameter_store, secrets_manager
from tests.e2e.test_regions_guide import Shell
from tests.lab.theatre import REGION, Context
from tests.support.cli import aws
from tests.support.emulators.everywhere import Everywhere
from tests.support.emulators.functions import EmulatedFunctions
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.ssm.model import arn_of
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import ManualClock
from tests.support.emulators.wire.server import EmulatedService
from tests.support.guides.pages import ROOT, page
from tests.support.memory.engine import ADMIN, HOST, PORT, Account, MemoryEngine, MemoryServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rotation.ports import Engine
    from tests.support.emulators.wire.server import Request, Response

GUIDE: Final = page("docs/parameter-store.md")
NAME, URL, MIRROR, ADMINS = (
    "/rotated/orders/database",
    "/rotated/orders/url",
    "/mirrors/orders/database",
    "/admins/orders",
)
SECRET: Final = "orders/database"
FIRST: Final = "canary-first"
WRITTEN: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When the guide's parameters are made: before the time that its event after a leak names."""


def commands() -> list[str]:
    """Return every command of the guide, as one line each; a pipe goes on in the next line."""
    text = "".join(block.text for block in GUIDE.blocks if block.language == "sh")
    return text.replace("\\\n", " ").replace("|\n", "|").splitlines()


def command(*words: str) -> str:
    """Return the one command that has these words."""
    (found,) = (line for line in commands() if all(word in line for word in words))
    return found


PUT, PUT_URL, PUT_MIRROR = (command("put-parameter", name) for name in (NAME, URL, MIRROR))
DRY_RUN, LEAK, REVOKE = (command(word) for word in ("DryRun", "WrittenBefore", "revokePrevious"))
SYNC: Final = command("sync-mirrors.json")
REDRIVE: Final = command("start-message-move-task")
DEPLOY: Final = command("sam deploy")
"""tests/e2e/test_deploy.py deploys with these parameters; tests/unit/docs/test_commands.py compares the options."""


def test_no_command_of_the_guide_is_left_out() -> None:
    """Each is typed by one of the tests."""
    assert set(commands()) == {PUT, PUT_URL, PUT_MIRROR, DRY_RUN, LEAK, REVOKE, SYNC, REDRIVE, DEPLOY}


class Queues:
    """SQS, as far as the guide goes: it takes what one command sends (API reference, StartMessageMoveTask)."""

    target = "AmazonSQS."
    modelled: frozenset[str] = frozenset()

    def __init__(self) -> None:
        """Nothing was asked for yet."""
        self.asked: list[tuple[str, Request]] = []

    def call(self, operation: str, request: Request, caller: str) -> Response:
        """Note it, and answer with a handle."""
        del caller
        self.asked.append((operation, request))
        return {"TaskHandle": "handle"}


class Scene:
    """The guide's parameters and its secret, a server, and both functions under the names of the stack."""

    def __init__(self, parameters: EmulatedParameterStore, secrets: EmulatedSecretsManager) -> None:
        """Store the admin's credential; the user makes the rest."""
        self.parameters, self.secrets, self.queues = parameters, secrets, Queues()
        self.server = MemoryServer({ADMIN: Account("admin-password", {"admin"}), "app": Account(FIRST, {"read"})})
        self.place: dict[str, Any] = {"engine": "memory", "host": HOST, "port": PORT}
        parameters.put(ADMINS, json.dumps({**self.place, "username": ADMIN, "password": "admin-password"}))
        common = {"SEAL_KEY": "the stack's", "SECRETS_MANAGER_ENDPOINT": secrets.url}
        self.rotates = parameter_store.Handler(
            {**common, "ADMIN_SECRET_ARNS": arn_of(ADMINS), "POWERTOOLS_SERVICE_NAME": str(uuid.uuid4())},
            lambda _name: self.engine,
        )
        self.mirrors = secrets_manager.Handler(
            self.engine, {**common, "MIRROR_PATH": "/mirrors", "POWERTOOLS_SERVICE_NAME": str(uuid.uuid4())}
        )

    def engine(self, _bundle: Path | None) -> Engine:
        """Return an engine that goes by PostgreSQL's name, too."""
        engine = MemoryEngine(self.server)
        engine.traits = replace(engine.traits, names=engine.traits.names | {"postgres"})
        return engine

    def functions(self) -> dict[str, Callable[[dict[str, Any]], object]]:
        """Return the functions by their names in the guide."""
        return {
            "secret-rotation-parameter-store": lambda event: self.rotates(event, Context()),
            "secret-rotation-postgresql": lambda event: self.mirrors(event, Context()),
        }

    def accepted(self, user: str) -> set[str]:
        """Return the passwords that the server accepts of a user."""
        account = self.server.accounts[user]
        return {it for it in (account.password, account.second) if it is not None}


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Set the scene on the wire."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    clock = ManualClock(WRITTEN)
    with EmulatedParameterStore(clock=clock) as parameters, EmulatedSecretsManager() as secrets:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", parameters.url)
        yield Scene(parameters, secrets)


@pytest.fixture
def typing(scene: Scene, tmp_path: Path) -> Iterator[Shell]:
    """Open a shell that reaches the emulated AWS alone."""
    with contextlib.ExitStack() as stack:
        functions = stack.enter_context(EmulatedFunctions(scene.functions()))
        queues = stack.enter_context(EmulatedService(scene.queues, "127.0.0.1", 0))
        urls = {"ssm": scene.parameters.url, "secretsmanager": scene.secrets.url}
        urls |= {"lambda": functions.url, "sqs": queues.url}
        account = stack.enter_context(Everywhere({(name, REGION): url for name, url in urls.items()}))
        environment = {
            "PATH": aws.path(),
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": account.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "person",
            "AWS_SECRET_ACCESS_KEY": "person",
            "NO_PROXY": "127.0.0.1",
        }
        yield Shell(tmp_path, environment)


def test_a_credential_is_stored_rehearsed_and_rotated_after_a_leak(scene: Scene, typing: Shell, tmp_path: Path) -> None:
    """As JSON, with two users: the dry run changes nothing; the leaked password ends with the last command."""
    credential = {**scene.place, "username": "app", "password": FIRST, "masterarn": arn_of(ADMINS)}
    (tmp_path / "credential.json").write_text(json.dumps(credential))
    assert typing.type(PUT)["Version"] == 1
    said = typing.type(DRY_RUN)
    assert said["Outcome"] == "dry run"
    assert json.loads(scene.parameters.value(NAME)) == credential
    assert typing.type(LEAK)["Outcome"] == "rotated"
    assert json.loads(scene.parameters.value(NAME))["username"] == "app_clone"
    assert scene.accepted("app") == {FIRST}
    typing.type(REVOKE)
    assert scene.accepted("app") == set()


def test_a_connection_string_says_the_rest_in_its_description(scene: Scene, typing: Shell, tmp_path: Path) -> None:
    """It names the admin, so that two users alternate."""
    (tmp_path / "url.txt").write_text(f"postgresql://app:{FIRST}@{HOST}:{PORT}/orders?sslmode=verify-full")
    assert typing.type(PUT_URL)["Version"] == 1
    event = {"Parameters": [URL], "WrittenBefore": datetime.now(UTC).isoformat()}
    assert scene.rotates(event, Context())["Outcome"] == "rotated"
    head, _, tail = scene.parameters.value(URL).partition("@")
    assert head.startswith("postgresql://app_clone:")
    assert tail == f"{HOST}:{PORT}/orders?sslmode=verify-full"


def test_a_mirror_is_made_and_follows(scene: Scene, typing: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The description names the secret of the event's file."""
    arn = json.loads((ROOT / "events/sync-mirrors.json").read_text("utf-8"))["SecretId"]
    monkeypatch.setattr(scene.secrets.state, "arn_for", {SECRET: arn}.__getitem__)
    value = json.dumps({**scene.place, "username": "app", "password": FIRST, "rotation": {"mirror": MIRROR}})
    request = {"Name": SECRET, "SecretString": value, "ClientRequestToken": str(uuid.uuid4())}
    assert scene.secrets.execute("CreateSecret", request)["ARN"] == arn
    typing.type(PUT_MIRROR)
    typing.write("events/sync-mirrors.json")
    typing.type(SYNC)
    assert scene.parameters.value(MIRROR) == value


def test_what_was_laid_aside_is_given_back(scene: Scene, typing: Shell) -> None:
    """The queue is the one that the template names; version 1 of the command line must be told where SQS is."""
    here = typing.environment["AWS_ENDPOINT_URL"]
    assert typing.type(f"{REDRIVE} --endpoint-url {here}")["TaskHandle"] == "handle"
    ((operation, request),) = scene.queues.asked
    assert operation == "StartMessageMoveTask"
    assert request["SourceArn"].rpartition(":")[2] == "secret-rotation-parameter-store-failures.fifo"
    assert "${FunctionPrefix}-parameter-store-failures.fifo" in (ROOT / "template.yaml").read_text("utf-8")
