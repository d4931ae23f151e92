"""From a Lambda event to a step of the machine. All parts are put together here, once, at start."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from rotation import VERSION, steps
from rotation.credentials.password_policy import policy_for
from rotation.entrypoints.assembly import Assembly, deadline_of
from rotation.entrypoints.telemetry import Telemetry
from rotation.errors import InvalidEvent
from rotation.machine import advance
from rotation.model import Step
from rotation.settings import Settings
from rotation.stores.secrets_manager import SecretsManagerStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rotation.delivery import Delivery
    from rotation.entrypoints.assembly import LambdaContext
    from rotation.ports import Engine

REVOKE: Final = "revokePrevious"
"""The step of the operator's own event that ends AWSPREVIOUS's password."""

SYNC: Final = "syncMirrors"
"""That of the operator's event that writes the secret's mirrors."""

SUBJECTS: Final = {REVOKE: "Revocation", SYNC: "Mirroring"}
"""What the metrics of the operator's events are named after."""

_SECRET_ID: Final = re.compile(r"[A-Za-z0-9/_+=.@!:-]{1,2048}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9-]{32,64}")
_ROTATION_TOKEN: Final = re.compile(r"[A-Za-z0-9-]{36,256}")


@dataclass(frozen=True)
class Event:
    """A rotation event, checked (Secrets Manager user guide, "Lambda rotation functions")."""

    step: str
    secret_id: str
    token: str
    rotation_token: str | None = field(default=None, repr=False)
    end_sessions: bool = False

    @classmethod
    def parse(cls, event: object) -> Event:
        """Read an event. Raises InvalidEvent that names the field, and never shows what it held."""
        if not isinstance(event, dict):
            raise _wrong("The event is not a JSON object")
        step = event.get("Step")
        if not isinstance(step, str) or step not in {*Step, REVOKE, SYNC}:
            raise _wrong(
                'The field "Step" is missing or names no step', f"Give one of {', '.join([*Step, REVOKE, SYNC])}."
            )
        secret_id = _matching(event, "SecretId", _SECRET_ID, "an ARN")
        if step == REVOKE:
            end_sessions = event.get("EndSessions", False)
            if not isinstance(end_sessions, bool):
                raise _wrong('The field "EndSessions" is neither true nor false')
            return cls(step, secret_id, token="", end_sessions=end_sessions)
        if step == SYNC:
            return cls(step, secret_id, token="")
        token = _matching(event, "ClientRequestToken", _TOKEN, "a version id of 32 to 64 letters, digits and hyphens")
        rotation_token = None
        if event.get("RotationToken") is not None:
            rotation_token = _matching(event, "RotationToken", _ROTATION_TOKEN, "36 to 256 letters, digits, hyphens")
        return cls(step, secret_id, token, rotation_token)


class Handler:
    """A Lambda handler for one engine. Everything that can be wrong with the settings is found when it is made."""

    def __init__(self, engine: Callable[[Path | None], Engine], environment: Mapping[str, str]) -> None:
        """Read the settings, and raise InvalidSettings where they are wrong or contradict the engine."""
        self._settings = Settings.from_environment(environment)
        self._engine = engine(self._settings.ca_bundle)
        self._assembly = Assembly(self._settings)
        self._telemetry = Telemetry(self._engine.traits.name, environment)
        policy_for(self._engine.traits.limits, self._settings.password, least_bits=self._settings.password_bits)
        self._telemetry.note(f"Rotation functions {VERSION}", engine=self._engine.traits.name)

    def ready(self) -> Self:
        """Make the client now, before the first event. Raises InvalidSettings where its endpoint is in the open."""
        _ = self._assembly.secrets_manager
        return self

    def __call__(self, event: object, context: LambdaContext) -> None:
        """Take one step. Raises RotationError, which tells Secrets Manager that the step failed."""
        fields = event if isinstance(event, dict) else {}
        self._telemetry.tell_of(
            _shown(fields.get("Step"), re.compile(r"[A-Za-z]{1,32}")),
            _shown(fields.get("SecretId"), _SECRET_ID),
            _shown(fields.get("ClientRequestToken"), _TOKEN),
            lambda: self._take(event, context),
            closing=fields.get("Step") in (Step.FINISH, *SUBJECTS),
            subject=SUBJECTS.get(str(fields.get("Step")), "Rotation"),
        )

    def _take(self, event: object, context: LambdaContext) -> None:
        request = Event.parse(event)
        delivery = self._delivery(request, context)
        with self._assembly.allowances():
            if request.step == REVOKE:
                steps.revoke_previous(delivery, end_sessions=request.end_sessions)
            elif request.step == SYNC:
                steps.sync_mirrors(delivery)
            else:
                advance(delivery, Step(request.step))

    def _delivery(self, request: Event, context: LambdaContext) -> Delivery:
        assembly = self._assembly
        store = SecretsManagerStore(
            assembly.secrets_manager, request.secret_id, request.rotation_token, assembly.secrets_manager_in
        )
        deadline = deadline_of(context)
        return assembly.delivery(request.token, self._engine, store, self._telemetry, deadline, self._settings)


def handler_for(engine: Callable[[Path | None], Engine]) -> Handler:
    """
    Make the Lambda handler of an engine, by the settings in the process's environment, with its client.

    A start has a whole processor, a step the part of one that the function's memory buys (Lambda developer guide,
    "Understanding the Lambda execution environment lifecycle", init phase).
    """
    return Handler(engine, os.environ).ready()


def _matching(event: Mapping[str, object], name: str, form: re.Pattern[str], wanted: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise _wrong(f'The field "{name}" is missing or malformed', f"It must be {wanted}.")
    return value


def _wrong(what: str, remedy: str = "") -> InvalidEvent:
    return InvalidEvent(
        what,
        where="the event",
        remedy=f"{remedy} The files under events/ show what Secrets Manager sends.".strip(),
    )


def _shown(value: object, form: re.Pattern[str]) -> str:
    """Let a value into the log only if it has the form that it should have."""
    return value if isinstance(value, str) and form.fullmatch(value) else "-"
