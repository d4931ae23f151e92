"""All secrets of the emulated account in one Region, and how a name or an ARN finds one."""

from __future__ import annotations

import re
import secrets
import string
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.support.emulators.secretsmanager import errors
from tests.support.emulators.secretsmanager.journal import Journal
from tests.support.emulators.secretsmanager.model import CURRENT, PENDING, Rotation, Secret
from tests.support.emulators.secretsmanager.worlds import RECORDED, World
from tests.support.emulators.wire.clock import Clock, system_clock

if TYPE_CHECKING:
    from tests.support.emulators.secretsmanager.network import Network

ACCOUNT = "123456789012"
NOW = timedelta()
# Recorded in 2022, and not since: a name that itself ends like a suffix is not found by its partial ARN.
SUFFIX = re.compile(r"-[A-Za-z0-9]{6}\Z")


@dataclass
class Behaviour:
    """How the service is set up: where it is, whom it asks for what, and how late it is."""

    region: str = "eu-west-1"
    require_rotation_token: bool = False
    listed_after: timedelta = NOW
    """How long ListSecrets does not show a new secret: recorded up to a minute, moto remarks on five."""
    deleted_after: timedelta = NOW
    """How long a forced deletion takes: recorded some seconds, in which Describe answers and the name is taken."""


@dataclass
class State:
    """The secrets, and the rotations that wait for somebody to play them."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    world: World = RECORDED
    regions: Network | None = field(default=None, repr=False)
    """The world of Regions that this one is in, if it is in one."""
    invocable: set[str] | None = None
    """The ARNs of the functions that the service may invoke; all of them if it is None."""
    clock: Clock = system_clock
    journal: Journal = field(default_factory=Journal)
    secrets: dict[str, Secret] = field(default_factory=dict)
    due: list[Rotation] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def arn_for(self, name: str) -> str:
        """Return "the name of the secret followed by six random characters" (API reference, CreateSecret)."""
        suffix = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(6))
        return f"arn:aws:secretsmanager:{self.behaviour.region}:{ACCOUNT}:secret:{name}-{suffix}"

    def find(self, secret_id: str) -> Secret | None:
        """Find a secret by name, by ARN, or by ARN without the random part.

        User guide, Finding a secret from a partial ARN; recorded: LocalStack, test_create_and_update_secret
        (2024-03-15). A secret whose recovery window is over is gone.
        """
        secret = self.secrets.get(secret_id)
        if secret is not None and secret.deletion is None:  # an account of thousands is not gone through for each
            return secret
        self.drop_expired()
        if secret_id in self.secrets:
            return self.secrets[secret_id]
        for secret in self.secrets.values():
            partial = None if SUFFIX.search(secret.name) else secret.arn[: -len("-XXXXXX")]
            if secret_id in {secret.name, secret.arn, partial}:
                return secret
        return None

    def drop_expired(self) -> None:
        """Let go of secrets whose recovery window is over."""
        now = self.clock()
        for secret in list(self.secrets.values()):
            if secret.deletion is not None and secret.deletion <= now:
                del self.secrets[secret.arn]

    def any(self, secret_id: str) -> Secret:
        """Return a secret, deleted or not."""
        secret = self.find(secret_id)
        if secret is None:
            raise errors.secret_not_found()
        return secret

    def live(self, secret_id: str) -> Secret:
        """Return a secret that is not scheduled for deletion.

        API reference, InvalidRequestException: "The secret is scheduled for deletion." Recorded for the tag calls
        (LocalStack, test_tag_untag_resource_deleted, 2026-01-29); the text is theirs, here for all.
        """
        secret = self.any(secret_id)
        if secret.deletion is not None:
            message = "You can't perform this operation on the secret because it was marked for deletion."
            raise errors.invalid_request(message)
        return secret

    def take_due(self, token: str | None = None) -> Rotation | None:
        """Take the next rotation to play, or the one with this token."""
        with self.lock:
            for rotation in self.due:
                if token in {None, rotation.token}:
                    self.due.remove(rotation)
                    return rotation
        return None

    def settle(self, secret: Secret) -> None:
        """Forget a running rotation whose version lost AWSPENDING without becoming AWSCURRENT."""
        running = secret.running
        if running is None or running.token in {secret.labels.get(PENDING), secret.labels.get(CURRENT)}:
            return
        secret.running = None

    def abandon(self, secret: Secret, by_version: str) -> None:
        """Give up a running rotation because another version came.

        User guide, CloudTrail entries, RotationAbandoned: the service "abandoned the rotation and removed
        the AWSPENDING label from the existing version of the secret. Secrets Manager abandons rotation
        when you create a new version of a secret during rotation."
        """
        running = secret.running
        if running is None or by_version == running.token:
            return
        if secret.labels.get(PENDING) == running.token:
            del secret.labels[PENDING]
        secret.running = None
        self.journal.event("RotationAbandoned", secret, running.token, self.clock())
