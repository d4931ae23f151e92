"""docs/examples: what the template makes rotates, and the script does what it says, on a real server."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import uuid
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.lab.theatre import ADMIN, ROOT
from tests.support.cli import aws
from tests.support.emulators.logs import EmulatedLogs
from tests.support.emulators.secretsmanager.rotation import RotationPlayer
from tests.support.template.cloudformation import ACCOUNT, REGION, function_arn, parse
from tests.support.template.secrets import Made

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.lab.theatre import Theatre

EXAMPLES: Final = ROOT / "docs/examples"
NAME: Final = "secret-rotation-postgresql"
ADMINS: Final = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:orders/admin-??????"
"""What the guide says that AdminSecretArns is to name before the stack of the database is made."""


@pytest.fixture
def stage(postgresql_theatre: Theatre) -> Theatre:
    """Return the stage of a function whose admin secrets are those of the example."""
    stage = copy.copy(postgresql_theatre)
    stage.admin_arn = ADMINS
    stage.handler = stage.load()
    stage.player = RotationPlayer(stage.emulator, stage.invoke, caller="function")
    return stage


def test_what_the_template_makes_rotates(stage: Theatre) -> None:
    """Both secrets pass their dry run as they are attached, then rotate: the admin alone, the application as a pair."""
    scene = stage.scene
    place = {"engine": scene.engine, "host": scene.host, "port": scene.port, "dbname": scene.database}
    made = Made(stage.emulator, place)
    template = parse((EXAMPLES / "cloudformation/database.yaml").read_text("utf-8"))
    made.make(template, {"RotationFunctionArn": function_arn(NAME), "SubnetGroup": "g", "SecurityGroup": "sg-1"})
    admin, application = made.value("AdminSecret"), made.value("Secret")
    scene.prepare_admin(admin["username"], admin["password"])
    scene.prepare(application["username"], application["password"], admin["username"])
    assert [it.failure for it in stage.player.run()] == [None, None]
    for name, username in (("Secret", f"{application['username']}_clone"), ("AdminSecret", admin["username"])):
        result = stage.player.rotate(made.ids[name])
        assert result.failure is None
        after = made.value(name)
        assert after["username"] == username
        stage.module.log_in(after, str(scene.bundle))


@pytest.fixture
def shell(postgresql_theatre: Theatre) -> Iterator[dict[str, str]]:
    """Let the AWS CLI reach the stage, and what RotateSecret starts be played; return a shell's environment."""
    theatre = postgresql_theatre
    theatre.player.on_step = None
    with EmulatedLogs({f"/aws/lambda/{NAME}": theatre.function_log.getvalue}) as logs, theatre.player.serving():
        yield {
            "PATH": aws.path(),
            "HOME": "/nonexistent",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": theatre.emulator.url,
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": logs.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "person",
            "AWS_SECRET_ACCESS_KEY": "person",
            "NO_PROXY": "127.0.0.1",
        }


def attached(theatre: Theatre, shell: Mapping[str, str], **changed: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 JSON
    """Run the script with the secret of a new user."""
    user, password, scene = f"cli_{uuid.uuid4().hex[:8]}", uuid.uuid4().hex, theatre.scene
    scene.prepare(user, password, ADMIN)
    place = {"engine": scene.engine, "host": scene.host, "port": scene.port, "dbname": scene.database}
    secret = {**place, "username": user, "password": password, "masterarn": theatre.admin_arn, **changed}
    return subprocess.run(  # noqa: S603 the project's own
        [shutil.which("sh") or "sh", EXAMPLES / "cli/attach.sh", user, function_arn(NAME)],
        input=json.dumps(secret),
        env=shell,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_script_attaches_and_rotates(postgresql_theatre: Theatre, shell: Mapping[str, str]) -> None:
    """It stores, sees the dry run pass, and rotates; the secret's user is then the other one of the pair."""
    done = attached(postgresql_theatre, shell)
    assert (done.returncode, done.stderr) == (0, "")
    stored, *others = done.stdout.splitlines()
    assert [line.split(";")[0] for line in others] == ["Attached", "Rotated"]
    secret = json.loads(postgresql_theatre.emulator.value(stored.removeprefix("Stored "), "AWSCURRENT") or "")
    assert secret["username"].endswith("_clone")


def test_the_script_stops_where_the_dry_run_fails(postgresql_theatre: Theatre, shell: Mapping[str, str]) -> None:
    """It shows the error of the log, which says what to do, and rotates nothing."""
    done = attached(postgresql_theatre, shell, password="not-the-password")
    assert done.returncode == 1
    assert "NoWorkingCredential" in done.stderr
    assert "Rotated" not in done.stdout
    assert "not-the-password" not in done.stderr
