"""Rotations of a secret with a replica: no login is rejected in either Region, whatever the replica does."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from rotation.entrypoints.assembly import Assembly
from rotation.entrypoints.secrets_manager import Handler
from rotation.errors import RotationRefused
from rotation.model import Credential, Password
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.emulators.secretsmanager.replication import REPLICATIONS, Reason
from tests.support.emulators.secretsmanager.rotation import RotationPlayer
from tests.support.emulators.wire.clock import ManualClock
from tests.support.memory.engine import ADMIN, HOST, PORT, Account, MemoryEngine, MemoryServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

pytestmark = pytest.mark.no_cover  # the trace of coverage doubles its price, and others cover all that it runs

HOME, AWAY, FAR = "eu-west-1", "eu-central-1", "us-east-1"
ENGINES = {"alternating-users": "memory", "retained-password": "memory-of-two", "single-user": "memory"}
STRATEGIES = ["alternating-users", "retained-password"]
"""Those that reject nobody."""
ATTEMPTS = 6


class Context:
    """A Lambda context with a minute left."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Scene:
    """A secret at home with a replica away, and clients in both Regions that look after every effect."""

    def __init__(self, regions: Regions, clock: ManualClock, strategy: str, away: Sequence[str]) -> None:
        self.regions, self.clock, self.strategy, self.away = regions, clock, strategy, away
        self.server = MemoryServer({ADMIN: Account("admin-password", {"admin"}), "app": Account("first", {"read"})})
        self.rejected: list[str] = []
        self.settings: dict[str, str] = {}
        place: dict[str, object] = {"engine": ENGINES[strategy], "host": HOST, "port": PORT}
        self.admin = self.create("admin", {**place, "username": ADMIN, "password": "admin-password"})
        names: dict[str, object] = {"masterarn": self.admin} if strategy == "alternating-users" else {}
        secret = {**place, "username": "app", "password": "first", **names}
        replicas = {"AddReplicaRegions": [{"Region": it} for it in away]} if away else {}
        self.arn = self.create("app", secret, **replicas)
        clock.advance(seconds=7200)
        self.server.effect = lambda _name, _phase: self.look()
        self.player = RotationPlayer(regions[HOME], lambda event: self.handler(event, Context()))

    def create(self, name: str, document: dict[str, object], **more: Any) -> str:  # noqa: ANN401 JSON
        request = {"Name": name, "SecretString": json.dumps(document), "ClientRequestToken": str(uuid.uuid4()), **more}
        return str(self.regions[HOME].execute("CreateSecret", request)["ARN"])

    def handler_in(self, region: str) -> Handler:
        environment = {"SECRETS_MANAGER_ENDPOINT": self.regions[region].url, "ADMIN_SECRET_ARNS": self.admin}
        more = {"ROTATION_STRATEGY": self.strategy, "POWERTOOLS_SERVICE_NAME": str(uuid.uuid4())}
        return Handler(lambda _: MemoryEngine(self.server), environment | more | self.settings)

    @cached_property
    def handler(self) -> Handler:
        return self.handler_in(HOME)

    def look(self) -> None:
        """Let a client in each Region read the secret and log in; one that reads nothing yet does not log in."""
        for region in (HOME, *self.away):
            value = self.regions[region].value("app")
            document = json.loads(value) if value else None
            if document and not self.server.logs_in(Credential(document["username"], Password(document["password"]))):
                self.rejected.append(region)

    def rotate(self) -> bool:
        """Rotate, and again after a while for as long as that is refused; say whether it came to an end."""
        result = self.player.rotate("app")
        for _ in range(ATTEMPTS):
            self.look()
            if result.succeeded:
                return True
            assert isinstance(result.steps[-1].error, RotationRefused)
            self.clock.advance(seconds=900)
            result = self.player.retry("app")
        return result.succeeded


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Callable[..., Scene]:
    """Set a scene in which waiting moves the service's clock, and the SDK finds the other Region."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", HOME)

    def make(
        strategy: str, lag: float = 0, world: str = "value first", gap: float = 0, away: Sequence[str] = (AWAY,)
    ) -> Scene:
        clock = ManualClock()
        copying, delay = REPLICATIONS[world], timedelta(seconds=lag)
        regions = Regions(HOME, AWAY, FAR, replication=copying, clock=clock, lag=delay, gap=timedelta(seconds=gap))
        regions.__enter__()
        request.addfinalizer(lambda: regions.__exit__(None, None, None))
        monkeypatch.setattr("rotation.strategies.replicas.time.sleep", lambda seconds: clock.advance(seconds=seconds))
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", regions[AWAY].url)
        return Scene(regions, clock, strategy, away)

    return make


@pytest.mark.parametrize(
    ("strategy", "world", "lag"),
    [
        *((strategy, "value first", lag) for strategy in STRATEGIES for lag in (0, 2, 1800)),
        *(("alternating-users", world, 1800) for world in REPLICATIONS if world != "value first"),
    ],
)
def test_no_client_of_either_region_is_rejected(
    set_up: Callable[..., Scene], strategy: str, world: str, lag: float
) -> None:
    """Rotations one after the other wait for the copy, in every world of replication."""
    scene = set_up(strategy, lag, world, gap=1)
    for _ in range(3):
        assert scene.rotate()
    assert scene.rejected == []
    assert scene.server.refused == []


COSTS = {"single-user": (9, 2), "alternating-users": (9, 3), "retained-password": (8, 3)}
"""Calls of a rotation without replicas (docs/strategies.md), and what replicas add at home (docs/regions.md)."""


@pytest.mark.parametrize("replicas", [0, 1, 2])
@pytest.mark.parametrize("strategy", COSTS)
def test_what_a_rotation_costs(
    set_up: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch, strategy: str, replicas: int
) -> None:
    """Nothing more where there are no replicas; else some looks at home, and three in each Region."""
    scene = set_up(strategy, away=[AWAY, FAR][:replicas])
    monkeypatch.setattr(Assembly, "secrets_manager_in", lambda _, region: scene.regions[region].client())
    assert scene.rotate()
    before = {region: len(scene.regions[region].calls()) for region in (HOME, AWAY, FAR)}
    logins = len(scene.server.accepted)
    result = scene.player.rotate("app")
    assert result.succeeded
    calls = {region: len(scene.regions[region].calls()) - before[region] for region in (HOME, AWAY, FAR)}
    usual, more = COSTS[strategy]
    asked = calls.pop(HOME) - 1  # the operator's RotateSecret
    assert asked == usual + (more if replicas else 0)
    assert calls == {AWAY: 3 * (replicas > 0), FAR: 3 * (replicas > 1)}
    assert len(scene.server.accepted) - logins == 3
    assert scene.server.refused == []


@pytest.mark.parametrize("lag", [2, 1800])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_status_keeps_them_too(
    set_up: Callable[..., Scene], capsys: pytest.CaptureFixture[str], strategy: str, lag: float
) -> None:
    """Where the role may not look, the status of a service that tells it at once holds the rotation as well."""
    scene = set_up(strategy, lag)
    scene.regions[AWAY].faults.deny("DescribeSecret")
    for _ in range(3):
        assert scene.rotate()
    assert scene.rejected == []
    assert "the weaker proof" in capsys.readouterr().out


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_stuck_replica_holds_the_rotation(
    set_up: Callable[..., Scene], capsys: pytest.CaptureFixture[str], strategy: str
) -> None:
    """It is refused for as long as it lasts, and no client is rejected."""
    scene = set_up(strategy)
    scene.regions.stick("app", AWAY)
    assert scene.rotate()
    before = scene.regions[HOME].labels("app")["AWSCURRENT"]
    assert not scene.rotate()
    assert scene.regions[HOME].labels("app")["AWSCURRENT"] == before
    scene.regions.stick("app", AWAY, stuck=False)
    assert scene.player.retry("app").succeeded
    assert scene.rejected == []
    assert f"The replica in {AWAY} does not serve" in capsys.readouterr().out


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_failed_replica_holds_the_rotation_and_says_why(
    set_up: Callable[..., Scene], capsys: pytest.CaptureFixture[str], strategy: str
) -> None:
    """What the refusal tells to do helps, and overwrites nothing."""
    scene = set_up(strategy)
    scene.regions.fail("app", AWAY, Reason.NO_KEY)
    assert scene.rotate()
    assert not scene.rotate()
    log = capsys.readouterr().out
    assert f"Failed: {str(Reason.NO_KEY).rstrip('.')}. Correct" in log
    again = {"SecretId": "app", "AddReplicaRegions": [{"Region": AWAY}]}
    scene.regions[HOME].execute("ReplicateSecretToRegions", again)
    assert scene.player.retry("app").succeeded
    assert scene.rejected == []


@pytest.mark.parametrize("step", ["createSecret", "setSecret", "testSecret", "finishSecret"])
def test_a_function_at_a_replica_names_the_primarys_region(set_up: Callable[..., Scene], step: str) -> None:
    """It is refused there by one look, whichever step somebody invokes by hand."""
    scene = set_up("alternating-users")
    event = {"Step": step, "SecretId": scene.arn.replace(HOME, AWAY), "ClientRequestToken": str(uuid.uuid4())}
    with pytest.raises(RotationRefused, match=f"belongs to the Region {HOME}"):
        scene.handler_in(AWAY)(event, Context())
    assert scene.server.accepted == []
