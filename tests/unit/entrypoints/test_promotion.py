"""The function that promotes: from its event to its answer, by hand and by what RDS tells."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from rotation.entrypoints import promotion
from rotation.entrypoints.assembly import Assembly
from rotation.entrypoints.promotion import Handler, Standing, handler
from rotation.errors import GuardViolation, InvalidEvent, InvalidSecret, InvalidSettings, RotationError
from rotation.model import in_region
from tests.support.emulators.secretsmanager.replication import AfterStop, Order, Replication
from tests.support.memory.engine import MemoryEngine
from tests.support.memory.regions import AWAY, FUNCTION, HOME, TwoRegions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVENT = {"source": "aws.rds", "detail-type": "RDS DB Cluster Event", "detail": {"EventID": "RDS-EVENT-0238"}}


class Context:
    """A Lambda context with a minute left."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Scene(TwoRegions):
    """Two Regions on the wire, and the function of the one that takes over."""

    environment: dict[str, str]

    def function(self, **environment: str) -> Callable[[object], dict[str, Any]]:
        made = Handler({**self.environment, **environment})
        return lambda event: made(event, Context())

    def event(self, **changed: object) -> dict[str, object]:
        return {"SecretId": in_region(self.arn, AWAY), "From": HOME, "DryRun": False, **changed}


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Set a scene in which the engine is one in memory."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", AWAY)
    made = Scene("alternating-users", replication=Replication(after_stop=AfterStop.GONE))
    with made.regions:
        prepare(made, monkeypatch)
        yield made


def prepare(made: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the endpoints, and the engine of the tests."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", made.regions[HOME].url)
    names = {"memory": "memory", "memory-of-two": "memory", "postgresql": "postgresql"}
    monkeypatch.setattr(promotion, "ENGINES", names)
    monkeypatch.setattr(promotion, "engine_named", lambda _: lambda _bundle: MemoryEngine(made.server))
    made.environment = {
        "SECRETS_MANAGER_ENDPOINT": made.regions[AWAY].url,
        "ADMIN_SECRET_ARNS": in_region(made.admin, AWAY),
        "ROTATION_FUNCTIONS": f"postgresql={FUNCTION.format('us-east-1')}, memory={FUNCTION.format(AWAY)}",
        "POWERTOOLS_SERVICE_NAME": str(uuid.uuid4()),
    }
    made.rotate()


def test_a_promotion(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer tells what was done; so does the log, with the secret on each line, and a metric."""
    scene.regions.cut(HOME)
    answer = scene.function()(scene.event())
    assert answer["function"] == FUNCTION.format(AWAY)
    assert answer["rules"] == {"ScheduleExpression": "rate(30 days)"}
    assert scene.logs_in()
    secret = scene.regions.find("app", AWAY)
    assert secret is not None
    created = secret.versions[answer["chosen"]["version"]].created
    assert answer["chosen"]["created"] == created.isoformat(timespec="seconds")
    assert answer["chosen"]["days"] == (datetime.now(UTC) - created).days
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [line for line in lines if str(line.get("message")).startswith("Promotion:")]
    assert {line["secret"] for line in told} == {in_region(scene.arn, AWAY)}
    assert {line["step"] for line in told} == {"promoteReplica"}
    assert any("PromotionSucceeded" in line for line in lines)


def test_a_dry_run_is_no_success(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told as what it is."""
    answer = scene.function()(scene.event(DryRun=True, Force=True))
    assert answer["dryRun"] is True
    log = capsys.readouterr().out
    assert "rehearsePromotion" in log
    assert "PromotionSucceeded" not in log


def test_a_return(scene: Scene) -> None:
    """The same function makes the old primary a replica."""
    function = scene.function()
    function(scene.event(Force=True))
    scene.run_due()
    stale = scene.regions[HOME].labels("app")["AWSCURRENT"]
    event = {"SecretId": in_region(scene.arn, AWAY), "ReplicateTo": HOME, "DryRun": False, "OverwriteStale": stale}
    assert function(event)["to"] == HOME


def test_what_is_no_event(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused, and counted."""
    function = scene.function()
    for event in (None, {"SecretId": "x\ny", "DryRun": True}, scene.event(From=3)):
        with pytest.raises(InvalidEvent):
            function(event)
    assert "PromotionFailed" in capsys.readouterr().out


def test_an_engine_that_nobody_rotates(scene: Scene) -> None:
    """It is named by none of the functions."""
    document = json.loads(scene.regions[HOME].value("app") or "")
    value = json.dumps({**document, "engine": "oracle"})
    request = {"SecretId": "app", "SecretString": value, "ClientRequestToken": "7" * 36}
    scene.regions[HOME].execute("PutSecretValue", request)
    scene.arrive()
    with pytest.raises(InvalidSecret, match="names no engine"):
        scene.function()(scene.event(Force=True))


def test_the_engine_of_a_version_that_came(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> None:
    """Where AWSCURRENT has no value yet, AWSPREVIOUS tells."""
    del monkeypatch
    scene.regions.replication = Replication(Order.LABELS_FIRST, after_stop=AfterStop.GONE)
    scene.regions.gap = scene.regions.gap.resolution * 10**12
    scene.player(HOME).rotate("app")
    scene.regions[AWAY].service.settle()
    scene.regions.cut(HOME)
    assert scene.function()(scene.event())["chosen"]["label"] == "AWSPREVIOUS"


def test_no_function_for_the_engine(scene: Scene) -> None:
    """It has to be named in the event then."""
    scene.regions.cut(HOME)
    with pytest.raises(InvalidSettings, match="No rotation function"):
        scene.function(ROTATION_FUNCTIONS="")(scene.event())


# Where the database is here

THERE = f"orders.cluster-abc123xyz.{HOME}.rds.amazonaws.com"
ENDPOINT = f"orders-b.cluster-def456uvw.{AWAY}.rds.amazonaws.com"
MINE = f"arn:aws:rds:{AWAY}:123456789012:cluster:orders-b"
MEMBERS = [(f"arn:aws:rds:{HOME}:123456789012:cluster:orders", False), (MINE, True)]


class Rds:
    """The RDS API in the Region that takes over: a global database whose writer is there; or no right to look."""

    def __init__(self, *, denied: bool = False) -> None:
        """Count how often it is asked."""
        self.denied, self.asked = denied, 0

    def describe_global_clusters(self) -> dict[str, Any]:
        """Answer as the API reference says."""
        self.asked += 1
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "DescribeGlobalClusters")
        members = [{"DBClusterArn": arn, "IsWriter": writes} for arn, writes in MEMBERS]
        return {"GlobalClusters": [{"GlobalClusterMembers": members}]}

    def describe_db_clusters(self, *, DBClusterIdentifier: str) -> dict[str, Any]:  # noqa: N803 the API's name
        """Answer as the API reference says."""
        assert DBClusterIdentifier == MINE
        return {"DBClusters": [{"DBClusterIdentifier": "orders-b", "Endpoint": ENDPOINT, "Port": 6000}]}


@pytest.fixture
def rds(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Rds:
    """Let the secret name a cluster of the old Region, which nobody reaches; the member here is reached."""
    api = Rds()
    scene.engine.names.add(ENDPOINT)
    monkeypatch.setattr(promotion, "engine_named", lambda _: lambda _bundle: scene.engine)
    monkeypatch.setattr(Assembly, "client", lambda *_: api)
    tell(scene, host=THERE)
    return api


def tell(scene: Scene, **said: object) -> None:
    """Store a value that says something else, and lose the Region once it has come."""
    document = {**json.loads(scene.regions[HOME].value("app") or ""), **said}
    request = {"SecretId": "app", "SecretString": json.dumps(document), "ClientRequestToken": str(uuid.uuid4())}
    scene.regions[HOME].execute("PutSecretValue", request)
    scene.arrive()
    scene.regions.cut(HOME)


def test_a_global_database_is_found_where_its_writer_is(scene: Scene, rds: Rds) -> None:
    """The value names the endpoint here; what it does not have is not added."""
    scene.function()(scene.event())
    document = json.loads(scene.regions[AWAY].value("app") or "")
    assert document["host"] == ENDPOINT
    assert document["port"] == 6000
    assert "dbClusterIdentifier" not in document
    assert rds.asked == 1


def test_an_endpoint_in_the_event_is_what_counts(scene: Scene, rds: Rds) -> None:
    """The control plane is not asked."""
    scene.engine.names.add("db.example.com")
    scene.function()(scene.event(Endpoint="db.example.com"))
    assert json.loads(scene.regions[AWAY].value("app") or "")["host"] == "db.example.com"
    assert rds.asked == 0


def test_a_database_behind_a_proxy_is_found_too(scene: Scene, rds: Rds) -> None:
    """Its own host is named by the secret's settings."""
    scene.regions.restore(HOME)
    tell(scene, host="db.example.com", rotation={"host": THERE})
    scene.engine.names.add("db.example.com")
    scene.function(PROXY_KNOWS_BOTH_USERS="true")(scene.event())
    document = json.loads(scene.regions[AWAY].value("app") or "")
    assert (document["host"], document["rotation"]["host"]) == ("db.example.com", ENDPOINT)
    assert rds.asked == 1


def test_a_role_that_may_not_look_at_global_databases(scene: Scene, rds: Rds) -> None:
    """It is told; the promotion goes on with what the secret says."""
    rds.denied = True
    scene.engine.names.add(THERE)
    answer = scene.function()(scene.event())
    assert any("rds:DescribeGlobalClusters" in told for told in answer["attention"])
    assert json.loads(scene.regions[AWAY].value("app") or "")["host"] == THERE


# What RDS tells


def test_other_events_are_no_matter(scene: Scene) -> None:
    """A rule may let more through than it should."""
    function = scene.function(PROMOTION_SECRETS=in_region(scene.arn, AWAY))
    for detail in ({"EventID": "RDS-EVENT-0181"}, None):
        assert function({**EVENT, "detail": detail}) == {"promotions": []}


def test_a_failover_is_noticed(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is changed: each secret is rehearsed, and a metric tells."""
    scene.regions.cut(HOME)
    before = scene.regions[AWAY].labels("app")
    secrets = f"{in_region(scene.arn, AWAY)},{in_region(scene.admin, AWAY)}"
    (answer, other) = scene.function(PROMOTION_SECRETS=secrets)(EVENT)["promotions"]
    assert answer["dryRun"] is other["dryRun"] is True
    assert scene.regions[AWAY].labels("app") == before
    assert "DatabasePromoted" in capsys.readouterr().out


def test_a_failover_promotes_where_a_setting_says_so(scene: Scene) -> None:
    """Twice is as good as once; and a primary that answers keeps it from doing so."""
    function = scene.function(PROMOTION_SECRETS=in_region(scene.arn, AWAY), PROMOTE_ON_EVENTS="promote")
    with pytest.raises(GuardViolation, match="answers"):
        function(EVENT)
    scene.regions.cut(HOME)
    assert len(function(EVENT)["promotions"]) == 1
    assert scene.logs_in()
    assert function(EVENT) == {"promotions": []}


def test_one_that_fails_keeps_no_other_from_its_turn(scene: Scene) -> None:
    """The error is told in the end."""
    scene.regions.cut(HOME)
    missing = in_region(scene.arn, AWAY)[:-1] + "9"
    function = scene.function(PROMOTION_SECRETS=f"{missing},{in_region(scene.arn, AWAY)}", PROMOTE_ON_EVENTS="promote")
    with pytest.raises(RotationError):
        function(EVENT)
    assert scene.regions[AWAY].execute("DescribeSecret", {"SecretId": "app"})["RotationEnabled"]


# Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROMOTE_ON_EVENTS", "yes"),
        ("ROTATION_FUNCTIONS", "oracle=arn:aws:lambda:eu-central-1:123456789012:function:rotation"),
        ("ROTATION_FUNCTIONS", "postgresql=rotation"),
        ("PROMOTION_SECRETS", "app"),
        ("ROTATION_RULES", "daily"),
    ],
)
def test_settings_that_are_refused(name: str, value: str) -> None:
    """At start, by name."""
    with pytest.raises(InvalidSettings, match=name):
        Standing.from_environment({name: value})


def test_the_functions_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come from the process's environment."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test-promotion")
    assert isinstance(handler(), Handler)
