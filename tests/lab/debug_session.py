"""
``make debug-session``: the session with `sam local` of docs/development.md, typed as it stands there, and checked.

A database in a container and the function in SAM's meet on one Docker network. The emulated Secrets Manager listens
at that network's gateway, which is this machine: a firewall that keeps containers from it ends the session at its
first step. Whatever ends the session, containers and network go (tests.support.servers.leftovers).
"""

# ruff: noqa: S603 (the programs and their arguments are ours)
from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import boto3
import psycopg2
from botocore.config import Config

from tests.lab import builds, lambda_image, postgresql
from tests.lab.report import Screen
from tests.lab.theatre import REGION, Theatre
from tests.support.emulators.secretsmanager.invocation import InvocationFailed
from tests.support.emulators.secretsmanager.server import EmulatedSecretsManager
from tests.support.guides import pages
from tests.support.servers import choice, containers, images, leftovers, process
from tests.support.servers.postgresql_address import SUPERUSER, Postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.lab.theatre import Scene

HOST: Final = "orders-database"
NETWORK: Final = "rotation"
FUNCTION: Final = "PostgresqlFunction"
SECONDS: Final = 60.0

# The same in the official image and in the one of `make images`, which has no entrypoint.
SERVER: Final = """
echo "$PASSWORD" >/tmp/password && initdb -D /tmp/data -U postgres -A scram-sha-256 --pwfile=/tmp/password &&
echo 'host all all all scram-sha-256' >>/tmp/data/pg_hba.conf &&
exec postgres -D /tmp/data -c listen_addresses='*' -c unix_socket_directories=
"""


def shown(command: str) -> list[str]:
    """Return the words of the command in the guides that begins so."""
    return shlex.split(pages.line(command))


def typed(words: Sequence[str | Path], **variables: str) -> str:
    """Show a command, run it in the project's folder, and give what it printed; RuntimeError where it fails."""
    line = shlex.join(map(str, words))
    sys.stdout.write(f"$ {line}\n")
    sys.stdout.flush()
    done = subprocess.run(
        words, cwd=builds.ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        message = f"{line} ended with {done.returncode}:\n{done.stdout}"
        raise RuntimeError(message)
    return done.stdout.strip()


def until(there: Callable[[], bool], what: str) -> None:
    """Wait for something; RuntimeError where it does not come."""
    give_up = time.monotonic() + SECONDS
    while not there():
        if time.monotonic() > give_up:
            message = f"{what} does not answer after {SECONDS:.0f} seconds"
            raise RuntimeError(message)
        time.sleep(0.1)


@contextmanager
def network() -> Iterator[str]:
    """Make a network with a name of its own, and take it and whoever is on it away."""
    name = f"{NETWORK}-{uuid.uuid4().hex[:8]}"
    containers.passwd()  # from here on its watcher cleans up
    try:
        typed([*shown("docker network create")[:-1], *_labels(), name])
        yield name
    finally:
        leftovers.remove(str(process.workspace()))


def _labels() -> Iterator[str]:
    for label, value in leftovers.labels().items():
        yield f"--label={label}={value}"


def gateway(network: str) -> str:
    """Return this machine's address on a network."""
    return typed(["docker", "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", network])


def database(network: str) -> Postgres:
    """Start a PostgreSQL without TLS, and join it to the network; it goes with that."""
    password, image = secrets.token_urlsafe(18), f"postgres:{choice.USUAL['postgres']}"
    options = ("--publish=127.0.0.1::5432", "--user=65534:65534", "--env=PASSWORD", "--entrypoint=/bin/sh")
    container = typed(["docker", "run", "--detach", *options, *_labels(), image, "-c", SERVER], PASSWORD=password)
    *join, _network, _host = shown("docker network connect")
    typed([*join, f"--alias={HOST}", network, container])
    port = int(typed(["docker", "port", container, "5432"]).rpartition(":")[2])
    server = Postgres("127.0.0.1", port, SUPERUSER, password, None)
    until(lambda: _answers(server), "the database")
    return server


def _answers(server: Postgres) -> bool:
    with contextlib.suppress(psycopg2.OperationalError), contextlib.closing(server.admin()):
        return True
    return False


class DebuggedTheatre(Theatre):
    """A stage whose function runs in a container that SAM starts."""

    def __init__(self, network: str, scene: Scene, emulator: EmulatedSecretsManager) -> None:
        """Set the stage, with a port for `sam local start-lambda`."""
        self.network, self.port = network, process.free_port()
        super().__init__(postgresql, scene, emulator)

    def create_secret(self, name: str, user: str, password: str, **extra: Any) -> str:  # noqa: ANN401 JSON
        """Store a secret of a server without TLS."""
        return super().create_secret(name, user, password, ssl=False, **extra)

    def _load(self) -> Callable[[Any, Any], None]:
        """Fill the file that the guides name; `sam local invoke` is the way until another one is."""
        self.folder = process.new_folder("session")
        file = builds.ROOT / "tests/lab/env-vars.json"
        chosen = {name: self.environment()[name] for name in json.loads(file.read_text("utf-8"))["Parameters"]
                  if name in self.environment()}  # fmt: skip
        (self.folder / file.name).write_text(json.dumps({"Parameters": chosen}), "utf-8")
        return self.invoke_by_sam

    def invoke(self, event: Mapping[str, Any]) -> None:
        """Send an event the way that is on."""
        self.handler(event, None)

    def command(self, beginning: str, step: str = "createSecret") -> list[str]:
        """Return a command of the guides, with what is ours in the place of its examples."""
        ours = {
            "events/createSecret.json": f"{self.folder}/{step}.json",
            "tests/lab/env-vars.json": f"{self.folder}/env-vars.json",
            "Arch=x86_64": f"Arch={builds.architecture()}",
            NETWORK: self.network,
            "3001": str(self.port),
        }
        words = [ours.get(word, word) for word in shown(beginning)]
        return [*words, "--skip-pull-image"] if lambda_image.is_stand_in() else words

    def account(self) -> dict[str, str]:
        """Return the credentials, which SAM passes on to the function."""
        return dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "function")

    def invoke_by_sam(self, event: Mapping[str, Any], _context: object) -> None:
        """Type `sam local invoke`; the last line of what it prints is the function's answer."""
        (self.folder / f"{event['Step']}.json").write_text(json.dumps(event), "utf-8")
        said = typed(self.command(".tools/sam/bin/sam local invoke", event["Step"]), **self.account())
        if "errorMessage" in (said.splitlines() or [""])[-1]:
            raise InvocationFailed(json.loads(said.splitlines()[-1]))

    @contextmanager
    def started(self) -> Iterator[Self]:
        """Run `sam local start-lambda`, and invoke the function there."""
        command = self.command(".tools/sam/bin/sam local start-lambda")
        sys.stdout.write(f"$ {shlex.join(command)} &\n")
        script = f"cd {shlex.quote(str(builds.ROOT))} && exec {shlex.join(command)}"
        sam = process.ServerProcess(
            ["/bin/sh", "-c", script], {**os.environ, **self.account()}, self.folder / "start-lambda.log", run_as={}
        )
        try:
            until(lambda: process.is_taken(self.port), "sam local start-lambda")
            self.handler = self._invoke_at_endpoint
            yield self
        finally:
            sam.stop()

    def _invoke_at_endpoint(self, event: Mapping[str, Any], _context: object) -> None:
        """Do what `aws lambda invoke` does."""
        settings = Config(retries={"total_max_attempts": 1}, read_timeout=SECONDS, proxies={})
        client: Any = boto3.client(
            "lambda", REGION, endpoint_url=f"http://127.0.0.1:{self.port}", config=settings,
            aws_access_key_id="function", aws_secret_access_key="function",
        )  # fmt: skip
        sys.stdout.write(f"$ aws lambda invoke --function-name {FUNCTION} … ({event['Step']})\n")
        answer = json.load(client.invoke(FunctionName=FUNCTION, Payload=json.dumps(event))["Payload"])
        if answer is not None:
            raise InvocationFailed(answer)


def rotate(theatre: DebuggedTheatre, server: Postgres, arn: str, way: str) -> None:
    """Rotate once, and log in with AWSCURRENT; RuntimeError where a step fails."""
    begun, before = time.monotonic(), theatre.emulator.value(arn)
    result = theatre.player.rotate(arn)
    if not result.succeeded or theatre.emulator.value(arn) == before:
        answer = result.steps[-1].error
        message = f"{way}: {result.failure}: {answer}"
        raise RuntimeError(message)
    current = json.loads(theatre.emulator.value(arn) or "{}")
    server.connect(current["username"], current["password"], postgresql.DATABASE).close()
    seconds = time.monotonic() - begun
    Screen().say(f"{way}: {len(result.steps)} steps, {current['username']} logs in; {seconds:.1f} s")


def play() -> None:
    """Build, set the stage, and rotate both ways."""
    typed([*shown("make build ARCH=")[:2], f"ARCH={builds.architecture()}"])
    with network() as name, EmulatedSecretsManager(region=REGION, host=gateway(name)) as emulator:
        server = database(name)
        scene = postgresql.PostgresScene(server)
        scene.host, scene.port = HOST, 5432
        theatre = DebuggedTheatre(name, scene, emulator)
        arn = theatre.application("orders", "alternating-users").arn
        rotate(theatre, server, arn, "sam local invoke")
        with theatre.started():
            rotate(theatre, server, arn, "sam local start-lambda")


def main() -> int:
    """Have the images, play, and give the command's exit code."""
    screen = Screen()
    try:
        containers.engine()
    except containers.EngineUnavailableError as reason:
        screen.say(f"{reason}; start one, or let `.ci/containers debug-session` do it")
        return 1
    screen.say(f"{lambda_image.NAME}: {lambda_image.ensure()}")
    if not choice.current().image("postgres", choice.USUAL["postgres"]):
        images.main([f"postgres:{choice.USUAL['postgres']}"])
    play()
    return 0


if __name__ == "__main__":
    sys.exit(main())
