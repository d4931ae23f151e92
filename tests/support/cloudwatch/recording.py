"""
Two weeks of rotations, as the functions' own code writes them, for the picture of the dashboard.

``python -m tests.support.cloudwatch.recording`` plays and writes them anew: handlers with servers and a Secrets Manager
in memory. What happens is laid on the days of the record; the lines are those that the handlers wrote.
"""

from __future__ import annotations

import io
import json
import os
import uuid
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

from audit import entrypoint as audit
from rotation.entrypoints.secrets_manager import Handler
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.emulators.secretsmanager.rotation import RotationPlayer
from tests.support.emulators.wire.clock import ManualClock
from tests.support.memory.engine import ADMIN, HOST, PORT, Account, MemoryEngine, MemoryServer

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE: Final = Path(__file__).with_name("recorded.jsonl")
BEGIN: Final = datetime(2026, 11, 2, 3, tzinfo=UTC)
DAYS: Final = 14
HOME, AWAY = "eu-west-1", "eu-central-1"
OLDEST: Final = (71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 34, 35, 36, 37)
FOUND: Final = (9, 9, 8, 8, 8, 7, 7, 7, 6, 6, 4, 4, 4, 3)
"""Days and findings that the audit is told; the metrics of them are its own."""


class Context:
    """A Lambda context with a minute left."""

    def get_remaining_time_in_millis(self) -> int:
        """Return a minute."""
        return 60_000


class Played:
    """A secret with a replica, its server, and the function that rotates it."""

    def __init__(self, regions: Regions, engine: str, service: str) -> None:
        """Create both secrets."""
        self._regions, self._engine, self._service = regions, engine, service
        self.server = MemoryServer({ADMIN: Account("first-admin", {"admin"}), "app": Account("first-app", {"read"})})
        place = {"engine": engine, "host": HOST, "port": PORT}
        self.name = f"shop/{engine}"
        self._admin = self._create(f"admin/{engine}", {**place, "username": ADMIN, "password": "first-admin"})
        owned = {"masterarn": self._admin} if engine == "mysql" else {}
        document = {**place, "username": "app", "password": "first-app", **owned}
        self._create(self.name, document, AddReplicaRegions=[{"Region": AWAY}])
        self.player = RotationPlayer(regions[HOME], lambda event: self._handler(event, Context()))

    def _create(self, name: str, document: dict[str, Any], **more: Any) -> str:  # noqa: ANN401 JSON
        request = {"Name": name, "SecretString": json.dumps(document), "ClientRequestToken": str(uuid.uuid4()), **more}
        return str(self._regions[HOME].execute("CreateSecret", request)["ARN"])

    def copies_take(self, lag: timedelta) -> None:
        """Let each copy of a secret take that long."""
        self._regions.lag[AWAY] = lag

    @cached_property
    def _handler(self) -> Handler:
        environment = {"SECRETS_MANAGER_ENDPOINT": self._regions[HOME].url, "ADMIN_SECRET_ARNS": self._admin}
        return Handler(lambda _: self._engine_of(), environment | {"POWERTOOLS_SERVICE_NAME": self._service})

    def _engine_of(self) -> MemoryEngine:
        engine = MemoryEngine(self.server)
        engine.traits = replace(engine.traits, name=self._engine, names=frozenset({self._engine}))
        return engine


def played() -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Play the days, and return each line that tells of a metric or of a failure, with its time."""
    clock, output = ManualClock(), io.StringIO()
    with Regions(HOME, AWAY, clock=clock, lag=timedelta(seconds=2)) as regions, redirect_stdout(output):
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": HOME}
        where = {**keys, "AWS_ENDPOINT_URL_SECRETS_MANAGER": regions[AWAY].url}
        waiting = mock.patch("rotation.strategies.replicas.time.sleep", lambda seconds: clock.advance(seconds=seconds))
        with mock.patch.dict(os.environ, where), waiting:
            one = Played(regions, "postgres", "rotation-postgresql")
            two = Played(regions, "mysql", "rotation-mysql")
            for day in range(DAYS):
                at = BEGIN + timedelta(days=day)
                _day(day, clock, one, two)
                output.write(json.dumps(_audited(day, at)) + "\n")
                yield from ((at, line) for line in _taken(output))


def _day(day: int, clock: ManualClock, one: Played, two: Played) -> None:
    """Let a day pass: on some of them something goes wrong."""
    clock.advance(seconds=7200)
    if day == 5:
        _restored(one, clock)
    one.copies_take(timedelta(minutes=30) if day == 12 else timedelta(seconds=2))
    if day == 9:
        account = one.server.accounts["app"]
        right, account.password = account.password, "by-hand"
        one.player.rotate(one.name)
        account.password = right
        clock.advance(seconds=900)
        one.player.retry(one.name)
        clock.advance(seconds=7200)
    for secret in (one, two) if day % 2 else (one,):
        secret.player.rotate(secret.name)


def _restored(secret: Played, clock: ManualClock) -> None:
    before = secret.server.accounts["app"].password
    secret.player.rotate(secret.name)
    secret.server.accounts["app"].password = before
    clock.advance(seconds=7200)


def _audited(day: int, at: datetime) -> dict[str, Any]:
    """Return the audit's own line of a day."""
    counts = {"critical": int(day == 9), "high": FOUND[day] // 3, "medium": FOUND[day] // 2, "low": FOUND[day]}
    head = SimpleNamespace(facts={"secrets_seen": 40, "blind_spots": 0, "calls": 90}, counts=counts, verdict="")
    return audit._measure(SimpleNamespace(head=head, oldest=OLDEST[day]), at)  # type: ignore[arg-type] # noqa: SLF001


def _taken(output: io.StringIO) -> Iterator[dict[str, Any]]:
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    output.seek(0)
    output.truncate()
    yield from (it for it in lines if "_aws" in it or it.get("level") == "ERROR")


def recorded() -> list[tuple[float, dict[str, Any]]]:
    """Return the record: each line, with its time in seconds."""
    return [(it["at"], it["line"]) for it in map(json.loads, FILE.read_text("utf-8").splitlines())]


if __name__ == "__main__":
    FILE.write_text("".join(json.dumps({"at": at.timestamp(), "line": line}) + "\n" for at, line in played()), "utf-8")
