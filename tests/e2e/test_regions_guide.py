"""Every command of the guide to Regions, typed into a shell as it stands there, beside an emulated AWS."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.entrypoints import promotion
from rotation.errors import GuardViolation
from rotation.model import in_region
from tests.lab.theatre import Context
from tests.support.cli import aws
from tests.support.emulators.everywhere import Everywhere
from tests.support.emulators.functions import EmulatedFunctions
from tests.support.emulators.secretsmanager.direct import direct_client
from tests.support.emulators.secretsmanager.replication import AfterStop, Reason, Replication
from tests.support.emulators.wire.server import EmulatedService
from tests.support.guides.pages import ROOT, page
from tests.support.memory.engine import HOST, PORT, Account, MemoryEngine
from tests.support.memory.regions import AWAY, FUNCTION, HOME, TwoRegions
from tests.support.template.cloudformation import Stack, parse
from tests.support.template.runbook import Runbooks
from tests.support.template.state_machine import FunctionRaised, StateMachines, Topic, deployed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GUIDE: Final = page("docs/regions.md")
NAME: Final = "orders/database"
SUFFIX: Final = "a1B2c3"
"""The guide's example: its name, and the random part of its ARN."""

SOURCE: Final = parse((ROOT / "functions/replica_promotion/template.yaml").read_text("utf-8"))
ON: Final = {
    "SharedLayerArn": "arn:aws:lambda:eu-central-1:123456789012:layer:SharedLayer:1",
    "SecretNames": "orders/*",
    "ApprovalTopicArn": "arn:aws:sns:eu-central-1:123456789012:approvals",
    "ApproverArns": "arn:aws:iam::123456789012:role/on-call",
}
MADE: Final = Stack(ON, SOURCE).resources
PATIENCE: Final = 60.0


def commands() -> list[str]:
    """Return every command of the guide, as one line each."""
    blocks = [block.text for block in GUIDE.blocks if block.language == "sh"]
    return "".join(blocks).replace("\\\n", " ").splitlines()


def command(*words: str) -> str:
    """Return the one command that has these words."""
    (found,) = (line for line in commands() if all(word in line for word in words))
    return found


STATUS: Final = command("--query ReplicationStatus")
AGAIN: Final = command("replicate-secret-to-regions")
BY_HAND: Final = command("lambda invoke")
FLEET: Final = command("start-execution")
ANSWER: Final = command("send-task-success")
RUNBOOK: Final = command("start-automation-execution")
TOLD: Final = command("get-automation-execution")
SIGNAL: Final = command("send-automation-signal")
LOOK, REMOVE, DELETE = (command(words) for words in ("--query PrimaryRegion", "remove-regions", "delete-secret"))
DEPLOY: Final = command("make deploy-promotion")
"""tests/e2e/test_deployed_promotion.py has it typed."""


def test_no_command_of_the_guide_is_left_out() -> None:
    """Each is typed by one of the tests."""
    here = {STATUS, AGAIN, BY_HAND, FLEET, ANSWER, RUNBOOK, TOLD, SIGNAL, LOOK, REMOVE, DELETE, DEPLOY}
    assert set(commands()) == here


@dataclass
class Shell:
    """A person's shell in a folder of its own, which reaches the emulated AWS alone."""

    folder: Path
    environment: dict[str, str]

    def type(self, line: str, **placeholders: str) -> Any:  # noqa: ANN401 JSON
        """Type a command in which placeholders have become what they stand for; give its answer."""
        for name, value in placeholders.items():
            line = line.replace(f" {name} ", f" {value} ")
        done = subprocess.run(  # noqa: S603 the guide's
            ["/bin/sh", "-c", line], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        decoder, said, answers = json.JSONDecoder(), done.stdout.strip(), []
        while said:
            answer, end = decoder.raw_decode(said)
            answers.append(answer)
            said = said[end:].strip()
        return answers[0] if answers else None

    def write(self, name: str, **changed: object) -> None:
        """Write an event of the project as a person changes it."""
        event = json.loads((ROOT / name).read_text("utf-8"))
        (self.folder / "events").mkdir(exist_ok=True)
        (self.folder / name).write_text(json.dumps({**event, **changed}))


class Scene(TwoRegions):
    """The guide's secret in two Regions, with what the stacks of the Region that takes over have made there."""

    def begin(self) -> None:
        """Make the secret, rotate it once, and make the function of the Region that takes over."""
        state = self.regions[HOME].state
        state.arn_for = lambda name: f"arn:aws:secretsmanager:{HOME}:123456789012:secret:{name}-{SUFFIX}"  # type: ignore[method-assign]
        self.server.accounts["orders"] = Account("first", {"read orders"})
        place: dict[str, Any] = {"engine": "memory", "host": HOST, "port": PORT}
        self._create(NAME, {**place, "username": "orders", "password": "first", "masterarn": self.admin})
        self.arrive()
        self.topic = Topic()
        environment = {
            "SECRETS_MANAGER_ENDPOINT": self.regions[AWAY].url,
            "ADMIN_SECRET_ARNS": in_region(self.admin, AWAY),
            "ROTATION_FUNCTIONS": f"memory={FUNCTION.format(AWAY)}",
            "POWERTOOLS_SERVICE_NAME": str(uuid.uuid4()),
        }
        handler = promotion.Handler(environment)
        self.function: Callable[[dict[str, Any]], dict[str, Any]] = lambda event: handler(event, Context())
        self.clients = {
            "lambda": FunctionRaised(self.function),
            "secretsmanager": direct_client(self.regions[AWAY]),
            "sns": self.topic,
        }

    @property
    def is_promoted(self) -> bool:
        """Whether the secret in the Region that takes over is one of its own, rotates, and opens the database."""
        secret = self.regions.find(NAME, AWAY)
        assert secret is not None
        document = self.document(self.regions[AWAY].value(NAME) or "{}")
        opens = self.server.accounts[document["username"]].password == document["password"]
        return bool(not secret.primary_region and secret.rotation.enabled and opens)


@pytest.fixture(params=[AfterStop.GONE])
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Set the scene on the wire."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", AWAY)
    monkeypatch.setattr("rotation.promotion.returning.LOOKS", (0, 0))
    made = Scene("alternating-users", replication=Replication(after_stop=request.param))
    with made.regions:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", made.regions[HOME].url)
        monkeypatch.setattr(promotion, "ENGINES", {"memory": "memory"})
        monkeypatch.setattr(promotion, "engine_named", lambda _: lambda _bundle: MemoryEngine(made.server))
        made.begin()
        yield made


@contextlib.contextmanager
def shell(scene: Scene, folder: Path, **services: str) -> Iterator[Shell]:
    """Open a shell whose default Region is the old one, as that of the team is."""
    places = {("secretsmanager", region): scene.regions[region].url for region in (HOME, AWAY)}
    with Everywhere(places | {(name, AWAY): url for name, url in services.items()}) as account:
        environment = {
            "PATH": aws.path(),
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": account.url,
            "AWS_DEFAULT_REGION": HOME,
            "AWS_ACCESS_KEY_ID": "person",
            "AWS_SECRET_ACCESS_KEY": "person",
            "NO_PROXY": "127.0.0.1",
        }
        yield Shell(folder, environment)


def test_a_replica_that_does_not_follow_is_seen_and_replicated_again(scene: Scene, tmp_path: Path) -> None:
    """The status names the cause; once that is mended, the replica serves what the primary does."""
    scene.regions.fail(NAME, AWAY, Reason.NO_KEY)
    with shell(scene, tmp_path) as typing:
        (status,) = typing.type(STATUS)
        assert (status["Region"], status["Status"]) == (AWAY, "Failed")
        typing.type(AGAIN)
        (status,) = typing.type(STATUS)
    assert status["Status"] == "InSync"


def test_the_function_is_invoked_by_hand(scene: Scene, tmp_path: Path) -> None:
    """The event as it stands rehearses a promotion from a Region that is lost, with DryRun false it promotes."""
    (name,) = (it["Properties"]["FunctionName"] for it in MADE.values() if it["Type"] == "AWS::Serverless::Function")
    scene.regions.cut(HOME)
    with (
        EmulatedFunctions({name: scene.function}) as functions,
        shell(scene, tmp_path, **{"lambda": functions.url}) as typing,
    ):
        typing.write("events/promote.json")
        assert typing.type(BY_HAND)["dryRun"] is True
        assert not scene.is_promoted
        typing.write("events/promote.json", DryRun=False)
        assert typing.type(BY_HAND)["dryRun"] is False
    assert scene.is_promoted


def test_many_secrets_are_promoted_by_an_execution_that_somebody_approves(scene: Scene, tmp_path: Path) -> None:
    """The state machine has the stack's definition and name; the token is that of the message in the topic."""
    scene.regions.cut(HOME)
    fleet = MADE["PromotionFleet"]["Properties"]
    text = json.dumps(fleet["Definition"])
    for name, value in fleet["DefinitionSubstitutions"].items():
        text = text.replace(f"${{{name}}}", str(value))
    with (
        deployed(json.loads(text), scene.clients, fleet["StateMachineName"]) as (client, _),
        EmulatedService(StateMachines(client), "127.0.0.1", 0) as states,
        shell(scene, tmp_path, states=states.url) as typing,
    ):
        typing.write("events/promote-fleet.json", DryRun=False)
        arn = typing.type(FLEET)["executionArn"]
        token = waited(scene.topic.tokens)[0]
        assert not scene.is_promoted
        typing.type(ANSWER, TOKEN=token)
        waited(lambda: client.describe_execution(executionArn=arn)["status"] != "RUNNING")
        assert client.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"
    assert scene.is_promoted


def waited(what: Any) -> Any:  # noqa: ANN401 whatever is waited for
    """Wait until something is there."""
    end = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < end, "it has not happened"
        time.sleep(0.02)
    return found


def runbooks(scene: Scene, *, errors_fail: bool) -> Runbooks:
    """Return the stack's runbook, of a service in which a step fails with its function, or does not."""
    document = MADE["PromotionRunbook"]["Properties"]
    return Runbooks({document["Name"]: document["Content"]}, scene.clients, errors_fail=errors_fail)


def test_one_secret_is_promoted_by_a_runbook_that_somebody_approves(scene: Scene, tmp_path: Path) -> None:
    """What the dry run told can be read while it waits."""
    scene.regions.cut(HOME)
    service = runbooks(scene, errors_fail=True)
    with EmulatedService(service, "127.0.0.1", 0) as ssm, shell(scene, tmp_path, ssm=ssm.url) as typing:
        identifier = typing.type(RUNBOOK)["AutomationExecutionId"]
        told = typing.type(TOLD, ID=identifier)
        assert json.loads(told["rehearse.Payload"][0])["chosen"]["label"] == "AWSCURRENT"
        assert not scene.is_promoted
        typing.type(SIGNAL, ID=identifier)
    assert service.executions[identifier].status == "Success"
    assert scene.is_promoted


@pytest.mark.parametrize("errors_fail", [True, False])
@pytest.mark.parametrize("late", [False, True])
def test_a_runbook_whose_function_refuses_does_not_succeed(scene: Scene, *, errors_fail: bool, late: bool) -> None:
    """Neither where the dry run is refused, nor where the promotion is; in both worlds of a failing step."""
    service = runbooks(scene, errors_fail=errors_fail)
    words = RUNBOOK.split("--parameters ")[1]
    given = {name: [value] for name, value in (pair.split("=") for pair in words.split(","))}
    (document,) = service._documents  # noqa: SLF001 the stack's only one
    if late:
        scene.regions.cut(HOME)
    started = service.call("StartAutomationExecution", {"DocumentName": document, "Parameters": given}, "")
    execution = service.executions[started["AutomationExecutionId"]]
    if late:
        assert execution.status == "Waiting"
        scene.regions.restore(HOME)
        signal = {"AutomationExecutionId": execution.identifier, "SignalType": "Approve"}
        service.call("SendAutomationSignal", signal, "")
    assert execution.status == "Failed"
    assert f"The primary secret in {HOME} answers" in execution.failure
    assert not scene.is_promoted


@pytest.mark.parametrize("scene", [AfterStop.FAILED], indirect=True)
def test_an_old_primary_that_does_not_give_way_is_deleted(scene: Scene, tmp_path: Path) -> None:
    """The first command shows whether it is safe; after the others the return makes a replica of the same ARN."""
    here, there = (f"arn:aws:secretsmanager:{region}:123456789012:secret:{NAME}-{SUFFIX}" for region in (AWAY, HOME))
    with shell(scene, tmp_path) as typing:
        assert typing.type(LOOK) == HOME
        scene.function({"SecretId": here, "From": HOME, "DryRun": False, "Force": True})
        stale = scene.regions[HOME].labels(NAME)["AWSCURRENT"]
        back = {"SecretId": here, "ReplicateTo": HOME, "DryRun": False}
        with pytest.raises(GuardViolation, match="failed"):
            scene.function({**back, "OverwriteStale": stale})
        assert typing.type(LOOK) in {None, AWAY}
        typing.type(REMOVE)
        typing.type(DELETE)
    scene.function(back)
    assert scene.regions[HOME].value(NAME) == scene.regions[AWAY].value(NAME)
    found = scene.regions.find(NAME, HOME)
    assert found is not None
    assert found.arn == there
