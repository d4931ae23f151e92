"""A database in memory whose secret is replicated to another Region, with rotations and promotions in both."""

from __future__ import annotations

import copy
import json
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from rotation.delivery import Delivery
from rotation.errors import RotationError
from rotation.machine import advance
from rotation.model import Credential, Deadline, Password, Step, in_region
from rotation.promotion import promoting, returning
from rotation.promotion.case import Case, Report
from rotation.promotion.relocated import RelocatedStore
from rotation.promotion.request import Promotion, Return, parse
from rotation.settings import Settings
from rotation.stores.regional import RegionalStore
from tests.support.emulators.secretsmanager.direct import direct_client
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.emulators.secretsmanager.rotation import RotationPlayer
from tests.support.emulators.secretsmanager.worlds import RECORDED, World
from tests.support.emulators.wire.clock import ManualClock
from tests.support.memory.engine import ADMIN, HOST, PORT, Account, MemoryEngine, MemoryServer
from tests.support.memory.stage import Notes, Nowhere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.emulators.secretsmanager.replication import Replication

HOME: Final = "eu-west-1"
AWAY: Final = "eu-central-1"
FUNCTION: Final = "arn:aws:lambda:{}:123456789012:function:rotation"
RULES: Final = {"ScheduleExpression": "rate(30 days)"}
FIRST: Final = "first-password"

STRATEGIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "single-user": {},
    "single-user by admin": {"masterarn": True, "rotation": {"strategy": "single-user"}},
    "alternating-users": {"masterarn": True},
    "retained-password": {"engine": "memory-of-two"},
    "retained-password by admin": {
        "engine": "memory-of-two",
        "masterarn": True,
        "rotation": {"strategy": "retained-password"},
    },
}
"""What the secret's JSON says of each; the admin's secret is replicated beside it."""


class TwoRegions:
    """The secret ``app`` at home, its replica away, and one database that both reach."""

    def __init__(
        self,
        strategy: str,
        *,
        replication: Replication | None = None,
        world: World = RECORDED,
        lag: timedelta = timedelta(),
        gap: timedelta = timedelta(),
        **secret: Any,  # noqa: ANN401 JSON
    ) -> None:
        """Make the secrets, and let them arrive."""
        self.clock = ManualClock()
        self.regions = Regions(HOME, AWAY, replication=replication, world=world, clock=self.clock, lag=lag, gap=gap)
        accounts = {ADMIN: Account("admin-password", {"admin"}), "app": Account(FIRST, {"read orders"})}
        self.server = MemoryServer(accounts)
        self.engine = MemoryEngine(self.server)
        self.notes = Notes()
        self.late = 0.0
        place: dict[str, Any] = {"engine": "memory", "host": HOST, "port": PORT}
        self.admin = self._create("admin", {**place, "username": ADMIN, "password": "admin-password"})
        self.arn = self._create("app", {**place, "username": "app", "password": FIRST, **self._of(strategy), **secret})
        self.arrive()

    def _of(self, strategy: str) -> dict[str, Any]:
        said = dict(STRATEGIES[strategy])
        return said | ({"masterarn": self.admin} if "masterarn" in said else {})

    def _create(self, name: str, document: dict[str, Any]) -> str:
        request = {"Name": name, "SecretString": json.dumps(document), "ClientRequestToken": str(uuid.uuid4())}
        answer = self.regions[HOME].execute("CreateSecret", {**request, "AddReplicaRegions": [{"Region": AWAY}]})
        return str(answer["ARN"])

    def arrive(self) -> None:
        """Let all that is on the way arrive."""
        lag = dict(self.regions.lag)
        self.clock.advance(days=1)
        for region in self.regions.at.values():
            region.service.settle()
        self.regions.lag = lag

    def store(self, region: str, arn: str | None = None) -> RegionalStore:
        """Return the secret's store in a Region."""
        there = in_region(arn or self.arn, region)
        emulator = self.regions[region]
        return RegionalStore(direct_client(emulator), there, None, lambda other: direct_client(self.regions[other]))

    def delivery(self, region: str, token: str = "", **settings: Any) -> Delivery:  # noqa: ANN401 settings
        """Return what a step in a Region works with."""
        return Delivery(
            token=token,
            engine=self.engine,
            store=self.store(region),
            topology=Nowhere(),
            settings=Settings(admin_secret_arns=(in_region(self.admin, region),), **settings),
            observer=self.notes,
            deadline=Deadline(60, lambda: time.monotonic() + self.late),
        )

    def player(self, region: str) -> RotationPlayer:
        """Return who plays a Region's rotations as the service does."""

        def invoke(event: dict[str, str]) -> None:
            advance(self.delivery(region, event["ClientRequestToken"]), Step(event["Step"]))

        return RotationPlayer(self.regions[region], invoke)

    def rotate(self, region: str = HOME) -> None:
        """Rotate, and expect success."""
        result = self.player(region).rotate("app")
        assert result.succeeded, result.steps[-1].error
        self.arrive()

    def case(self, region: str = AWAY, *, dry_run: bool = False, **event: Any) -> Case:  # noqa: ANN401 JSON
        """Return a promotion in a Region, from the other one."""
        former = HOME if region == AWAY else AWAY
        said = {"SecretId": in_region(self.arn, region), "From": former, "DryRun": dry_run, **event}
        request = parse(said)
        assert isinstance(request, Promotion)
        store = self.store(region)
        delivery = self.delivery(region)
        delivery.store = RelocatedStore(store, request.place)
        return Case(request, store, delivery, FUNCTION.format(region), RULES)

    def promote(self, region: str = AWAY, *, dry_run: bool = False, **event: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
        """Promote, and give the answer."""
        return promoting.promote(self.case(region, dry_run=dry_run, **event)).answer()

    def give_back(self, region: str, to: str, *, dry_run: bool = False, **event: Any) -> dict[str, Any]:  # noqa: ANN401 JSON
        """Make the secret of another Region a replica of the one in this Region."""
        request = parse({"SecretId": in_region(self.arn, region), "ReplicateTo": to, "DryRun": dry_run, **event})
        assert isinstance(request, Return)
        report = Report(self.notes, dry_run)
        errand = returning.Errand(request, self.store(region), self.delivery(region).deadline, report)
        return returning.give_back(errand).answer()

    def run_due(self, region: str = AWAY) -> list[str | None]:
        """Play what RotateSecret has begun in a Region, and give what became of each."""
        return [result.failure for result in self.player(region).run()]

    def credential(self, region: str = AWAY) -> Credential:
        """Read what a client of a Region would read."""
        document = self.document(self.regions[region].value("app") or "{}")
        return Credential(document["username"], Password(document["password"]))

    @staticmethod
    def document(value: str) -> dict[str, Any]:
        """Read a value's JSON."""
        return dict(json.loads(value))

    def logs_in(self, region: str = AWAY) -> bool:
        """Return whether a client that reads in a Region is accepted."""
        return self.server.logs_in(self.credential(region))

    def accounts(self) -> dict[str, Account]:
        """Return the server's accounts as they are now."""
        return copy.deepcopy(self.server.accounts)

    def come_back(self) -> RotationError | None:
        """Let the old primary's Region answer again, and its function rotate; give the error that it ends with."""
        self.regions.restore(HOME)
        result = self.player(HOME).rotate("app")
        error = result.steps[-1].error
        assert error is None or isinstance(error, RotationError)
        return error
