"""`make status`: what it says of secrets in an emulated account, and of what it cannot read."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any
from unittest import mock

import boto3
import pytest
from botocore.stub import ANY, Stubber

from tests.lab import status
from tests.support.emulators.secretsmanager.minimal_function import MinimalFunction
from tests.support.emulators.secretsmanager.rotation import RotationPlayer
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_secretsmanager import SecretsManagerClient

OURS = "arn:aws:lambda:eu-west-1:123456789012:function:secret-rotation-mysql"
THEIRS = "arn:aws:lambda:eu-west-1:123456789012:function:somebody-elses"


@pytest.fixture
def account() -> Iterator[EmulatedSecretsManager]:
    """Return an account: a secret that rotates, one whose rotation fails, and two that are not ours."""
    with EmulatedSecretsManager() as emulator:
        client = emulator.client()
        for name in ("fine", "broken", "theirs", "plain"):
            client.create_secret(Name=name, SecretString="one")
        function = MinimalFunction(client)
        player = RotationPlayer(emulator, function)
        for name, arn in (("fine", f"{OURS}:live"), ("broken", OURS), ("theirs", THEIRS)):
            function.fails = ["testSecret"] if name == "broken" else []
            client.rotate_secret(SecretId=name, RotationLambdaARN=arn, RotationRules={"AutomaticallyAfterDays": 30})
            player.run()
        yield emulator


def logs(answers: list[dict[str, Any]] | str) -> Any:  # noqa: ANN401 a stubbed client
    """Return a client of CloudWatch Logs that knows these lines, or refuses to tell."""
    client = boto3.client("logs", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")
    stubber = Stubber(client)
    asked = {"logGroupName": "/aws/lambda/secret-rotation-mysql", "startTime": ANY, "filterPattern": ANY}
    if isinstance(answers, str):
        stubber.add_client_error("filter_log_events", answers, expected_params=asked)
    else:
        events = [{"message": json.dumps(line), "timestamp": now_in_ms()} for line in answers]
        stubber.add_response("filter_log_events", {"events": [{"message": "START", "timestamp": 1}, *events]}, asked)
    stubber.activate()
    return client


def now_in_ms() -> int:
    """Return what a line that is written now bears."""
    return int((dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)).timestamp() * 1000)


def failure_of(client: SecretsManagerClient, name: str) -> dict[str, Any]:
    """Return the line that our function writes for a failed step."""
    arn = client.describe_secret(SecretId=name)["ARN"]
    message = f"The user app may not do this [1] (at {arn}). Run as an admin: GRANT …"
    return {"level": "ERROR", "secret": arn, "step": "testSecret", "error": "PermissionDenied", "message": message}


def states(fleet: status.Fleet) -> dict[str, str]:
    """Return what is said of each secret."""
    return {one.name: one.state for one in fleet.secrets}


def test_the_secrets_of_the_stack_are_found(account: EmulatedSecretsManager) -> None:
    """By their functions' names, be they attached to an alias; nobody else's, and no secret without a function."""
    fleet = status.look(account.client(), logs([]), "secret-rotation")
    assert states(fleet) == {"broken": "pending", "fine": "ok"}
    assert {one.function for one in fleet.secrets} == {"secret-rotation-mysql"}
    assert fleet.blind == []


def test_the_last_error_stands_beside_its_secret(account: EmulatedSecretsManager) -> None:
    """With what to do, as the function wrote it; a rotation that succeeded since takes it away."""
    client = account.client()
    fleet = status.look(client, logs([failure_of(client, "broken")]), "secret-rotation")
    assert states(fleet) == {"broken": "failed", "fine": "ok"}
    (broken,) = (one for one in fleet.secrets if one.name == "broken")
    assert broken.error
    assert broken.error.startswith("PermissionDenied in testSecret: The user app may not do this [1] (at arn:aws:")
    old = failure_of(client, "fine")
    with mock.patch(f"{__name__}.now_in_ms", return_value=1000):
        assert states(status.look(client, logs([old]), "secret-rotation"))["fine"] == "ok"


def test_a_log_that_cannot_be_read_is_named(account: EmulatedSecretsManager) -> None:
    """What was not seen is not clean."""
    fleet = status.look(account.client(), logs("AccessDeniedException"), "secret-rotation")
    assert states(fleet) == {"broken": "pending", "fine": "ok"}
    assert fleet.blind == [
        "the log of secret-rotation-mysql was not read (AccessDeniedException): its errors are not shown"
    ]


def test_a_rotation_that_is_overdue_is_late() -> None:
    """Whatever else is right."""
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    assert status.Attached("a", "arn", "f", yesterday, yesterday, None).state == "late"
    assert status.Attached("a", "arn", "f", None, None, None).state == "never rotated"


def run(account: EmulatedSecretsManager, *options: str) -> int:
    """Run the command against the account."""
    client = account.client()
    clients = {"secretsmanager": client, "logs": logs([failure_of(client, "broken")])}
    with mock.patch("boto3.session.Session") as session:
        session.return_value.client = lambda service, **_: clients[service]
        return status.main(list(options))


def test_the_screen(account: EmulatedSecretsManager, capsys: pytest.CaptureFixture[str]) -> None:
    """The worst first, its error whole below, and an exit code for scripts."""
    assert run(account) == 1
    shown = capsys.readouterr().out
    assert shown.index("broken") < shown.index("fine")
    lines = " ".join(shown.split())
    said = r"PermissionDenied in testSecret: The user app may not do this \[1\] \(at arn:aws:\S+:secret:\S+\). Run as"
    assert re.search(said, lines)
    assert "one" not in shown.replace("never", "").split()


def test_for_machines(account: EmulatedSecretsManager, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it, as JSON."""
    run(account, "--json")
    told = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["state"]) for one in told["secrets"]] == [("broken", "failed"), ("fine", "ok")]


def test_before_a_stack_is_deleted(account: EmulatedSecretsManager, capsys: pytest.CaptureFixture[str]) -> None:
    """Each secret that would be left without a function, with the command that detaches it."""
    assert run(account, "--before-deleting") == 1
    shown = capsys.readouterr().out
    assert shown.count("aws secretsmanager cancel-rotate-secret --secret-id arn:") == 2
    assert "2 secrets would be left without a function" in shown
    assert run(account, "--before-deleting", "--prefix", "nobodys") == 0
    assert "It can be deleted." in capsys.readouterr().out


def test_an_account_that_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, in make's words, with what helps."""
    assert status.main(["--profile", "no-such-profile"]) == 2
    said = "make status: error: your AWS configuration has no such profile. Name one that it has: PROFILE=…"
    assert capsys.readouterr().err == f"{said} (ProfileNotFound).\n"
