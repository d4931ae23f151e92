"""The messages: what happened to which secret, why, and what to type first."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from watch.events import MOVED
from watch.model import Message
from watch.rotations import Turn
from watch.sources import log_link

if TYPE_CHECKING:
    from datetime import datetime

    from watch.model import Event, Secret, Told
    from watch.rotations import State

ABANDONED: Final = "RotationAbandoned"
ROTATES: Final = "RotateSecret"
_AGAIN: Final = "Secrets Manager tries again by itself."
_UNTIL: Final = "It fails again until somebody acts. After that, what is below makes another attempt at once."


def command(service: str, *words: str, region: str) -> str:
    """Return a command of the AWS CLI that a shell takes as it is meant, whatever the words hold."""
    return shlex.join(["aws", service, *words, "--region", region])


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _head(event: Event, secret: Secret) -> list[str]:
    facts = [f"Secret: {secret.arn}", f"Region: {event.region}", f"When: {_when(event.at)}"]
    if not secret.found:
        facts.append("The secret cannot be described: it is gone, or its policy denies it. It may not be this stack's.")
    return facts


def _titled(what: str, event: Event, secret: Secret) -> str:
    return f"{what}: {secret.name} ({event.region})"


def _cause(event: Event, told: Told) -> list[str]:
    """Say why, by our own error if there is one: it says what to do."""
    if event.name == ABANDONED:
        return ["Cause: RotationAbandoned: somebody stored another value meanwhile, so Secrets Manager gave up."]
    if told.error:
        return [f"Cause: {told.error}: {told.message}", _AGAIN if told.retryable else _UNTIL]
    said = f"Secrets Manager says: {event.error}. " if event.error else ""
    why = _unread(told.unread) or "Its log has no error about this secret: see whether its timeout cut it off."
    return [f"Cause: {said}{why}"]


def _unread(code: str) -> str:
    return f"The function's log cannot be read ({code}): see whether somebody deleted or denied it." if code else ""


def _links(event: Event, secret: Secret, told: Told) -> tuple[tuple[str, str], ...]:
    if told.link:
        return (("Log line", told.link),)
    return (("Log", log_link(event.region, f"/aws/lambda/{secret.function}")),) if secret.function else ()


def _looks(event: Event, secret: Secret) -> str:
    words = ("describe-secret", "--secret-id", secret.arn, "--query", "VersionIdsToStages")
    return command("secretsmanager", *words, region=event.region)


def _rotates(event: Event, secret: Secret) -> str:
    return command("secretsmanager", "rotate-secret", "--secret-id", secret.arn, region=event.region)


def _failing(event: Event, secret: Secret, told: Told) -> tuple[str, ...]:
    """
    Return the first command: the log, where the cause is unknown; else the next attempt, once the cause is gone.

    RotateSecret is refused while AWSPENDING is on a version that is not current (API reference, RotateSecret).
    """
    if told.token and not told.retryable:
        words = ("--version-stage", "AWSPENDING", "--remove-from-version-id", told.token)
        gives_up = ("update-secret-version-stage", "--secret-id", secret.arn, *words)
        return (command("secretsmanager", *gives_up, region=event.region), _rotates(event, secret))
    if event.name == ABANDONED:
        return (_rotates(event, secret), _looks(event, secret))
    if told.error or not secret.function:
        return (_looks(event, secret),)
    words = ("tail", f"/aws/lambda/{secret.function}", "--since", "1h")
    return (command("logs", *words, region=event.region), _looks(event, secret))


def of_rotation(turn: Turn, event: Event, secret: Secret, state: State, told: Told) -> Message:
    """Return the message of a rotation that begins to fail, fails otherwise, or is healed."""
    since = [f"Failing since: {_when(state.since)}"] if state.since else []
    if turn is Turn.HEALED:
        facts = (*_head(event, secret), *since, "The rotation succeeded. You need not do anything.")
        return Message(_titled("Rotation is healed", event, secret), facts, about=secret.arn)
    since = since if turn is Turn.WORSE else []
    return Message(
        _titled(f"Rotation {turn}", event, secret),
        (*_head(event, secret), *since, *_cause(event, told)),
        _failing(event, secret, told),
        _links(event, secret, told),
        about=secret.arn,
    )


def of_dry_run(event: Event, secret: Secret, told: Told) -> Message:
    """Return the outcome of a dry run, for whoever asked for it."""
    if event.name == "TestRotationSucceeded":
        facts = (*_head(event, secret), "The next rotation finds what it needs. Nothing was changed.")
        return Message(_titled("Dry run succeeded", event, secret), facts, about=secret.arn)
    again = command(
        "secretsmanager", "rotate-secret", "--secret-id", secret.arn, "--no-rotate-immediately", region=event.region
    )
    return Message(
        _titled("Dry run failed", event, secret),
        (*_head(event, secret), *_cause(event, told), "No password was changed."),
        (again,),
        _links(event, secret, told),
        about=secret.arn,
    )


_CALLS: Final = {
    "CancelRotateSecret": ("Rotation was switched off", ("rotate-secret",)),
    "DeleteSecret": ("Secret was deleted", ("restore-secret",)),
    "PutResourcePolicy": ("Policy was changed", ("get-resource-policy",)),
    "DeleteResourcePolicy": ("Policy was removed", ("get-resource-policy",)),
    "StopReplicationToReplica": ("Replica was made a secret of its own", ("describe-secret",)),
    "RemoveRegionsFromReplication": ("Replicas were removed", ("describe-secret",)),
    ROTATES: ("Secret was given to another function", ("describe-secret",)),
    "UpdateSecret": ("Value or key was changed by hand", ("list-secret-version-ids",)),
    "PutSecretValue": ("Value was changed by hand", ("list-secret-version-ids",)),
    "UpdateSecretVersionStage": ("AWSCURRENT was moved by hand", ("list-secret-version-ids",)),
    MOVED: ("Current value was changed by somebody", ("list-secret-version-ids",)),
}
"""What each call means, and the first thing to type about it."""

_HAND: Final = frozenset({"UpdateSecret", "PutSecretValue", "UpdateSecretVersionStage", MOVED})


def of_call(event: Event, secret: Secret, unread: str = "") -> Message:
    """Return the message of a call that ends rotation, opens a secret, or changes its value by hand."""
    title, words = _CALLS[event.name]
    facts = [*_head(event, secret), f"By: {event.by or 'unknown, since no trail records it'}"]
    if event.name == ROTATES:
        facts.append(
            f"Its function is now {secret.function}, which can read its value; none of this stack's rotates it."
        )
    if event.name in _HAND:
        facts.append(
            "If it is another password than the database's, clients are rejected: see whether the secret logs in."
        )
    if unread:
        facts.append(f"{_unread(unread)} So it may have been its own rotation.")
    facts.append("If it was planned, you need not do anything.")
    first = command("secretsmanager", *words, "--secret-id", secret.arn, region=event.region)
    return Message(_titled(title, event, secret), tuple(facts), (first,), about=secret.arn)


def of_key(event: Event) -> Message:
    """Return the message of a key that is disabled, or to be deleted: then no secret under it can be read."""
    deleted = event.name == "ScheduleKeyDeletion"
    title = "Key of secrets is to be deleted" if deleted else "Key of secrets was disabled"
    word = "cancel-key-deletion" if deleted else "enable-key"
    facts = [
        f"Key: {event.secret}",
        f"Region: {event.region}",
        f"When: {_when(event.at)}",
        f"By: {event.by or 'unknown'}",
    ]
    facts.append("Without it nobody can read the secrets under it, and no rotation works.")
    first = command("kms", word, "--key-id", event.secret, region=event.region)
    name = event.secret.rpartition("/")[2]
    return Message(f"{title}: {name} ({event.region})", tuple(facts), (first,), about=event.secret)


def of_read(event: Event, secret: Secret) -> Message:
    """Return the notice of a read by somebody who is not on the list."""
    facts = (
        *_head(event, secret),
        f"By: {event.by}",
        "This reader is not in WatchReaders. Further reads of today are in the daily summary.",
    )
    words = ("lookup-events", "--lookup-attributes", f"AttributeKey=ResourceName,AttributeValue={secret.arn}")
    first = command("cloudtrail", *words, region=event.region)
    return Message(_titled("Secret was read by somebody else", event, secret), facts, (first,), about=secret.arn)


def of_reads(day: str, region: str, lines: list[str], many: int) -> Message:
    """Return the summary of a day, which may not show all."""
    head = f"Readers, each with a secret: {many}." + (f" Shown: {len(lines)}." if len(lines) < many else "")
    return Message(f"Reads by others on {day} ({region})", (head, *lines), about=f"reads {region}")
