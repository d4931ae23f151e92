"""From an event to a message, once: what each kind of event asks, and what is not worth a message."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from watch import messages, rotations
from watch.events import MOVED, SUMMARY
from watch.forms import plain, published
from watch.model import Told
from watch.sources import LogUnread

if TYPE_CHECKING:
    from collections.abc import Callable

    from watch.memory import Memory
    from watch.model import Event, Message, Secret
    from watch.sources import Sources

TOLD: Final = "told"
_LINES: Final = 200
"""Readers in a summary; more are counted."""
_SESSIONS: Final = 5
"""Sessions of a role of which each is told that it reads a secret: programs take a new one each time they start."""


class Teller:
    """Tells people of events."""

    def __init__(self, sources: Sources, memory: Memory, sns: Any, topic: str, functions: str, *, chat: bool) -> None:  # noqa: ANN401 botocore makes its clients' classes at run time
        """Tell a topic of secrets that functions of this prefix rotate."""
        self._sources, self._memory, self._sns, self._topic = sources, memory, sns, topic
        self._functions, self._chat = functions, chat

    def tell(self, event: Event) -> str:
        """
        Tell of an event if it is worth it, and say what was done.

        Raises Busy where it is to be tried again.
        """
        if event.name == SUMMARY:
            return self._summarize(event)
        if event.name in {"DisableKey", "ScheduleKeyDeletion"}:
            return self._once(event.id, messages.of_key(event))
        secret = self._sources.secret(event.secret)
        if secret.found and not secret.function.startswith(self._functions):
            return self._given_away(event, secret) if event.name == messages.ROTATES else "not ours"
        return KINDS[event.name](self, event, secret)

    def _given_away(self, event: Event, secret: Secret) -> str:
        """Tell of another function that a secret was given to, where one of ours rotated it before."""
        if not rotations.read(self._memory, secret.arn).number:
            return "not ours"
        return self._once(event.id, messages.of_call(event, secret))

    def _once(self, what: str, message: Message) -> str:
        with self._memory.once(what) as first:
            if first:
                self._sns.publish(TopicArn=self._topic, **published(message, chat=self._chat))
        return TOLD if first else "told before"

    def rotation(self, event: Event, secret: Secret) -> str:
        """Tell of changes alone: Secrets Manager tries again, and each attempt is an event."""
        well = event.name == rotations.SUCCEEDED
        abandoned = event.name == messages.ABANDONED
        told = Told() if well or abandoned else self._sources.error(secret, event)
        cause = event.name if abandoned else told.error
        before = rotations.read(self._memory, secret.arn)
        turn, after = before.after(at=event.at, cause=cause, well=well)
        if after is before:
            return "overtaken"
        done = "nothing new"
        if turn:
            message = messages.of_rotation(turn, event, secret, before, told)
            # Two attempts that are told of at the same time saw the same state.
            done = self._once(f"{secret.arn} {turn} after {before.number} {before.at}", message)
        rotations.write(self._memory, secret.arn, before, after)
        return done

    def dry_run(self, event: Event, secret: Secret) -> str:
        """Tell how a dry run ended."""
        told = self._sources.error(secret, event) if event.name.endswith("Failed") else Told()
        return self._once(event.id, messages.of_dry_run(event, secret, told))

    def call(self, event: Event, secret: Secret) -> str:
        """Tell of a call that ends rotation, or opens a secret."""
        return self._once(event.id, messages.of_call(event, secret))

    def rotates(self, event: Event, secret: Secret) -> str:  # noqa: ARG002 as the others
        """Tell nobody that somebody rotates by hand, or attaches a function of ours."""
        return "by one of ours"

    def write(self, event: Event, secret: Secret) -> str:
        """Tell of a value or a label by hand."""
        return self.call(event, secret) if _changes_current(event) else "not the current value"

    def label(self, event: Event, secret: Secret) -> str:
        """Tell of a move that none of our rotations made; a function's log is the only witness without a trail."""
        unread = ""
        try:
            if self._sources.is_by_the_function(secret, event):
                return "by the function"
        except LogUnread as error:
            unread = str(error)
        return self._once(event.id, messages.of_call(event, secret, unread))

    def read(self, event: Event, secret: Secret) -> str:
        """Count each read, and tell of the first one of a reader and a day, for some sessions of a role."""
        day, reader = f"{event.at:%Y-%m-%d}", f"{secret.arn} {event.by}"
        with self._memory.once(f"read {event.id}") as first:
            if first:
                self._memory.count(f"reads {day}", reader, f"{event.at:%H:%M:%S}", f"{event.at:%H:%M:%S}")
        role, sessions = f"sessions {day}", f"{secret.arn} {event.role}"
        if event.role and self._memory.read(role, sessions).get("many", 0) >= _SESSIONS:
            return "in the summary"
        done = self._once(f"{reader} {day}", messages.of_read(event, secret))
        if event.role and done == TOLD:
            self._memory.count(role, sessions, "", "")
        return done

    def _summarize(self, event: Event) -> str:
        day = f"{event.at - timedelta(days=1):%Y-%m-%d}"
        found = self._memory.all(f"reads {day}")
        if not found:
            return "nobody read"
        lines = [_reads(one) for one in found[:_LINES]]
        return self._once(f"reads of {day}", messages.of_reads(day, event.region, lines, len(found)))


def _reads(one: dict[str, Any]) -> str:
    arn, _, by = str(one["whole"]).partition(" ")
    times = "once" if one["many"] == 1 else f"{one['many']} times"
    return plain(f"{arn} was read {times} by {by}, from {one['beginning']} to {one['latest']} UTC")


def _changes_current(event: Event) -> bool:
    """Return whether a call changes what clients read: another value or key, or the label AWSCURRENT."""
    if event.name == "UpdateSecretVersionStage":
        return event.request.get("versionStage") == "AWSCURRENT"
    if event.name == "UpdateSecret":
        # Its answer names a version where there is a new value.
        return bool(event.version or event.request.get("kmsKeyId"))
    return "AWSCURRENT" in (event.request.get("versionStages") or ["AWSCURRENT"])


KINDS: Final[dict[str, Callable[[Teller, Event, Secret], str]]] = {
    "RotationFailed": Teller.rotation,
    "RotationAbandoned": Teller.rotation,
    "RotationSucceeded": Teller.rotation,
    "TestRotationFailed": Teller.dry_run,
    "TestRotationSucceeded": Teller.dry_run,
    "CancelRotateSecret": Teller.call,
    "DeleteResourcePolicy": Teller.call,
    "DeleteSecret": Teller.call,
    "PutResourcePolicy": Teller.call,
    "RemoveRegionsFromReplication": Teller.call,
    messages.ROTATES: Teller.rotates,
    "StopReplicationToReplica": Teller.call,
    "PutSecretValue": Teller.write,
    "UpdateSecret": Teller.write,
    "UpdateSecretVersionStage": Teller.write,
    MOVED: Teller.label,
    "GetSecretValue": Teller.read,
}
"""What tells of each event, by its name."""
