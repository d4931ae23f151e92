"""A parameter of the emulated service, a memory server, and the handler between them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.entrypoints.parameter_store import Handler
from tests.support.emulators.ssm.model import arn_of
from tests.support.emulators.ssm.server import EmulatedParameterStore
from tests.support.emulators.wire.clock import ManualClock
from tests.support.emulators.wire.service import OPERATOR
from tests.support.memory.engine import ADMIN, HOST, PORT, Account, MemoryEngine, MemoryServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rotation.ports import Engine

NAME: Final = "/orders/database"
ADMINS: Final = "/admins/database"
PLACE: Final = {"engine": "memory", "host": HOST, "port": PORT}
FIRST: Final = "canary-7f3a"


class Context:
    """A Lambda context with time left."""

    def __init__(self, milliseconds: int = 60_000) -> None:
        self._milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self._milliseconds


class Scene:
    """A credential of two users, by the admin of another parameter; it was written forty days ago."""

    def __init__(self, emulator: EmulatedParameterStore, clock: ManualClock) -> None:
        self.emulator, self.clock = emulator, clock
        self.server = MemoryServer({ADMIN: Account("admin-password", {"admin"}), "app": Account(FIRST, {"read"})})
        names = {"ADMIN_SECRET_ARNS": arn_of(ADMINS), "POWERTOOLS_SERVICE_NAME": str(uuid.uuid4())}
        self.environment = {**names, "SEAL_KEY": "the stack's"}
        self.names = {"memory", "memory-of-two"}
        self.put(ADMINS, username=ADMIN, password="admin-password")
        self.put(NAME, masterarn=arn_of(ADMINS))
        clock.advance(days=40)

    @cached_property
    def handler(self) -> Handler:
        """Made in the test itself: the logger keeps the stream that it finds."""
        return Handler(self.environment, self.engine_named)

    def engine_named(self, name: str) -> Callable[[Path | None], Engine]:
        if name not in self.names:
            raise KeyError(name)
        return lambda _bundle: MemoryEngine(self.server)

    def put(self, name: str = NAME, **document: object) -> None:
        value = {**PLACE, "username": "app", "password": FIRST, **document}
        self.emulator.put(name, json.dumps(value))

    def send(self, *names: str, context: Context | None = None, **fields: object) -> dict[str, Any]:
        event = {"Parameters": list(names or [NAME]), **fields}
        return dict(self.handler(event, context or Context()))

    def leak(self) -> str:
        """Return the time before which everything is to be rotated: now."""
        return datetime.now(UTC).isoformat()

    def current(self, name: str = NAME) -> dict[str, Any]:
        document = json.loads(self.emulator.value(name))
        assert isinstance(document, dict)
        return document

    def calls(self) -> list[str]:
        """Return what was called since the last time that this was asked."""
        made = [call.operation for call in self.emulator.journal.calls if call.caller != OPERATOR]
        self.emulator.journal.calls.clear()
        return made


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Set the scene, with credentials and a Region as in the Lambda runtime."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    clock = ManualClock(datetime.now(UTC) - timedelta(days=40))
    with EmulatedParameterStore(clock=clock) as emulator:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", emulator.url)
        yield Scene(emulator, clock)
