"""What ``make demo`` plays: rotations beside a client, held against what the suite claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.lab import leftovers
from tests.lab.report import Findings, Screen, cutover_windows
from tests.lab.theatre import Application, Theatre, emulated
from tests.lab.words import STRATEGY
from tests.support.servers import choice
from tests.support.servers.tls import Authority

if TYPE_CHECKING:
    import argparse

    from tests.support.emulators.secretsmanager.rotation import RotationResult, StepResult

SERVERS: Final = {
    "postgresql": "postgres",
    "documentdb": "mongo",
    "redshift": "postgres",
    "aurora-postgresql": "postgres",
    "aurora-mysql": "mysql",
}
"""What runs for an engine, where it goes by another name."""
PLAYED: Final = {
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "documentdb": "MongoDB, in the place of Amazon DocumentDB,",
    "redshift": "PostgreSQL, in the place of Amazon Redshift,",
    "aurora-postgresql": "two PostgreSQL servers, in the place of an Aurora cluster,",
    "aurora-mysql": "two MySQL servers, in the place of an Aurora cluster,",
}
"""What is seen of an engine on this machine."""
CLONE: Final = "_clone"


def perform(options: argparse.Namespace) -> int:
    """Set the stage, play, and return the exit code."""
    screen = Screen(options.picture)
    leftovers.clear()
    screen.say(*choice.current().report(SERVERS.get(options.engine, options.engine)))
    authority = Authority.create(leftovers.claim(), "Demo authority")
    screen.say(f"starting {PLAYED[options.engine]} with TLS, and an emulated Secrets Manager")
    with options.module.provide(authority) as scene, emulated() as emulator:
        application = Theatre(options.module, scene, emulator).application("shop", options.strategy)
        screen.say(f"{scene.title} on {scene.host}:{scene.port}; the application's user is shop")
        findings = play(application, options, screen)
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
        screen.dry_run(theatre.function_log.getvalue())
    told = len(theatre.function_log.getvalue())
    mark = theatre.scene.mark()
    with application.clients(options.cache) as client:
        screen.say("a client logs in with AWSCURRENT every few milliseconds")
        for number in range(1, options.rotations + 1):
            screen.rotation(f"{number}/{options.rotations}", users_of(application))
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
    if options.log or options.json:
        (screen.log if options.json else screen.log_in_words)(theatre.function_log.getvalue()[told:])
    findings.verdicts = verdicts(application, findings, revoke=options.revoke)
    return findings


def users_of(application: Application) -> str:
    """Return whose password AWSCURRENT holds, and after the rotation, where that is another user."""
    user = str(application.secret()["username"])
    if application.strategy != STRATEGY:
        return user
    return f"{user} → {user.removesuffix(CLONE) if user.endswith(CLONE) else user + CLONE}"


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
