"""What happened, for assertions: calls, labels, values, service events. Values never show in a repr."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.emulators.wire.service import Entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.support.emulators.secretsmanager.model import Request, Secret

SENSITIVE = frozenset({"SecretString", "SecretBinary", "RotationToken"})


@dataclass(kw_only=True)
class Call(Entry):
    """One API call, the secret that it is about, and the rotation that it belongs to."""

    secret: str | None
    with_rotation_token: bool
    token: str | None
    seconds: float = 0.0

    def concerns(self, name: str) -> bool:
        """Tell whether the call is about the secret of that name or ARN."""
        secret = self.secret or ""
        return name in {secret, secret.rpartition(":")[2][: -len("-XXXXXX")]}


@dataclass(frozen=True)
class LabelChange:
    """A label that came, went, or moved."""

    at: datetime
    secret: str
    label: str
    from_version: str | None
    to_version: str | None


@dataclass(frozen=True)
class StoredValue:
    """A value that some version holds or held."""

    at: datetime
    secret: str
    version_id: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class ServiceEvent:
    """What CloudTrail would show as an AWS service event (user guide, CloudTrail entries)."""

    at: datetime
    name: str
    secret: str
    token: str
    message: str = ""


@dataclass
class Journal:
    """Everything since the service started."""

    call_list: list[Call] = field(default_factory=list)
    labels: list[LabelChange] = field(default_factory=list)
    values: list[StoredValue] = field(default_factory=list)
    events: list[ServiceEvent] = field(default_factory=list)
    rotation_tokens: list[str] = field(default_factory=list, repr=False)
    _steps: list[tuple[str, str]] = field(default_factory=list)
    _of: dict[str | None, list[Call]] = field(default_factory=dict, repr=False)
    """The calls of a rotation by its token, and of a caller by its name: a run makes tens of thousands."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def begin(self, operation: str, request: Request, secret: Secret | None, caller: str, at: datetime) -> Call:
        """Enter a call that has just arrived."""
        parameters = {key: value for key, value in request.items() if key not in SENSITIVE}
        with self._lock:
            token, step = self._steps[-1] if self._steps else (None, None)
            call = Call(
                number=len(self.call_list) + 1,
                operation=operation,
                caller=caller,
                secret=secret.arn if secret else request.get("SecretId"),
                parameters=parameters,
                with_rotation_token="RotationToken" in request,
                step=step,
                token=token,
                at=at,
            )
            self.call_list.append(call)
            for key in (token, caller):
                self._of.setdefault(key, []).append(call)
        return call

    @contextmanager
    def timed(self, call: Call) -> Iterator[None]:
        """Note how long a call takes, however it ends."""
        start = time.perf_counter()
        try:
            yield
        finally:
            call.seconds = time.perf_counter() - start

    @contextmanager
    def step(self, token: str, step: str) -> Iterator[None]:
        """Mark the calls that arrive meanwhile as belonging to a step of a rotation."""
        entry = (token, step)
        with self._lock:
            self._steps.append(entry)
        try:
            yield
        finally:
            with self._lock:
                self._steps.remove(entry)

    def calls(
        self,
        operation: str | None = None,
        *,
        step: str | None = None,
        token: str | None = None,
        caller: str | None = None,
    ) -> list[Call]:
        """Return the calls that match everything given."""
        wanted = {"operation": operation, "step": step, "token": token, "caller": caller}
        given = {name: value for name, value in wanted.items() if value is not None}
        with self._lock:
            among = self._of.get(token or caller, []) if token or caller else self.call_list
            return [c for c in among if all(getattr(c, n) == v for n, v in given.items())]

    def calls_per_step(self, token: str, caller: str | None = None) -> dict[str, Counter[str]]:
        """Count a rotation's calls: step → operation → number."""
        counts: dict[str, Counter[str]] = {}
        for call in self.calls(token=token, caller=caller):
            counts.setdefault(str(call.step), Counter())[call.operation] += 1
        return counts

    def event(self, name: str, secret: Secret, token: str, at: datetime, message: str = "") -> None:
        """Enter a service event."""
        self.events.append(ServiceEvent(at, name, secret.arn, token, message))

    def label_changes(self, secret: Secret, before: dict[str, str], at: datetime) -> None:
        """Enter what became of a secret's labels."""
        for label in before.keys() | secret.labels.keys():
            old, new = before.get(label), secret.labels.get(label)
            if old != new:
                self.labels.append(LabelChange(at, secret.arn, label, old, new))

    def stored(self, secret: Secret, version_id: str, at: datetime) -> None:
        """Enter the value that a version has just got."""
        value = secret.versions[version_id].value
        if value is not None:
            self.values.append(StoredValue(at, secret.arn, version_id, value.content()))

    def stored_values(self) -> list[str]:
        """Return every value that was ever stored, whole."""
        return [stored.value for stored in self.values]

    def stored_passwords(self) -> list[str]:
        """Return the password of every value that is a JSON object with one: what no log may hold."""
        return list(dict.fromkeys(filter(None, map(_password_in, self.stored_values()))))


def _password_in(value: str) -> str | None:
    try:
        content = json.loads(value)
    except ValueError:
        return None
    password = content.get("password") if isinstance(content, dict) else None
    return password if isinstance(password, str) else None
