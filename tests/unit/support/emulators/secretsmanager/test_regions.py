"""Regions of the emulated Secrets Manager: copies that lag, get stuck and fail, refusals at replicas, promotions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from tests.support.emulators.secretsmanager.expectations import error_code, refusal
from tests.support.emulators.secretsmanager.regions import Regions
from tests.support.emulators.secretsmanager.replication import REPLICATIONS, AfterStop, Order, Reason, Replication
from tests.support.emulators.wire.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_secretsmanager import SecretsManagerClient

HOME, AWAY, THIRD = "eu-west-1", "eu-central-1", "us-east-1"
ONE, TWO, THREE = ("1" * 32, "2" * 32, "3" * 32)
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:rotation"
LAG = timedelta(seconds=10)


class Scene:
    """Regions in which "app" was made at home, with a replica away that has caught up."""

    def __init__(self, regions: Regions, clock: ManualClock) -> None:
        self.regions, self.clock = regions, clock
        self.home, self.away = regions[HOME].client(), regions[AWAY].client()
        self.home.create_secret(
            Name="app", SecretString="one", ClientRequestToken=ONE, AddReplicaRegions=[{"Region": AWAY}]
        )
        self.pass_by()

    def pass_by(self, seconds: float = 20) -> None:
        self.clock.advance(seconds=seconds)

    def put(self, token: str, value: str, *stages: str) -> None:
        more: dict[str, Any] = {"VersionStages": list(stages)} if stages else {}
        self.home.put_secret_value(SecretId="app", SecretString=value, ClientRequestToken=token, **more)

    def promote(self) -> None:
        versions = {"RemoveFromVersionId": ONE, "MoveToVersionId": TWO}
        self.home.update_secret_version_stage(SecretId="app", VersionStage="AWSCURRENT", **versions)

    def status(self) -> list[tuple[str, str]]:
        described = self.home.describe_secret(SecretId="app")
        return [(one["Region"], one["Status"]) for one in described.get("ReplicationStatus", [])]

    def read(self) -> str:
        return self.away.get_secret_value(SecretId="app")["SecretString"]


def scene_of(replication: Replication | None = None, gap: float = 0) -> Iterator[Scene]:
    clock = ManualClock()
    regions = Regions(HOME, AWAY, THIRD, replication=replication, clock=clock, lag=LAG, gap=timedelta(seconds=gap))
    with regions:
        yield Scene(regions, clock)


@pytest.fixture
def scene() -> Iterator[Scene]:
    yield from scene_of()


@pytest.fixture(params=REPLICATIONS)
def any_scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Set the scene in each world of replication."""
    yield from scene_of(REPLICATIONS[request.param])


def test_a_replica_has_the_name_and_the_arn_of_its_region(any_scene: Scene) -> None:
    """Values, labels, tags, policy and description come along; the ARN differs in the Region alone."""
    home, away = any_scene.home, any_scene.away
    home.tag_resource(SecretId="app", Tags=[{"Key": "team", "Value": "blue"}])
    home.update_secret(SecretId="app", Description="the application's")
    any_scene.pass_by()
    ours, theirs = home.describe_secret(SecretId="app"), away.describe_secret(SecretId="app")
    assert theirs["ARN"] == ours["ARN"].replace(HOME, AWAY)
    for key in ("Name", "Description", "Tags", "VersionIdsToStages"):
        assert theirs[key] == ours[key]
    assert ours["PrimaryRegion"] == theirs["PrimaryRegion"] == HOME
    assert any_scene.read() == "one"
    assert away.list_secrets(Filters=[{"Key": "primary-region", "Values": [HOME]}])["SecretList"]


def test_a_change_arrives_late(any_scene: Scene) -> None:
    """Until the lag is over the replica serves what it had, whatever the status says."""
    any_scene.put(TWO, "two")
    any_scene.pass_by(9)
    assert any_scene.read() == "one"
    assert any_scene.status() == [(AWAY, "InProgress")]
    any_scene.pass_by(1)
    assert any_scene.read() == "two"
    assert any_scene.status() == [(AWAY, "InSync")]


@pytest.mark.parametrize("order", Order)
def test_the_order_of_value_and_labels(order: Order) -> None:
    """Between the two the replica has a version without its label, or a label without its value, as the world says."""
    for scene in scene_of(Replication(order), gap=5):
        scene.put(TWO, "two")
        scene.pass_by(11)
        labels = scene.regions[AWAY].labels("app")
        if order is Order.VALUE_FIRST:
            assert labels == {"AWSCURRENT": ONE}
            assert scene.away.get_secret_value(SecretId="app", VersionId=TWO)["SecretString"] == "two"
        else:
            assert labels == {"AWSCURRENT": TWO, "AWSPREVIOUS": ONE}
        if order is Order.LABELS_FIRST:
            assert error_code(scene.away.get_secret_value, SecretId="app") == "ResourceNotFoundException"
        scene.pass_by(5)
        assert scene.read() == "two"
        assert scene.regions[AWAY].labels("app") == {"AWSCURRENT": TWO, "AWSPREVIOUS": ONE}


@pytest.mark.parametrize("copied", [False, True])
def test_whether_pending_is_copied(*, copied: bool) -> None:
    """A rotation under way is seen at the replica, or is not; the staged version without a value is like it."""
    for scene in scene_of(Replication(pending_copied=copied)):
        scene.put(TWO, "two", "AWSPENDING")
        scene.pass_by()
        assert scene.regions[AWAY].labels("app") == {"AWSCURRENT": ONE} | ({"AWSPENDING": TWO} if copied else {})
        assert scene.regions[AWAY].value("app", "AWSPENDING") == ("two" if copied else None)
        scene.promote()
        scene.pass_by()
        assert scene.read() == "two"


@pytest.mark.parametrize("copied", [False, True])
def test_whether_versions_without_a_label_are_copied(*, copied: bool) -> None:
    """What lost its labels at home can still be read away, or cannot."""
    for scene in scene_of(Replication(unlabelled_copied=copied)):
        scene.put(TWO, "two")
        scene.put(THREE, "three")
        scene.pass_by()
        assert scene.read() == "three"
        assert (ONE in scene.regions[AWAY].state.any("app").versions) is copied


def test_two_changes_of_labels_in_quick_succession_may_stick() -> None:
    """Where they do, the replica serves what it had, and is under way for ever, until it is replicated again."""
    for scene in scene_of(REPLICATIONS["two changes of labels stick"]):
        scene.put(TWO, "two")
        scene.put(THREE, "three")
        scene.pass_by(3600)
        assert scene.read() == "one"
        assert scene.status() == [(AWAY, "InProgress")]
        scene.home.replicate_secret_to_regions(SecretId="app", AddReplicaRegions=[{"Region": AWAY}])
        scene.pass_by()
        assert scene.read() == "three"


def test_a_stuck_replica_can_be_let_go_on(scene: Scene) -> None:
    """A test lets it stick and go on."""
    scene.regions.stick("app", AWAY)
    scene.put(TWO, "two")
    scene.pass_by()
    assert scene.read() == "one"
    scene.regions.stick("app", AWAY, stuck=False)
    assert scene.read() == "two"


def test_the_status_may_be_the_one_of_before() -> None:
    """Right after a change InSync may still stand there: it has no version."""
    for scene in scene_of(REPLICATIONS["the status is late"]):
        scene.put(TWO, "two")
        assert scene.status() == [(AWAY, "InSync")]
        scene.pass_by(6)
        assert scene.status() == [(AWAY, "InProgress")]


@pytest.mark.parametrize("reason", Reason)
def test_a_failed_replica_goes_on_serving_what_it_had(scene: Scene, reason: Reason) -> None:
    """The status says why; replicating again goes on."""
    scene.regions.fail("app", AWAY, reason)
    scene.put(TWO, "two")
    scene.pass_by()
    assert scene.read() == "one"
    (listed,) = scene.home.describe_secret(SecretId="app")["ReplicationStatus"]
    assert (listed["Status"], listed["StatusMessage"]) == ("Failed", str(reason))
    scene.home.replicate_secret_to_regions(SecretId="app", AddReplicaRegions=[{"Region": AWAY}])
    scene.pass_by()
    assert (scene.read(), scene.status()) == ("two", [(AWAY, "InSync")])


def test_a_replica_that_failed_before_anything_came_is_removed(scene: Scene) -> None:
    """There is nothing that it could serve."""
    scene.home.replicate_secret_to_regions(SecretId="app", AddReplicaRegions=[{"Region": THIRD}])
    scene.regions.fail("app", THIRD, Reason.NO_KEY)
    client = scene.regions[THIRD].client()
    assert error_code(client.describe_secret, SecretId="app") == "ResourceNotFoundException"


def test_a_region_that_is_not_enabled(scene: Scene) -> None:
    """No replica comes to be there, and the answer says so."""
    scene.regions.disabled[THIRD] = Reason.NOT_ENABLED
    answer = scene.home.replicate_secret_to_regions(SecretId="app", AddReplicaRegions=[{"Region": THIRD}])
    assert [one["Status"] for one in answer["ReplicationStatus"]] == ["InSync", "Failed"]


WRITES: dict[str, dict[str, Any]] = {
    "put_secret_value": {"SecretString": "x"},
    "update_secret": {"Description": "x"},
    "update_secret_version_stage": {"VersionStage": "blue", "MoveToVersionId": ONE},
    "rotate_secret": {"RotationLambdaARN": FUNCTION},
    "delete_secret": {},
    "tag_resource": {"Tags": []},
    "delete_resource_policy": {},
    "replicate_secret_to_regions": {"AddReplicaRegions": [{"Region": THIRD}]},
}


@pytest.mark.parametrize("operation", WRITES)
def test_a_replica_refuses_to_be_written(scene: Scene, operation: str) -> None:
    """Every change is made at the primary; reads work at both."""
    code, message = refusal(getattr(scene.away, operation), SecretId="app", **WRITES[operation])
    assert code == "InvalidParameterException"
    assert message == "Operation not permitted on a replica secret. Call must be made in primary secret's region."
    assert scene.away.list_secret_version_ids(SecretId="app")["Versions"]
    assert scene.away.get_resource_policy(SecretId="app")["Name"] == "app"


def test_a_primary_with_replicas_cannot_be_deleted(scene: Scene) -> None:
    """The refusal lists the Regions; once they are removed, which deletes the replicas at once, it can."""
    for force in ({}, {"ForceDeleteWithoutRecovery": True}):
        code, message = refusal(scene.home.delete_secret, SecretId="app", **force)
        assert code == "InvalidParameterException"
        assert AWAY in message
    scene.home.remove_regions_from_replication(SecretId="app", RemoveReplicaRegions=[AWAY])
    assert error_code(scene.away.describe_secret, SecretId="app") == "ResourceNotFoundException"
    assert "PrimaryRegion" not in scene.home.describe_secret(SecretId="app")
    scene.home.delete_secret(SecretId="app")


def test_removing_a_region_that_has_no_replica(scene: Scene) -> None:
    """It is refused, and nothing is removed."""
    ask = {"SecretId": "app", "RemoveReplicaRegions": [AWAY, THIRD]}
    assert error_code(scene.home.remove_regions_from_replication, **ask) == "InvalidParameterException"
    assert scene.read() == "one"


@pytest.mark.parametrize("region", [HOME, "eu-nowhere-9"])
def test_a_region_that_can_have_no_replica(scene: Scene, region: str) -> None:
    """Neither the own Region nor one that is none; a secret that asks for it is not made."""
    ask = {"AddReplicaRegions": [{"Region": region}]}
    assert error_code(scene.home.replicate_secret_to_regions, SecretId="app", **ask) == "InvalidParameterException"
    assert error_code(scene.home.create_secret, Name="new", **ask) == "InvalidParameterException"
    assert error_code(scene.home.describe_secret, SecretId="new") == "ResourceNotFoundException"


@pytest.mark.parametrize("cut_off", [False, True])
@pytest.mark.parametrize("after", AfterStop)
def test_a_replica_is_made_a_secret_of_its_own(after: AfterStop, *, cut_off: bool) -> None:
    """It needs no primary; it has no rotation and takes changes; the old primary never overwrites it."""
    for scene in scene_of(Replication(after_stop=after)):
        scene.put(TWO, "two")
        if cut_off:
            scene.regions.cut(HOME)
        scene.away.stop_replication_to_replica(SecretId="app")
        described = scene.away.describe_secret(SecretId="app")
        assert not {"PrimaryRegion", "RotationEnabled", "ReplicationStatus"} & described.keys()
        scene.away.put_secret_value(SecretId="app", SecretString="away", ClientRequestToken=THREE)
        scene.away.rotate_secret(SecretId="app", RotationLambdaARN=FUNCTION)
        scene.regions.restore(HOME)
        scene.put("4" * 32, "home")
        scene.pass_by()
        assert scene.read() == "away"
        assert scene.status() == ([] if after is AfterStop.GONE else [(AWAY, str(after))])
        assert error_code(scene.away.stop_replication_to_replica, SecretId="app") == "InvalidRequestException"


@pytest.mark.parametrize("hangs", [False, True])
def test_a_region_that_is_cut_off(scene: Scene, *, hangs: bool) -> None:
    """Nobody gets an answer there, at once or ever; nothing is copied to it until it is back."""
    scene.regions.cut(AWAY)
    scene.regions.hangs = hangs
    client = scene.regions[AWAY].client(read_timeout=0.3)
    with pytest.raises(ReadTimeoutError if hangs else ConnectionClosedError):
        client.get_secret_value(SecretId="app")
    scene.put(TWO, "two")
    scene.pass_by()
    assert scene.status() == [(AWAY, "InProgress")]
    scene.regions.hangs = False
    scene.regions.restore(AWAY)
    assert scene.read() == "two"


def other(scene: Scene, **ask: Any) -> SecretsManagerClient:  # noqa: ANN401 - the client checks them
    """Make a secret of the same name in the third Region."""
    client = scene.regions[THIRD].client()
    client.create_secret(Name="app", SecretString="other", **ask)
    return client


@pytest.mark.parametrize("force", [False, True])
def test_a_secret_of_that_name_is_there_already(scene: Scene, *, force: bool) -> None:
    """The replication fails by the name, and the other secret stays; with Force it is overwritten."""
    client = other(scene)
    ask: dict[str, Any] = {"SecretId": "app", "AddReplicaRegions": [{"Region": THIRD}]}
    scene.home.replicate_secret_to_regions(**ask, ForceOverwriteReplicaSecret=force)
    scene.pass_by()
    assert client.get_secret_value(SecretId="app")["SecretString"] == ("one" if force else "other")
    assert (THIRD, "InSync" if force else "Failed") in scene.status()


@pytest.mark.parametrize("over", [False, True])
def test_force_over_a_secret_that_has_replicas(*, over: bool) -> None:
    """Whether that one gives way is not known."""
    for scene in scene_of(Replication(force_over_primaries=over)):
        client = other(scene, AddReplicaRegions=[{"Region": HOME}])
        ask: dict[str, Any] = {"SecretId": "app", "AddReplicaRegions": [{"Region": THIRD}]}
        scene.home.replicate_secret_to_regions(**ask, ForceOverwriteReplicaSecret=True)
        scene.pass_by()
        assert client.get_secret_value(SecretId="app")["SecretString"] == ("one" if over else "other")


def test_where_it_is_read(scene: Scene) -> None:
    """The status tells of each Region on which day it was read there last."""
    (before,) = scene.home.describe_secret(SecretId="app")["ReplicationStatus"]
    assert "LastAccessedDate" not in before
    scene.read()
    (after,) = scene.home.describe_secret(SecretId="app")["ReplicationStatus"]
    assert after["LastAccessedDate"].date() == scene.clock().date()


def test_each_region_has_a_journal(scene: Scene) -> None:
    """Calls and label changes stand where they came to be."""
    scene.put(TWO, "two")
    scene.pass_by()
    scene.read()
    home, away = scene.regions[HOME].journal, scene.regions[AWAY].journal
    assert {call.operation for call in away.call_list} == {"GetSecretValue"}
    assert "PutSecretValue" in {call.operation for call in home.call_list}
    moves = [(each.from_version, each.to_version) for each in away.labels if each.label == "AWSCURRENT"]
    assert moves == [(None, ONE), (ONE, TWO)]
    assert {each.secret.split(":")[3] for each in away.labels} == {AWAY}


def test_an_emulator_of_one_region_has_no_replicas() -> None:
    """Outside of a world of Regions nothing is replicated."""
    with Regions(HOME) as regions:
        emulator = regions[HOME]
        emulator.state.regions = None
        client = emulator.client()
        ask: dict[str, Any] = {"Name": "app", "SecretString": "x", "AddReplicaRegions": [{"Region": AWAY}]}
        assert error_code(client.create_secret, **ask) == "InvalidParameterException"
