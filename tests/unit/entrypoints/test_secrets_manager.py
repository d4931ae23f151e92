"""The Lambda handler: from an event to a step, through a real client of the emulated service."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from rotation import VERSION
from rotation.entrypoints.assembly import SINGLE_TRY, Assembly
from rotation.entrypoints.secrets_manager import REVOKE, Event, Handler, handler_for
from rotation.errors import GuardViolation, InvalidEvent, InvalidSettings, RotationError, RotationRefused
from rotation.model import Limits
from rotation.settings import Settings
from rotation.topology.names import resolve
from tests.support.emulators.secretsmanager.rotation import RotationPlayer
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.secretsmanager.worlds import DryRunValue, PendingAfterFinish, World
from tests.support.memory.engine import ADMIN, HOST, PORT, Account, MemoryEngine, MemoryServer, MemorySession
from tests.support.memory.interruptions import fail

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rotation.model import Address, Credential, Deadline
    from rotation.ports import Engine

CANARY = "canary-7f3a"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
TOKEN = str(uuid.uuid4())
EVENT: dict[str, object] = {"Step": "setSecret", "SecretId": ARN, "ClientRequestToken": TOKEN}


class Context:
    """A Lambda context with time left."""

    def __init__(self, milliseconds: int = 60_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and a Region, as in the Lambda runtime."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


# Events


def test_an_event_of_secrets_manager() -> None:
    """The four fields are read, the step as a text of the API, the rotation token hidden."""
    proof = "a" * 36
    event = Event.parse({**EVENT, "RotationToken": proof, "Another": "field"})
    assert (event.step, event.secret_id, event.token, event.rotation_token) == ("setSecret", ARN, TOKEN, proof)
    assert proof not in repr(event)


def test_every_character_of_a_secrets_name() -> None:
    """The service's own list: "alphanumeric characters, or any of the following: -/_+=.@!" (CreateSecret's answer)."""
    name = "rds!cluster-0a/b_c+d=e.f@g"
    for secret_id in (name, ARN.replace("app", name)):
        assert Event.parse({**EVENT, "SecretId": secret_id}).secret_id == secret_id


@pytest.mark.parametrize("absent", [{}, {"RotationToken": None}])
def test_an_event_without_a_rotation_token(absent: dict[str, None]) -> None:
    """Older events have none."""
    assert Event.parse({**EVENT, **absent}).rotation_token is None


@pytest.mark.parametrize("end", [{}, {"EndSessions": False}, {"EndSessions": True}])
def test_the_operators_event(end: dict[str, bool]) -> None:
    """To revoke needs no token."""
    event = Event.parse({"Step": REVOKE, "SecretId": ARN, **end})
    assert (event.step, event.token, event.end_sessions) == (REVOKE, "", end.get("EndSessions", False))


MALFORMED: dict[str, list[object]] = {
    "Step": [None, "", "rotate", "SetSecret", 5, ["setSecret"], f"setSecret\n{CANARY}", CANARY],
    "SecretId": [None, "", 5, {}, "a b", f"{ARN}\n{CANARY}", f'{CANARY}"}}', "x" * 2049],
    "ClientRequestToken": [None, "", 5, "x" * 31, "x" * 65, f"{TOKEN}\n", f"{CANARY}_{'x' * 32}"],
    "RotationToken": ["", 5, "x" * 35, "x" * 257, f"{CANARY}\n{'x' * 40}"],
}


@pytest.mark.parametrize(("field", "value"), [(field, it) for field in MALFORMED for it in MALFORMED[field]], ids=ascii)
def test_a_wrong_field_is_named_and_not_shown(field: str, value: object) -> None:
    """Nothing that an event holds can be injected into a message or a log."""
    with pytest.raises(InvalidEvent) as error:
        Event.parse({**EVENT, field: value})
    assert f'"{field}"' in error.value.what
    assert CANARY not in f"{error.value} {error.value!r}"
    assert "events/" in error.value.remedy


def test_a_wrong_field_of_the_operators_event() -> None:
    """EndSessions is a truth, not a word."""
    with pytest.raises(InvalidEvent, match="EndSessions"):
        Event.parse({"Step": REVOKE, "SecretId": ARN, "EndSessions": "yes"})


@pytest.mark.parametrize("event", [None, 5, "x", [], CANARY], ids=ascii)
def test_an_event_that_is_none(event: object) -> None:
    """What is no object is refused as such."""
    with pytest.raises(InvalidEvent, match="not a JSON object"):
        Event.parse(event)


# The handler


class Scene:
    """A secret of the emulated service, a memory server, and the handler between them."""

    def __init__(self, emulator: EmulatedSecretsManager, **environment: str) -> None:
        self.emulator = emulator
        self.clustered = False
        self.server = MemoryServer({ADMIN: Account("admin-password", {"admin"}), "app": Account(CANARY, {"read"})})
        place = {"engine": "memory", "host": HOST, "port": PORT}
        admin = self.create("admin", {**place, "username": ADMIN, "password": "admin-password"})
        self.arn = self.create("app", {**place, "username": "app", "password": CANARY, "masterarn": admin})
        self.environment = {
            "SECRETS_MANAGER_ENDPOINT": emulator.url,
            "ADMIN_SECRET_ARNS": admin,
            "SEAL_KEY": "the stack's",
            "POWERTOOLS_SERVICE_NAME": str(uuid.uuid4()),
            **environment,
        }
        self.player = RotationPlayer(emulator, lambda event: self.handler(event, Context()))

    @cached_property
    def handler(self) -> Handler:
        """Made in the test itself: the logger keeps the stream that it finds."""
        return Handler(self.engine, self.environment)

    def engine(self, bundle: Path | None) -> Engine:
        assert bundle is None
        engine = MemoryEngine(self.server)
        engine.traits = replace(engine.traits, clustered=self.clustered)
        return engine

    def create(self, name: str, document: dict[str, object]) -> str:
        request = {"Name": name, "SecretString": json.dumps(document), "ClientRequestToken": str(uuid.uuid4())}
        return str(self.emulator.execute("CreateSecret", request)["ARN"])

    def current(self) -> dict[str, Any]:
        document = json.loads(self.emulator.value("app") or "")
        assert isinstance(document, dict)
        return document


@pytest.fixture(params=PendingAfterFinish)
def emulator(request: pytest.FixtureRequest) -> Iterator[EmulatedSecretsManager]:
    """Start the service in both modes; the handler's client must be told where it is."""
    with EmulatedSecretsManager(
        world=World(pending_after_finish=request.param), require_rotation_token=True
    ) as running:
        yield running


@pytest.fixture
def scene(emulator: EmulatedSecretsManager) -> Scene:
    """Set the scene."""
    return Scene(emulator)


def test_the_first_line_of_the_log_names_the_version(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """Once, when the function starts; it is of no step yet."""
    scene.player.rotate("app")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0]["message"] == f"Rotation functions {VERSION}"
    assert lines[0]["engine"] == scene.handler._engine.traits.name  # noqa: SLF001 it is nowhere else
    assert "step" not in lines[0]
    assert [line.get("message") for line in lines].count(lines[0]["message"]) == 1


@pytest.mark.parametrize("strategy", ["single-user", "alternating-users"])
def test_rotations_run_through_the_handler(
    emulator: EmulatedSecretsManager, capsys: pytest.CaptureFixture[str], strategy: str
) -> None:
    """The service's events rotate the secret, and neither password nor rotation token is in the log."""
    scene = Scene(emulator, ROTATION_STRATEGY=strategy)
    passwords = {CANARY, "admin-password"}
    for _ in range(3):
        result = scene.player.rotate("app")
        assert result.succeeded, result
        current = scene.current()
        passwords.add(current["password"])
        assert scene.server.accounts[current["username"]].password == current["password"]
    assert len(passwords) == 5
    assert scene.server.refused == []
    log = capsys.readouterr().out
    for hidden in [*passwords, *emulator.journal.rotation_tokens]:
        assert hidden not in log
    assert log.count('"RotationSucceeded":[1') + log.count('"RotationSucceeded": [1') == 3


@pytest.mark.parametrize("value", DryRunValue)
def test_a_dry_run_through_the_handler(value: DryRunValue, capsys: pytest.CaptureFixture[str]) -> None:
    """RotateImmediately=false is answered by a look at everything, and changes nothing."""
    with EmulatedSecretsManager(world=World(dry_run_value=value)) as emulator:
        scene = Scene(emulator)
        before = emulator.labels("app"), scene.current()
        assert scene.player.dry_run("app").succeeded
        assert (emulator.labels("app"), scene.current()) == before
        assert scene.server.accounts.keys() == {ADMIN, "app"}
    assert "create app_clone" in capsys.readouterr().out


def test_the_operators_event_ends_the_previous_password(scene: Scene) -> None:
    """Revocation goes through the same handler, by the secret's name or ARN."""
    scene.player.rotate("app")
    scene.player.rotate("app")
    scene.handler({"Step": REVOKE, "SecretId": scene.arn, "EndSessions": True}, Context())
    assert scene.server.accounts["app_clone"].password is None
    assert scene.server.accounts["app"].password == scene.current()["password"]


def test_a_secret_without_rotation_is_refused(scene: Scene) -> None:
    """An event of one's own, for a secret that nobody rotates, changes nothing."""
    calls = len(scene.emulator.calls())
    with pytest.raises(RotationRefused):
        scene.handler({"Step": "createSecret", "SecretId": scene.arn, "ClientRequestToken": TOKEN}, Context())
    assert [call.operation for call in scene.emulator.calls()[calls:]] == ["DescribeSecret"]


class NoClusters:
    """An RDS API without databases."""

    def describe_db_clusters(self) -> dict[str, list[object]]:
        return {"DBClusters": []}

    def describe_db_instances(self, **_: object) -> dict[str, list[object]]:
        return {"DBInstances": []}


def test_servers_in_clusters_are_followed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine whose traits say so finds the writer by itself; the API is asked only where that is needed."""
    asked: list[str] = []

    def client(_: Assembly, service: str) -> NoClusters:
        asked.append(service)
        return NoClusters()

    monkeypatch.setattr(Assembly, "client", client)
    monkeypatch.setattr(MemorySession, "takes_changes", lambda _: True, raising=False)
    scene.clustered = True
    assert scene.player.rotate("app").succeeded
    assert asked == []
    scene.server.accounts["app_clone"].password = "another-password"
    scene.player.rotate("app")
    assert set(asked) == {"rds"}


@pytest.mark.parametrize(
    "event", [None, [], {"Step": f"x\n{CANARY}", "SecretId": CANARY + "\n", "ClientRequestToken": 5}]
)
def test_a_wrong_event_is_logged_without_what_it_held(
    scene: Scene, capsys: pytest.CaptureFixture[str], event: object
) -> None:
    """A malformed field is a dash in the log."""
    with pytest.raises(InvalidEvent):
        scene.handler(event, Context())
    out = capsys.readouterr().out
    assert CANARY not in out
    lines = [json.loads(line) for line in out.splitlines()]
    assert (lines[1]["step"], lines[1]["secret"], lines[1]["token"]) == ("-", "-", "-")
    assert lines[1]["error"] == "InvalidEvent"


def test_an_exception_that_nobody_foresaw(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """A defect leaves as a RotationError without a text that could hold a password, and with nothing behind it."""
    scene.server.effect = fail("connect", "before", RuntimeError(f"password={CANARY}"), times=9)
    result = scene.player.rotate("app")
    error = result.steps[-1].error
    assert type(error) is RotationError
    assert "Unexpected RuntimeError" in str(error)
    assert error.__context__ is None
    assert error.__cause__ is None
    assert CANARY not in f"{error} {error!r} {capsys.readouterr().out}"


def test_the_invocations_time_bounds_the_step(scene: Scene) -> None:
    """A step that begins with no time left begins nothing on the server."""
    scene.player = RotationPlayer(scene.emulator, lambda event: scene.handler(event, Context(1_000)))
    result = scene.player.rotate("app")
    assert result.failure is not None
    assert result.steps[-1].step == "setSecret"
    assert scene.server.accepted == []
    assert scene.server.accounts.keys() == {ADMIN, "app"}


def test_an_admin_that_rds_manages_is_looked_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The RDS API is asked only for a managed admin, through a client of its own."""
    admin = scene.emulator.state.any("admin")
    admin.tags["aws:rds:primarydbinstancearn"] = "arn:aws:rds:eu-west-1:123456789012:db:orders"
    value = {"username": ADMIN, "password": "admin-password"}
    request = {"SecretId": "admin", "SecretString": json.dumps(value), "ClientRequestToken": str(uuid.uuid4())}
    scene.emulator.execute("PutSecretValue", request)
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", "http://127.0.0.1:9")
    result = scene.player.rotate("app")
    assert "RDS API could not be reached" in str(result.steps[-1].error)


class LookingUp(MemoryEngine):
    """An engine that looks its host up, as all others do."""

    def connect(self, address: Address, credential: Credential, deadline: Deadline) -> MemorySession:
        resolve("localhost", address.port, deadline)
        return super().connect(address, credential, deadline)


@pytest.mark.parametrize("allowed", ["", "false", "true"])
def test_a_host_may_be_this_machine_only_where_a_setting_says_so(scene: Scene, allowed: str) -> None:
    """The function's setting counts for whatever a step does; without one it is the emulator beside it that counts."""
    scene.environment["ALLOW_LOCAL_HOSTS"] = allowed
    scene.engine = lambda _: LookingUp(scene.server)  # type: ignore[assignment,method-assign]
    result = scene.player.rotate("app")
    assert result.succeeded is (allowed != "false")
    assert result.succeeded or isinstance(result.steps[-1].error, GuardViolation)
    assert bool(scene.server.accepted) is result.succeeded


class Sent(Exception):
    """A request, kept from going out; its text is who says to send it."""


def test_cloudtrail_shows_what_called() -> None:
    """By name and version, whichever client calls."""
    assembly = Assembly(Settings())

    def keep(request: Any, **_: object) -> None:  # noqa: ANN401 botocore's
        raise Sent(request.headers["User-Agent"])

    for client in (
        assembly.secrets_manager,
        assembly.secrets_manager_in("eu-central-1"),
        assembly.client("ssm", SINGLE_TRY),
    ):
        client.meta.events.register("before-send", keep)
        ask = client.list_secrets if hasattr(client, "list_secrets") else client.describe_parameters
        with pytest.raises(Sent, match=rf"Botocore/\S+ rotation-suite/{re.escape(VERSION)}"):
            ask()


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_RDS"])
def test_no_api_is_spoken_to_in_the_open(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The SDK takes endpoints from variables of its own; one without TLS is refused before anything is sent."""
    monkeypatch.setenv(name, "http://api.example.com")
    with pytest.raises(InvalidSettings, match="endpoint of rds would be spoken to over http"):
        Assembly(Settings()).client("rds")


# Settings at start


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PASSWORD_LENGTH": "x"}, "PASSWORD_LENGTH"),
        ({"PASSWORD_LENGTH": "500"}, "PASSWORD_LENGTH"),
        ({"LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
        ({"SECRETS_MANAGER_ENDPOINT": "no url"}, "SECRETS_MANAGER_ENDPOINT"),
        ({"SECRETS_MANAGER_ENDPOINT": "http://secretsmanager.example.com"}, "readable on the way"),
        ({"PASSWORD_LENGTH": "9"}, "64 are the least"),
        ({"ADMIN_SECRET_ARNS": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:admin"}, "six characters"),
    ],
)
def test_wrong_settings_are_found_at_start(environment: dict[str, str], named: str) -> None:
    """A handler with contradictory settings is never made."""
    with pytest.raises(InvalidSettings, match=named):
        Handler(lambda _: MemoryEngine(MemoryServer(), Limits(8, 128, 63)), environment)


def test_the_bundle_goes_to_the_engine(tmp_path: Path) -> None:
    """The engine is made with the file of authorities that the settings name."""
    bundle = tmp_path / "bundle.pem"
    bundle.touch()
    given: list[Path | None] = []

    def engine(path: Path | None) -> Engine:
        given.append(path)
        return MemoryEngine(MemoryServer())

    Handler(engine, {"DATABASE_CA_BUNDLE": str(bundle)})
    assert given == [bundle]


def test_the_process_environment_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """``handler_for`` reads the variables of the process."""
    monkeypatch.setenv("PASSWORD_LENGTH", "x")
    with pytest.raises(InvalidSettings, match="PASSWORD_LENGTH"):
        handler_for(lambda _: MemoryEngine(MemoryServer()))


def test_the_client_is_made_before_the_first_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """So an endpoint in the open that the SDK's own variable names is found at start, as all other settings are."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://api.example.com")
    with pytest.raises(InvalidSettings, match="endpoint of secretsmanager would be spoken to over http"):
        handler_for(lambda _: MemoryEngine(MemoryServer()))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert handler_for(lambda _: MemoryEngine(MemoryServer()))
