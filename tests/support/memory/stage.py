"""A rotation played in this process: a memory server, a memory store, and the steps as the service sends them."""

from __future__ import annotations

import copy
import functools
import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rotation.credentials import secret_format
from rotation.delivery import Delivery
from rotation.errors import RotationError
from rotation.machine import advance
from rotation.model import Deadline, Stage, Step, StoredVersion
from rotation.settings import Settings
from tests.support.memory.engine import ADMIN, HOST, Account, MemoryEngine, MemoryServer
from tests.support.memory.store import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rotation.model import Credential
    from rotation.ports import Mirrors

ADMIN_ARN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:admin-AbCdEf"
FIRST: Final = "first-password"


@dataclass
class Notes:
    """An Observer that remembers."""

    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    measured: dict[str, float] = field(default_factory=dict)
    recoveries: list[str] = field(default_factory=list)

    def note(self, message: str, **fields: object) -> None:
        """Remember."""
        self.said.append(f"{message} {fields}")

    def warn(self, message: str, **fields: object) -> None:
        """Remember."""
        self.warned.append(f"{message} {fields}")

    def recovered(self, reason: str, **fields: object) -> None:
        """Remember."""
        self.recoveries.append(reason)
        self.warned.append(f"{reason} {fields}")

    def measure(self, name: str, value: float, unit: str, *, region: str | None = None) -> None:  # noqa: ARG002 the port's
        """Remember."""
        self.measured[name if region is None else f"{name} {region}"] = value


class Nowhere:
    """A Topology that knows the tags it was given."""

    def __init__(self, places: Mapping[str, Mapping[str, object]] | None = None) -> None:
        """Know the places by the value of the only tag."""
        self._places = places or {}

    def locate(self, tags: Mapping[str, str]) -> Mapping[str, object] | None:
        """Look the place up."""
        return next((self._places[value] for value in tags.values() if value in self._places), None)


class MemoryStage:
    """A secret of the user ``app`` on a memory server, and an admin secret beside it."""

    def __init__(self, *, admin: bool = False, settings: Settings | None = None, **secret: Any) -> None:  # noqa: ANN401 JSON
        """Build the stage; ``secret`` adds to the secret's JSON."""
        self.server = MemoryServer(
            {ADMIN: Account("admin-password", {"admin"}), "app": Account(FIRST, {"read orders", "write orders"})}
        )
        self.store = MemoryStore()
        base = {"engine": "memory", "host": HOST, "port": 5432}
        self.store.admins[ADMIN_ARN] = json.dumps({**base, "username": ADMIN, "password": "admin-password"})
        named = {"masterarn": ADMIN_ARN} if admin else {}
        self.store.begin(json.dumps({**base, "username": "app", "password": FIRST, "note": "kept", **named, **secret}))
        self.settings = settings or Settings(admin_secret_arns=(ADMIN_ARN,))
        self.engine = MemoryEngine(self.server)
        self.topology = Nowhere()
        self.notes = Notes()
        self.mirrors: Mirrors | None = None
        self.aliases: dict[str, str] = {}
        """What a name is another name (a CNAME) of."""
        self.clock = time.monotonic
        self.late = 0.0
        """Seconds by which the clock has jumped: an invocation that was under way has so much less time left."""
        self.needed_rights = set(self.server.accounts["app"].rights)
        """What the application uses, as a client of AWSCURRENT."""
        self._read: dict[str, Credential] = {}
        """By the value that it was read from: a client looks after every effect."""

    def copy(self) -> MemoryStage:
        """Return a stage on which the same has happened; what happens on one of the two stays there."""
        self.server.locks.clear()  # nobody holds one between two rotations
        fresh: dict[int, Any] = {id(it.mutex): threading.RLock() for it in (self.server, self.store)}
        shared = {id(it): it for it in (self.engine.traits, self.settings)}
        return copy.deepcopy(self, {**fresh, **shared})

    def delivery(self, token: str) -> Delivery:
        """Return what a step works with."""
        return Delivery(
            token=token,
            engine=self.engine,
            store=self.store,
            topology=self.topology,
            settings=self.settings,
            observer=self.notes,
            deadline=Deadline(60, lambda: self.clock() + self.late),
            names_of=lambda host, _: (host, self.aliases.get(host, host)),
            mirrors=self.mirrors,
        )

    def step(self, step: Step, token: str) -> None:
        """Deliver one step."""
        advance(self.delivery(token), step)

    def play(self, token: str, steps: Sequence[Step] = tuple(Step)) -> RotationError | None:
        """Deliver the steps in order, as the service does, and stop at the first failure."""
        for step in steps:
            try:
                self.step(step, token)
            except RotationError as error:
                return error
        return None

    def rotate(self) -> str:
        """Rotate once, and expect success."""
        token = self.store.rotate()
        error = self.play(token)
        assert error is None, error
        return token

    def credential(self, stage: Stage = Stage.CURRENT) -> Credential:
        """Read what a client would read."""
        value = self.store.value_at(stage)
        if value not in self._read:
            version = StoredVersion(self.store.arn, "", frozenset(), value)
            self._read[value] = secret_format.parse(version, self.engine.traits).credential
        return self._read[value]

    def current_logs_in(self) -> bool:
        """Return whether a client that reads AWSCURRENT now would be accepted."""
        return self.server.logs_in(self.credential())

    def stored_passwords(self) -> set[str]:
        """Return every password that any version holds."""
        return {_password_in(value) for value in (*self.store.values.values(), *self.store.admins.values())}

    def held_passwords(self) -> set[str]:
        """Return every password that the server holds."""
        accounts = self.server.accounts.values()
        return {it for account in accounts for it in (account.password, account.second) if it is not None}


@functools.lru_cache(4096)
def _password_in(value: str) -> str:
    """Read a value's password; a client looks at all of them after every effect."""
    return str(json.loads(value)["password"])
