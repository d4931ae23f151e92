"""From an event to the four steps of one parameter: what is due, what it costs, and what the answer says."""

from __future__ import annotations

import json
import string
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from rotation import VERSION
from rotation.entrypoints.parameter_store import handler_for_parameters
from rotation.entrypoints.parameter_store.telling import Telling
from rotation.errors import (
    GuardViolation,
    InvalidEvent,
    InvalidSecret,
    InvalidSettings,
    RotationError,
    RotationRefused,
    StoreDenied,
)
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.emulators.ssm.model import arn_of
from tests.support.memory.engine import ADMIN
from tests.support.memory.stage import Notes
from tests.unit.entrypoints.parameter_store.conftest import ADMINS, FIRST, NAME, PLACE, Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rotation.ports import Engine
    from tests.unit.entrypoints.parameter_store.conftest import Scene


def rotated(scene: Scene) -> dict[str, Any]:
    """Rotate the parameter, which has not changed for forty days, and let as many pass again."""
    answer = scene.send()
    assert answer["Outcome"] == "rotated"
    current = scene.current()
    assert scene.server.accounts[current["username"]].password == current["password"]
    for version in scene.emulator.state.own(NAME).versions:
        object.__setattr__(version, "at", version.at - timedelta(days=40))
    return answer


def test_a_rotation_of_two_users(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """The four steps of one event, as the other functions log them; no password is in the log or in the answer."""
    passwords = {FIRST, "admin-password"}
    for username in ("app_clone", "app", "app_clone"):
        answer = rotated(scene)
        assert answer["Parameter"] == NAME
        assert scene.current()["username"] == username
        passwords.add(scene.current()["password"])
    assert len(passwords) == 5
    assert scene.server.refused == []
    log = capsys.readouterr().out
    assert not [password for password in passwords if password in log]
    lines = [json.loads(line) for line in log.splitlines()]
    assert lines[0]["message"] == f"Rotation functions {VERSION}"
    steps = dict.fromkeys(line["step"] for line in lines if line.get("secret") == NAME)
    assert list(steps) == ["createSecret", "setSecret", "testSecret", "finishSecret"]
    assert {line["engine"] for line in lines if line.get("step") == "finishSecret"} == {"memory"}
    assert log.count('"RotationSucceeded":[1') == 3


@pytest.mark.parametrize("versions", [1, 60, 100], ids="{} versions".format)
def test_what_a_rotation_costs(scene: Scene, versions: int) -> None:
    """Nine calls at most with two users, also once the journal has to be kept tidy, and the history has two pages."""
    many(scene, versions)
    for number in range(5):
        scene.calls()
        rotated(scene)
        calls = scene.calls()
        assert len(calls) <= 9, calls
        assert calls[-2:] == ["GetParameter", "PutParameter"], "a look of its own comes right before the put"
        assert ("DeleteParameters" in calls) is (number > 2)
        assert calls.count("GetParameterHistory") == (2 if versions + number > 50 else 1)


def many(scene: Scene, versions: int) -> None:
    """Let the parameter have as many versions, the newest one forty days old."""
    scene.clock.advance(days=-40)
    for _ in range(versions - 1):
        scene.emulator.put(NAME, scene.emulator.value(NAME))
    scene.clock.advance(days=40)


@pytest.mark.parametrize("versions", [1, 60], ids="{} versions".format)
def test_what_a_rotation_costs_with_one_user(scene: Scene, versions: int) -> None:
    """Nine at most, without an admin; it looks at the parameter before it changes the database."""
    since_long(scene)
    many(scene, versions)
    for _ in range(5):
        scene.calls()
        rotated(scene)
        calls = scene.calls()
        assert len(calls) <= (8 if versions == 1 else 9)
        assert calls[-3:] == ["GetParameter", "GetParameter", "PutParameter"]


def test_not_due(scene: Scene) -> None:
    """Two calls: the parameter and its journal."""
    scene.calls()
    assert scene.send(Days=41) == {"Parameter": NAME, "Outcome": "not due"}
    assert scene.calls() == ["GetParameter", "GetParametersByPath"]
    assert scene.current()["password"] == FIRST


def test_a_repeated_event_does_nothing_twice(scene: Scene) -> None:
    """The Scheduler sends at least once: the newer date tells."""
    leak = scene.leak()
    scene.clock.advance(minutes=1)
    assert scene.send(WrittenBefore=leak)["Outcome"] == "rotated"
    current = scene.current()
    for _ in range(2):
        assert scene.send(WrittenBefore=leak)["Outcome"] == "not due"
    assert scene.current() == current


@pytest.mark.parametrize("order", [(0, 0, 1, 2), (2, 1, 0, 2), (1, 2, 2, 0)], ids=str)
def test_events_in_any_order(scene: Scene, order: tuple[int, ...]) -> None:
    """Three wishes, repeated and one after the other in any order: the first that comes fulfils them all."""
    wishes = [(scene.clock() - timedelta(minutes=it)).isoformat() for it in range(3)]
    scene.clock.advance(minutes=1)
    outcomes = [scene.send(WrittenBefore=wishes[it])["Outcome"] for it in order]
    assert outcomes == ["rotated", "not due", "not due", "not due"]


def test_the_scheduled_time_counts_and_not_the_arrival(scene: Scene) -> None:
    """An event that was delayed is about the time for which it was made."""
    early = (scene.clock() - timedelta(days=20)).isoformat()
    assert scene.send(Days=30, ScheduledTime=early)["Outcome"] == "not due"
    assert scene.send(Days=10, ScheduledTime=early)["Outcome"] == "rotated"


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_that_is_minutes_wrong(scene: Scene, minutes: int) -> None:
    """The service's is ahead of the function's, or behind it: a schedule's event rotates once."""
    scene.clock.advance(minutes=minutes)
    assert [scene.send()["Outcome"] for _ in range(3)] == ["rotated", "not due", "not due"]


def test_the_wish_of_a_clock_that_is_ahead(scene: Scene) -> None:
    """It would be fulfilled twice, once before that time and once after it, if it came twice."""
    with pytest.raises(InvalidEvent, match="still to come"):
        scene.send(WrittenBefore=(scene.clock() + timedelta(minutes=4)).isoformat())
    assert scene.current()["password"] == FIRST


def test_what_a_person_wrote_counts_as_a_rotation(scene: Scene) -> None:
    """As in Secrets Manager."""
    scene.put(masterarn=arn_of(ADMINS))
    assert scene.send()["Outcome"] == "not due"


@pytest.mark.parametrize("rotations", [2, 3])
def test_a_person_puts_the_version_before_back(scene: Scene, rotations: int) -> None:
    """A roll-back by hand: the value has an entry still, which stands for it until the next one is newest."""
    for _ in range(rotations):
        rotated(scene)
    scene.emulator.put(NAME, scene.emulator.state.own(NAME).versions[-2].value)
    user = scene.current()["username"]
    for version in scene.emulator.state.own(NAME).versions:
        object.__setattr__(version, "at", version.at - timedelta(days=40))
    rotated(scene)
    assert scene.current()["username"] != user
    rotated(scene)
    assert scene.server.refused == []


def test_a_value_that_is_just_new_is_left_alone(scene: Scene) -> None:
    """A frozen run may still write: for as long as an invocation lasts and a minute; then the retry rotates."""
    scene.clock.advance(seconds=-80)
    scene.put(masterarn=arn_of(ADMINS))
    leak = scene.leak()
    with pytest.raises(RotationRefused, match="written less than 118 seconds ago") as error:
        scene.send(WrittenBefore=leak)
    assert error.value.retryable
    assert scene.send(context=Context(12_000), WrittenBefore=leak)["Outcome"] == "rotated"


def test_a_rotation_that_was_begun_goes_on(scene: Scene) -> None:
    """Whether it is due or not: the next event of whatever kind completes it."""
    scene.server.effect = fail_once()
    with pytest.raises(RotationError):
        scene.send(WrittenBefore=scene.leak())
    token = next(name for name in scene.emulator.state.parameters if name.startswith("/rotation/"))
    assert scene.send(Days=300)["Outcome"] == "rotated"
    assert [name for name in scene.emulator.state.parameters if name.startswith("/rotation/")] == [token]
    assert scene.current()["username"] == "app_clone"


def fail_once() -> Any:  # noqa: ANN401 an effect of the memory server
    """Let the first login fail."""
    left = [1]

    def effect(name: str, phase: str) -> None:
        if (name, phase) == ("connect", "before") and left[0]:
            left[0] = 0
            raise RuntimeError

    return effect


def test_a_dry_run(scene: Scene) -> None:
    """Its outcome is in the answer, and nothing is changed; what it made for its proof is gone."""
    answer = scene.send(DryRun=True)
    assert answer["Outcome"] == "dry run"
    assert any("create app_clone" in line for line in answer["Said"])
    assert answer["Said"][-1] == "Dry run: nothing stands in the way of a rotation"
    assert set(scene.emulator.state.parameters) == {NAME, ADMINS}
    assert scene.server.accounts.keys() == {ADMIN, "app"}
    assert len(scene.emulator.state.own(NAME).versions) == 1


def test_a_dry_run_that_finds_something(scene: Scene) -> None:
    """What stands in the way is the error."""
    scene.emulator.faults.deny("PutParameter", NAME)
    with pytest.raises(StoreDenied, match="PutParameter was denied"):
        scene.send(DryRun=True)


def test_what_a_dry_run_is_told_besides() -> None:
    """Recoveries and measures go to log and metrics alone; warnings into the answer, too."""
    notes = Notes()
    telling = Telling(notes)
    telling.warn("look at this")
    telling.recovered("pending")
    telling.measure("CutoverWindow", 1, "Milliseconds")
    assert telling.said == ["look at this"]
    assert len(notes.warned) == 2
    assert notes.measured == {"CutoverWindow": 1}


def test_the_handler_of_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made of the process's environment."""
    monkeypatch.setenv("ROTATION_DAYS", "0")
    with pytest.raises(InvalidSettings, match="ROTATION_DAYS"):
        handler_for_parameters()


@pytest.mark.parametrize("written", ["mysql2", "", 5])
def test_a_credential_of_no_engine(scene: Scene, written: object) -> None:
    """The key is named; its value is not shown."""
    since_long(scene, engine=written)
    with pytest.raises(InvalidSecret, match='"engine"'):
        scene.send()


def test_a_parameter_of_the_journal(scene: Scene) -> None:
    """It is none to rotate."""
    with pytest.raises(InvalidEvent, match="stands in the journal"):
        scene.send("/rotation/abc/1-1-1")


def test_a_journal_elsewhere(scene: Scene) -> None:
    """Where it stands is a setting."""
    scene.environment["ROTATION_JOURNAL"] = "/our/journal"
    rotated(scene)
    assert any(name.startswith("/our/journal/") for name in scene.emulator.state.parameters)


def test_no_password_holds_what_parameter_store_refuses(scene: Scene) -> None:
    """Two opening braces; one is none."""
    scene.environment |= {"PASSWORD_LENGTH": "100", "EXCLUDE_CHARACTERS": string.ascii_letters + string.digits}
    rotated(scene)
    password = scene.current()["password"]
    assert len(password) == 100
    assert "}" in password
    assert "{" not in password


def test_engines_are_made_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver is loaded when a credential first needs it, and kept."""
    asked: list[str] = []
    original = scene.engine_named

    def engine_named(name: str) -> Callable[[Path | None], Engine]:
        asked.append(name)
        return original(name)

    monkeypatch.setattr(scene, "engine_named", engine_named)
    rotated(scene)
    rotated(scene)
    assert asked == ["memory"]


# Admin credentials


@pytest.fixture
def secrets(scene: Scene) -> Iterator[EmulatedSecretsManager]:
    """Start Secrets Manager beside it, with an admin secret."""
    with EmulatedSecretsManager() as running:
        value = json.dumps({**PLACE, "username": ADMIN, "password": "admin-password"})
        running.execute(
            "CreateSecret", {"Name": "admin", "SecretString": value, "ClientRequestToken": str(uuid.uuid4())}
        )
        scene.environment["SECRETS_MANAGER_ENDPOINT"] = running.url

        def answered(name: str) -> dict[str, Any] | None:
            return running.execute("GetSecretValue", {"SecretId": name}) if name == "admin" else None

        scene.emulator.state.secrets = answered
        yield running


def since_long(scene: Scene, **document: object) -> None:
    """Store a credential that is due."""
    scene.put(NAME, **document)
    version = scene.emulator.state.own(NAME).newest
    object.__setattr__(version, "at", version.at - timedelta(days=40))


@pytest.mark.parametrize("named", [ADMINS, arn_of(ADMINS)])
def test_an_admin_in_a_parameter(scene: Scene, named: str) -> None:
    """By its name or its ARN; the list holds the ARN."""
    since_long(scene, masterarn=named)
    assert scene.send()["Outcome"] == "rotated"
    assert scene.current()["username"] == "app_clone"


@pytest.mark.parametrize("way", ["arn", "reference"])
def test_an_admin_in_secrets_manager(scene: Scene, secrets: EmulatedSecretsManager, way: str) -> None:
    """By its ARN, or through Parameter Store; the list holds the secret's ARN."""
    arn = secrets.execute("DescribeSecret", {"SecretId": "admin"})["ARN"]
    scene.environment["ADMIN_SECRET_ARNS"] = f"{arn[:-7]}-??????"
    since_long(scene, masterarn={"arn": arn, "reference": "/aws/reference/secretsmanager/admin"}[way])
    assert scene.send()["Outcome"] == "rotated"
    called = [call.operation for call in secrets.calls() if call.caller == "testing"]
    assert called == (["GetSecretValue"] if way == "arn" else [])


@pytest.mark.parametrize(
    ("listed", "named", "said"),
    [
        ("", ADMINS, "not among the admin secrets"),
        (arn_of("/admins/other"), ADMINS, "not among the admin secrets"),
        (arn_of("/orders/*"), NAME, "names the secret itself"),
        (arn_of(ADMINS), "admins", "not the whole ARN"),
        (arn_of(ADMINS), "/aws/reference/secretsmanager/admin", "not the whole ARN"),
    ],
)
def test_an_admin_that_is_not_allowed(
    scene: Scene, secrets: EmulatedSecretsManager, listed: str, named: str, said: str
) -> None:
    """It is not read."""
    scene.environment["ADMIN_SECRET_ARNS"] = listed
    since_long(scene, masterarn=named)
    scene.calls()
    with pytest.raises(GuardViolation, match=said):
        scene.send()
    assert not [it for it in scene.emulator.journal.reads if it.name == ADMINS]
    assert [call for call in secrets.calls() if call.caller == "testing"] == []


def test_a_reference_that_leads_to_another_secret(scene: Scene, secrets: EmulatedSecretsManager) -> None:
    """What is read decides: SourceResult names the secret."""
    arn = str(secrets.execute("DescribeSecret", {"SecretId": "admin"})["ARN"])
    scene.environment["ADMIN_SECRET_ARNS"] = f"{arn[:-7]}-??????"
    other = arn.replace(":secret:admin", ":secret:other")
    scene.emulator.state.secrets = lambda name: secrets.execute("GetSecretValue", {"SecretId": name}) | {"ARN": other}
    since_long(scene, masterarn="/aws/reference/secretsmanager/admin")
    with pytest.raises(GuardViolation, match="not among the admin secrets"):
        scene.send()


@pytest.mark.parametrize("way", ["arn", "reference"])
def test_the_tags_of_an_admin_secret(
    scene: Scene, secrets: EmulatedSecretsManager, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """An admin that RDS manages is looked up, as for secrets."""
    arn = str(secrets.execute("DescribeSecret", {"SecretId": "admin"})["ARN"])
    secrets.state.any("admin").tags["aws:rds:primarydbinstancearn"] = "arn:aws:rds:eu-west-1:123456789012:db:orders"
    value = json.dumps({"username": ADMIN, "password": "admin-password"})
    request = {"SecretId": "admin", "SecretString": value, "ClientRequestToken": str(uuid.uuid4())}
    secrets.execute("PutSecretValue", request)
    monkeypatch.setenv("AWS_ENDPOINT_URL_RDS", "http://127.0.0.1:9")
    scene.environment["ADMIN_SECRET_ARNS"] = f"{arn[:-7]}-??????"
    since_long(scene, masterarn={"arn": arn, "reference": "/aws/reference/secretsmanager/admin"}[way])
    with pytest.raises(RotationError, match="RDS API could not be reached"):
        scene.send()
