"""``make demo``: rotate the secret of a real database on this machine, and say what happened."""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.command import run
from tests.lab.report import Findings, Screen, cutover_windows
from tests.lab.theatre import Application, Theatre, emulated
from tests.support.servers import choice
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.emulators.secretsmanager.rotation import RotationResult, StepResult

ENGINES = ("postgresql", "mysql", "mariadb", "aurora-postgresql", "aurora-mysql", "documentdb", "redshift")
SERVERS = {
    "postgresql": "postgres",
    "documentdb": "mongo",
    "redshift": "postgres",
    "aurora-postgresql": "postgres",
    "aurora-mysql": "mysql",
}
"""What runs for an engine, where it goes by another name."""


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="make demo",
        usage="make demo ENGINE=… STRATEGY=… ROTATIONS=… DATABASES=… FAILOVER=1 "
        "OPTIONS='--dry-run --revoke --log --cache SECONDS'",
        description="Rotates the secret of a real database through the real Lambda handler, with an emulated "
        "Secrets Manager, while a client keeps logging in with AWSCURRENT.",
    )
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="ENGINE=… (default: %(default)s)")
    parser.add_argument("--strategy", default="alternating-users", help="STRATEGY=… (default: %(default)s)")
    parser.add_argument("--rotations", type=_positive, default=3, help="ROTATIONS=… (default: %(default)s)")
    parser.add_argument(
        "--cache", type=float, default=0.0, metavar="SECONDS", help="how long the client keeps what it read"
    )
    parser.add_argument("--log", action="store_true", help="show the function's log")
    parser.add_argument("--dry-run", action="store_true", help="first do what RotateImmediately=false does")
    parser.add_argument("--revoke", action="store_true", help="in the end, revoke AWSPREVIOUS (events/revoke.json)")
    parser.add_argument(
        "--databases", choices=choice.WISHES, default=choice.current().wish, help="DATABASES=… (default: %(default)s)"
    )
    parser.add_argument(
        "--failover", type=int, default=0, choices=(0, 1), help="FAILOVER=1: kill the writer in a rotation (Aurora)"
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write the screen as an SVG")
    options = parser.parse_args(given)
    module = importlib.import_module(f"tests.lab.{options.engine.replace('-', '_')}")
    if options.strategy not in module.STRATEGIES:
        parser.error(f"STRATEGY: {options.engine} has {', '.join(module.STRATEGIES)}")
    if options.failover and not options.engine.startswith("aurora"):
        parser.error("FAILOVER: only an Aurora cluster has a server that takes over")
    options.module = module
    return options


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number, 1 or more")
    return int(text)


def main(given: Sequence[str] | None = None) -> int:
    """Play, and say whether everything that the suite claims was so."""
    options = arguments(given)
    os.environ[choice.DATABASES] = options.databases
    screen = Screen(options.picture)
    screen.say(*choice.current().report(SERVERS.get(options.engine, options.engine)))
    with tempfile.TemporaryDirectory(prefix="rotation-demo-") as folder:
        authority = Authority.create(Path(folder), "Demo authority")
        screen.say(f"starting {options.engine} with TLS, and an emulated Secrets Manager")
        with options.module.provide(authority) as scene, emulated() as emulator:
            application = Theatre(options.module, scene, emulator).application("shop", options.strategy)
            screen.say(f"{scene.title} on {scene.host}:{scene.port}; the application's user is shop")
            findings = play(application, options, screen)
            if options.log:
                screen.log(application.theatre.function_log.getvalue())
            screen.findings(findings)
            screen.draw(f"make demo ENGINE={options.engine} STRATEGY={options.strategy}")
    return 0 if findings.holds else 1


def play(application: Application, options: argparse.Namespace, screen: Screen) -> Findings:
    """Rotate while a client logs in, then hold what happened against the claims."""
    theatre = application.theatre
    findings = Findings(options.strategy, theatre.scene.title)
    if options.dry_run:
        result = theatre.player.dry_run(application.arn)
        screen.say("dry run: " + ("nothing stands in the way" if result.succeeded else str(result.failure)))
        screen.log(theatre.function_log.getvalue())
    mark = theatre.scene.mark()
    with application.clients(options.cache) as client:
        screen.say("a client logs in with AWSCURRENT every few milliseconds")
        for number in range(1, options.rotations + 1):
            screen.rotation(number, options.rotations, application.secret()["username"])
            result = _rotated(application, screen, failing=bool(options.failover) and number == options.rotations)
            screen.end_of_line(result)
            findings.rotations.append(result)
            if not result.succeeded:
                break
            application.work()
            if not options.cache:
                application.await_client()
    findings.seen, findings.cached = client.seen, options.cache > 0
    accepted, refused = theatre.scene.logins(mark)
    findings.accepted = accepted - len(findings.rotations) - (client.seen.logins - client.seen.rejected)
    findings.refused = refused - client.seen.rejected
    findings.cutover = cutover_windows(theatre.function_log.getvalue())
    findings.verdicts = verdicts(application, findings, revoke=options.revoke)
    return findings


def _rotated(application: Application, screen: Screen, *, failing: bool) -> RotationResult:
    """Rotate; with ``failing`` the writer is killed when setSecret is done, and the service may retry once."""
    scene = application.theatre.scene

    def step(taken: StepResult) -> None:
        screen.step(taken)
        if failing and taken.step == "setSecret" and not scene.failovers:
            scene.fail_over()
            screen.aside("the writer is killed; the reader takes over")

    result = application.rotate(step)
    return result if result.succeeded or not failing else application.theatre.player.retry(application.arn)


def verdicts(application: Application, findings: Findings, *, revoke: bool) -> list[tuple[str, bool]]:
    """Check what the suite claims."""
    if not all(rotation.succeeded for rotation in findings.rotations):
        return [("every rotation succeeded", False)]
    seen = findings.seen
    previous = application.secret("AWSPREVIOUS")
    overlapping = application.strategy.startswith(("alternating", "retained"))
    found = [
        ("every rotation succeeded", True),
        ("the function failed no login", findings.refused == 0),
        ("the application can do all that it could before", _works(application)),
        (
            "the old password still works, for clients that keep it until the next rotation"
            if overlapping
            else "the old password is refused",
            application.is_accepted(previous) is overlapping,
        ),
    ]
    if overlapping and seen is not None and not findings.cached:
        found.append((f"none of the client's {seen.logins} logins was rejected", seen.rejected == 0))
    if revoke:
        application.revoke(end_sessions=True)
        found.append(("revoked: the old password is refused now", not application.is_accepted(previous)))
    leaks = application.theatre.leaked()
    passwords = len(application.theatre.emulator.stored_passwords())
    found.append((f"none of {passwords} passwords stands in {' or '.join(leaks or ['any log'])}", not leaks))
    return found


def _works(application: Application) -> bool:
    application.work()
    return True


if __name__ == "__main__":
    run(main)
