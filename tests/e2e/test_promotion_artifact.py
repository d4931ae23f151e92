"""The function that promotes, as `sam build` makes it: what it holds, what a start loads, that each driver is there."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.lab import builds
from tests.lab.runtime import LambdaRuntime
from tests.support import interpreter
from tests.support.emulators.secretsmanager.invocation import InvocationFailed
from tests.support.emulators.secretsmanager.replicas import copied
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.servers.process import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FUNCTION: Final = "replica_promotion"
MEGABYTES: Final = 25.9
"""Unzipped, with bytecode: all drivers, as the function for Parameter Store has them."""

DRIVERS: Final = {
    "postgresql": "psycopg2",
    "mysql": "pymysql",
    "documentdb": "pymongo",
    "redshift": "redshift_connector",
}
HOME, AWAY = "eu-west-1", "eu-central-1"
START: Final = """
import json, sys
import app
app.lambda_handler._assembly.secrets_manager
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def built(name: str) -> Path:
    """Return what was built: the layer that all functions share, and the function by its recipe."""
    if name == builds.LAYER:
        return builds.of_the_whole(name)
    return builds.part(name, lambda _: None)


@pytest.fixture(scope="module")
def artifact() -> Path:
    """Build the function."""
    return built(builds.logical_id(FUNCTION))


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatedSecretsManager]:
    """Have a Secrets Manager with a replica for each engine, whose database nobody reaches."""
    with EmulatedSecretsManager() as running:
        yield running


@pytest.fixture(scope="module")
def deployed(emulator: EmulatedSecretsManager) -> Iterator[LambdaRuntime]:
    """Let the function run as Lambda does."""
    rotation = f"arn:aws:lambda:{AWAY}:123456789012:function:rotation"
    environment = {
        "AWS_DEFAULT_REGION": AWAY,
        "AWS_ACCESS_KEY_ID": "function",
        "AWS_SECRET_ACCESS_KEY": "function",
        "SECRETS_MANAGER_ENDPOINT": emulator.url,
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": emulator.url,
        "ALLOW_LOCAL_HOSTS": "true",
        "NO_PROXY": "127.0.0.1",
        "POWERTOOLS_SERVICE_NAME": "rotation-replica-promotion",
        "ROTATION_FUNCTIONS": ",".join(f"{engine}={rotation}" for engine in DRIVERS),
    }
    with LambdaRuntime(FUNCTION, environment, built=built) as runtime:
        yield runtime


def test_it_holds_all_drivers_and_is_small(artifact: Path) -> None:
    """No SDK and nothing of the layer is in it."""
    there = {path.name.removesuffix(".py") for path in artifact.iterdir()}
    assert {*DRIVERS.values()} <= there
    assert not there & {"boto3", "botocore", "rotation", "aws_lambda_powertools"}
    size = sum(file.stat().st_size for file in artifact.rglob("*") if file.is_file())
    assert size / 1e6 <= MEGABYTES


def test_a_start_loads_no_driver(artifact: Path) -> None:
    """The first secret of an engine does."""
    paths = (artifact, built(builds.LAYER) / "python", builds.managed())
    done = subprocess.run(  # noqa: S603 ours
        [interpreter.of_lambda().program, "-S", "-c", START],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(map(str, paths)), "AWS_DEFAULT_REGION": AWAY},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert not {*DRIVERS.values(), "boto3"} & {*json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("engine", DRIVERS)
def test_each_engine_is_tried_before_anything_is_cut(
    deployed: LambdaRuntime, emulator: EmulatedSecretsManager, engine: str
) -> None:
    """Its driver looks for the database; the error is Lambda's, the secret a replica still, the password in no log."""
    place = {"engine": engine, "host": "127.0.0.1", "port": free_port(), "dbname": "orders", "ssl": False}
    document = {**place, "username": "app", "password": f"{engine}-Pa55word"}
    value = json.dumps(document)
    asked = {"Name": f"orders/{engine}", "SecretString": value, "ClientRequestToken": f"{engine:0>32}"}
    here = copied(emulator.state, emulator.execute("CreateSecret", asked)["ARN"], AWAY)
    event: dict[str, Any] = {"SecretId": here.arn, "From": HOME, "DryRun": False, "Force": True}
    with pytest.raises(InvocationFailed) as failed:
        deployed.invoke(event)
    answer = failed.value.args[0]
    assert answer["errorType"] == "Unreachable", answer
    assert here.primary_region == HOME
    assert str(document["password"]) not in deployed.text()
