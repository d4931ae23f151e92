"""From a Lambda event to a step of the machine. All parts are put together here, once, at start."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

import botocore.session
from botocore.config import Config

from rotation import VERSION, steps
from rotation.credentials.password_policy import policy_for
from rotation.delivery import Delivery
from rotation.engines.session import clear_text
from rotation.entrypoints.telemetry import Telemetry
from rotation.errors import InvalidEvent, InvalidSettings
from rotation.machine import advance
from rotation.model import Deadline, Step
from rotation.settings import Settings, goes_in_the_open
from rotation.stores.secrets_manager import SecretsManagerStore
from rotation.topology import FirstOf, RdsTopology, RedshiftTopology
from rotation.topology.clusters import RdsClusters
from rotation.topology.names import local_hosts, names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rotation.ports import Engine, Observer

REVOKE: Final = "revokePrevious"
"""The step of the operator's own event that ends AWSPREVIOUS's password."""

MARGIN: Final = 1.5
"""Seconds kept back of the invocation, to log and answer."""

_SECRET_ID: Final = re.compile(r"[A-Za-z0-9/_+=.@!:-]{1,2048}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9-]{32,64}")
_ROTATION_TOKEN: Final = re.compile(r"[A-Za-z0-9-]{36,256}")

_CONFIG: Final = Config(connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3})
"""Bounds each call to the AWS API to about 20 seconds in total."""


_BRIEF: Final = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1})
"""Bounds a call to another Region, to which a VPC may have no way, to some 3 seconds."""


class LambdaContext(Protocol):
    """What is used of the context that Lambda passes to a handler."""

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of the invocation, in milliseconds."""
        ...


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
        if not isinstance(step, str) or step not in {*Step, REVOKE}:
            raise _wrong('The field "Step" is missing or names no step', f"Give one of {', '.join([*Step, REVOKE])}.")
        secret_id = _matching(event, "SecretId", _SECRET_ID, "an ARN")
        if step == REVOKE:
            end_sessions = event.get("EndSessions", False)
            if not isinstance(end_sessions, bool):
                raise _wrong('The field "EndSessions" is neither true nor false')
            return cls(step, secret_id, token="", end_sessions=end_sessions)
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
        self._telemetry = Telemetry(self._engine.traits.name, environment)
        policy_for(self._engine.traits.limits, self._settings.password, least_bits=self._settings.password_bits)
        self._telemetry.note(f"Rotation functions {VERSION}", engine=self._engine.traits.name)

    def __call__(self, event: object, context: LambdaContext) -> None:
        """Take one step. Raises RotationError, which tells Secrets Manager that the step failed."""
        fields = event if isinstance(event, dict) else {}
        self._telemetry.tell_of(
            _shown(fields.get("Step"), re.compile(r"[A-Za-z]{1,32}")),
            _shown(fields.get("SecretId"), _SECRET_ID),
            _shown(fields.get("ClientRequestToken"), _TOKEN),
            lambda: self._take(event, context),
            closing=fields.get("Step") in (Step.FINISH, REVOKE),
            subject="Revocation" if fields.get("Step") == REVOKE else "Rotation",
        )

    def _take(self, event: object, context: LambdaContext) -> None:
        request = Event.parse(event)
        delivery = self._delivery(request, context, self._telemetry)
        settings = self._settings
        with local_hosts(allowed=settings.allow_local_hosts), clear_text(allowed=settings.clear_text_passwords):
            if request.step == REVOKE:
                steps.revoke_previous(delivery, end_sessions=request.end_sessions)
            else:
                advance(delivery, Step(request.step))

    def _delivery(self, request: Event, context: LambdaContext, observer: Observer) -> Delivery:
        delivery = Delivery(
            token=request.token,
            engine=self._engine,
            store=SecretsManagerStore(
                self._secrets_manager, request.secret_id, request.rotation_token, self._secrets_manager_in
            ),
            topology=FirstOf(RdsTopology(lambda: self._client("rds")), RedshiftTopology(self._client)),
            settings=self._settings,
            observer=observer,
            deadline=Deadline(context.get_remaining_time_in_millis() / 1000 - MARGIN),
            names_of=names_of,
        )
        if self._engine.traits.clustered:
            from rotation.engines.aurora.following import Following  # noqa: PLC0415 other functions start without it

            following = Following(self._engine, self._clusters, observer, names_of)
            delivery.engine, delivery.for_changes = following, following.for_changes
        return delivery

    @cached_property
    def _clusters(self) -> RdsClusters:
        return RdsClusters(lambda: self._client("rds"))

    @cached_property
    def _session(self) -> botocore.session.Session:
        return botocore.session.get_session()

    def _client(self, service: str) -> Any:  # noqa: ANN401 botocore makes its clients' classes at run time
        return self._closed(self._session.create_client(service, config=_CONFIG))

    @cached_property
    def _secrets_manager(self) -> Any:  # noqa: ANN401 botocore makes its clients' classes at run time
        endpoint = self._settings.endpoint
        return self._closed(self._session.create_client("secretsmanager", endpoint_url=endpoint, config=_CONFIG))

    def _secrets_manager_in(self, region: str) -> Any:  # noqa: ANN401 botocore makes its clients' classes at run time
        return self._closed(self._session.create_client("secretsmanager", region_name=region, config=_BRIEF))

    def _closed(self, client: Any) -> Any:  # noqa: ANN401 botocore makes its clients' classes at run time
        """See that a client speaks TLS, whoever named its endpoint: the SDK also reads AWS_ENDPOINT_URL and files."""
        if goes_in_the_open(client.meta.endpoint_url, beside=self._settings.allow_local_hosts):
            raise InvalidSettings(
                f"The endpoint of {client.meta.service_model.service_name} would be spoken to over http, "
                "readable on the way",
                where="the function's environment",
                remedy="Let AWS_ENDPOINT_URL, and those of single services, begin with https.",
            )
        return client


def handler_for(engine: Callable[[Path | None], Engine]) -> Handler:
    """Make the Lambda handler of an engine, by the settings in the process's environment."""
    return Handler(engine, os.environ)


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
