"""
The emulated account of ``make playground``: what listens, the profile that finds it, and what to type.

Secrets Manager in two Regions, Parameter Store, Lambda and its logs listen on the loopback interface. A profile names
their addresses, so that the AWS CLI and the SDKs find them as they find AWS. Whatever RotateSecret starts is played.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.lab import leftovers
from tests.lab.play import PLAYED
from tests.lab.report import Screen
from tests.lab.theatre import REGION
from tests.lab.two_regions import AWAY, staged
from tests.lab.words import STRATEGY
from tests.support.emulators.functions import EmulatedFunctions
from tests.support.emulators.logs import EmulatedLogs
from tests.support.emulators.secretsmanager.rotation import STEPS
from tests.support.emulators.secretsmanager.state import ACCOUNT
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.servers import process
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.lab.theatre import Theatre
    from tests.lab.two_regions import RegionalTheatre
    from tests.support.emulators.secretsmanager.rotation import RotationPlayer

PROFILE: Final = "playground"
ELSEWHERE: Final = "playground-replica"
REGIONS: Final = {PROFILE: REGION, ELSEWHERE: AWAY}
PREFIX: Final = "secret-rotation"
SECRET: Final = "shop"
RETRY: Final = 15.0
"""Seconds until what failed is tried again; the service takes longer."""
OWN_CLI: Final = "$PWD/.tools/aws/bin"


@dataclass(frozen=True)
class Account:
    """What a person needs to reach the emulated account."""

    folder: Path
    """Holds the configuration file, and a value that a command stores."""
    function: str
    strategy: str
    arn: str
    """The secret's."""

    def ways(self) -> str:
        """Return what a shell is told first: where the account is, and the AWS CLI where the machine has none."""
        own = "" if shutil.which("aws") else f' PATH="{OWN_CLI}:$PATH"'
        return f"export AWS_CONFIG_FILE={self.folder / 'config'} AWS_PROFILE={PROFILE}{own}"

    def commands(self) -> Iterator[tuple[str, str]]:
        """Yield what there is to try, each with the command, in an order that works from the first to the last."""
        secret, read = f"--secret-id {SECRET}", "--query SecretString --output text"
        yield "rotate; the steps appear below", f"aws secretsmanager rotate-secret {secret}"
        yield "what an application reads", f"aws secretsmanager get-secret-value {secret} {read}"
        yield (
            "the same from its replica, in another Region",
            f"aws --profile {ELSEWHERE} secretsmanager get-secret-value {secret} {read}",
        )
        yield "versions, labels and replicas", f"aws secretsmanager describe-secret {secret}"
        yield "a dry run: it changes nothing", f"aws secretsmanager rotate-secret {secret} --no-rotate-immediately"
        yield "the function's log", f"aws logs filter-log-events --log-group-name {self.log_group}"
        yield from self.failing(secret)
        event = json.dumps({"Step": "revokePrevious", "SecretId": self.arn, "EndSessions": True})
        send = f"aws lambda invoke --function-name {self.function} --payload fileb:///dev/stdin /dev/stdout"
        yield "end the previous password, as after a leak", f"echo '{event}' | {send}"

    def failing(self, secret: str) -> Iterator[tuple[str, str]]:
        """Yield how a rotation fails and is mended; where no admin could be missing, what a wrong put does."""
        admin = self.strategy == STRATEGY or self.strategy.endswith("-by-admin")
        wrong = f"put-secret-value {secret} --secret-string file://{self.folder / 'wrong.json'}"
        breaking = "delete-secret --secret-id admin" if admin else wrong
        yield "break it" if admin else "store a password that is wrong", f"aws secretsmanager {breaking}"
        sees = "see the rotation fail, and why" if admin else "see the rotation find the one that works"
        yield sees, f"aws secretsmanager rotate-secret {secret}"
        yield "all secrets: what failed last, and what to do", "make status"
        if admin:
            mended = f"mend it; what failed is tried again every {RETRY:.0f} seconds"
            yield mended, "aws secretsmanager restore-secret --secret-id admin"

    @property
    def log_group(self) -> str:
        """The function's log group."""
        return f"/aws/lambda/{self.function}"


def write(account: Account, addresses: Mapping[str, Mapping[str, str]]) -> None:
    """Write the configuration file, in which each profile has its Region, and each service its address."""
    lines = []
    for profile, region in REGIONS.items():
        lines += [f"[profile {profile}]", f"region = {region}", f"services = {profile}", "cli_pager ="]
        lines += ["aws_access_key_id = playground", "aws_secret_access_key = playground", f"[services {profile}]"]
        for service, address in addresses[profile].items():
            lines += [f"{service} =", f"  endpoint_url = {address}"]
    (account.folder / "config").write_text("\n".join([*lines, ""]), "utf-8")


def perform(options: argparse.Namespace) -> int:
    """Set the stage, print what to type, and play what is asked until somebody stops it."""
    screen = Screen()
    leftovers.clear()
    authority = Authority.create(leftovers.claim(), "Playground authority")
    screen.say(f"starting {PLAYED[options.engine]} with TLS, and an emulated AWS")
    folder = process.new_folder("playground")
    with (
        options.module.provide(authority) as scene,
        staged(options.module, scene) as theatre,
        served(theatre, options.strategy, folder, screen) as account,
    ):
        show(account, screen)
        threading.Event().wait()
    return 0


@contextlib.contextmanager
def served(theatre: RegionalTheatre, strategy: str, folder: Path, screen: Screen) -> Iterator[Account]:
    """Make the secret and attach it to its function, let everything listen, and play what is asked."""
    application = theatre.application(SECRET, strategy)
    alone = {"SecretId": theatre.admin_arn, "RemoveReplicaRegions": [AWAY]}
    theatre.emulator.execute("RemoveRegionsFromReplication", alone)  # one with replicas cannot be deleted
    account = Account(folder, f"{PREFIX}-{theatre.module.FUNCTION}", strategy, application.arn)
    one = threading.Lock()  # what the function writes is caught for the whole process
    told = Headings(screen)

    def invoke(event: Mapping[str, Any]) -> None:
        with one:
            told.of(event)
            theatre.invoke(event)

    with (
        EmulatedParameterStore() as parameters,
        EmulatedLogs({account.log_group: theatre.function_log.getvalue}) as logs,
        EmulatedFunctions({account.function: invoke}) as functions,
    ):
        here = {"secrets_manager": theatre.emulator.url, "ssm": parameters.url, "cloudwatch_logs": logs.url}
        there = {"secrets_manager": theatre.regions[AWAY].url}
        wrong = application.secret() | {"password": "not-the-password"}
        write(account, {PROFILE: here | {"lambda": functions.url}, ELSEWHERE: there})
        (folder / "wrong.json").write_text(json.dumps(wrong), "utf-8")
        attach(theatre, application.arn, account.function)
        theatre.player.invoke, theatre.player.on_step = invoke, screen.played
        theatre.player.run()
        with playing(theatre.player):
            yield account


class Headings:
    """Says of which secret, and of what, the steps are that come."""

    def __init__(self, screen: Screen) -> None:
        """Know where to say it."""
        self._screen, self._seen = screen, set[str]()

    def of(self, event: Mapping[str, Any]) -> None:
        """Say it where an event begins something."""
        name = str(event["SecretId"]).rpartition(":")[2][:-7]
        token, step = str(event.get("ClientRequestToken")), event["Step"]
        if step not in STEPS:
            self._screen.say(f"{name}: {step}")
        elif token not in self._seen:
            self._screen.say(f"{name}: {'a rotation' if step == STEPS[0] else 'a dry run'}")
        elif step == STEPS[0]:
            self._screen.say(f"{name}: the rotation that failed, again")
        self._seen.add(token)


@contextlib.contextmanager
def playing(player: RotationPlayer) -> Iterator[None]:
    """Play in the background what RotateSecret starts, and again what failed, as the service does for some hours."""
    over = threading.Event()

    def play() -> None:
        at = time.monotonic()
        while not over.wait(0.05):
            if player.run():
                at = time.monotonic()
            elif time.monotonic() - at > RETRY:
                for secret in list(player.emulator.state.secrets.values()):
                    if secret.running and secret.deletion is None:
                        player.retry(secret.arn)
                at = time.monotonic()

    thread = threading.Thread(target=play, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def attach(theatre: Theatre, arn: str, function: str) -> None:
    """Do what ``aws secretsmanager rotate-secret --no-rotate-immediately`` does with the function's ARN."""
    request = {
        "SecretId": arn,
        "ClientRequestToken": "playground-attaches-the-function-1",
        "RotationLambdaARN": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}",
        "RotationRules": {"AutomaticallyAfterDays": 30},
        "RotateImmediately": False,
    }
    theatre.emulator.execute("RotateSecret", request)


def show(account: Account, screen: Screen) -> None:
    """Print what there is, and what to type."""
    screen.say(f"the secret {SECRET} is attached to {account.function}: {account.strategy}, every 30 days")
    screen.say(f"profiles {PROFILE} ({REGION}) and {ELSEWHERE} ({AWAY}) in {account.folder / 'config'}")
    screen.say("type in another window, in the project's folder:")
    screen.command("this first: the AWS CLI and the SDKs then find this account", account.ways())
    for shows, command in account.commands():
        screen.command(shows, command)
    screen.say("Ctrl-C ends all of it; what is played appears below")
