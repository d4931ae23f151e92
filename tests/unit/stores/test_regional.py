"""What a promotion asks of Secrets Manager, and how its refusals are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rotation.errors import StoreDenied, StoreError, StoreUnavailable
from rotation.model import Replica
from tests.support.memory.regions import AWAY, FUNCTION, HOME, RULES, TwoRegions

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.stores.regional import RegionalStore

TOKEN = "7" * 36


@pytest.fixture
def scene() -> TwoRegions:
    return TwoRegions("single-user")


@pytest.fixture
def store(scene: TwoRegions) -> RegionalStore:
    return scene.store(AWAY)


def test_a_replica_is_stopped_once(store: RegionalStore) -> None:
    """A secret that is no replica any more is refused by the service, which is taken for done."""
    store.stop_replication()
    store.stop_replication()
    assert store.describe().primary_region == ""


def test_a_refusal_to_stop_is_one(scene: TwoRegions, store: RegionalStore) -> None:
    """The link is there still."""
    scene.regions[AWAY].faults.deny("StopReplicationToReplica")
    with pytest.raises(StoreDenied, match="StopReplicationToReplica was denied"):
        store.stop_replication()


def test_a_token_keeps_its_value(scene: TwoRegions, store: RegionalStore) -> None:
    """The same put is done once; another value for the token is refused."""
    store.stop_replication()
    store.put_current(TOKEN, "{}")
    store.put_current(TOKEN, "{}")
    assert scene.regions[AWAY].labels("app")["AWSCURRENT"] == TOKEN
    with pytest.raises(StoreError, match="ResourceExistsException"):
        store.put_current(TOKEN, "[]")


def test_what_stands_beside_the_value(store: RegionalStore) -> None:
    """Tags, the policy, and what rotates it, as Describe tells."""
    store.stop_replication()
    assert store.policy() == ""
    store.tag({"rotation:promoted-from": HOME})
    store.attach(TOKEN, FUNCTION.format(AWAY), RULES, immediately=False)
    versions = store.describe()
    assert versions.tags == {"rotation:promoted-from": HOME}
    assert (versions.function, versions.rules, versions.rotates) == (FUNCTION.format(AWAY), RULES, True)


def test_the_old_regions_rotation_is_switched_off(scene: TwoRegions, store: RegionalStore) -> None:
    """It is asked for there."""
    request = {"SecretId": "app", "ClientRequestToken": TOKEN, "RotationLambdaARN": FUNCTION.format(HOME)}
    scene.regions[HOME].execute("RotateSecret", request)
    store.cancel_rotation(HOME)
    assert not store.describe_replica(HOME).rotates
    scene.regions.cut(HOME)
    with pytest.raises(StoreUnavailable):
        store.cancel_rotation(HOME)


def test_another_secret_gives_way_only_where_it_is_to_be_overwritten(scene: TwoRegions, store: RegionalStore) -> None:
    """Without that the replication fails, and nothing is lost."""
    store.stop_replication()
    before = scene.regions[HOME].labels("app")
    request = {"SecretId": "app", "RemoveReplicaRegions": [AWAY]}
    scene.regions[HOME].execute("RemoveRegionsFromReplication", request)
    store.replicate(Replica(HOME, ""))
    assert store.describe().replicas[0].status == "Failed"
    assert scene.regions[HOME].labels("app") == before
    store.overwrite(Replica(HOME, "", kms_key="alias/own"))
    assert store.describe_replica(HOME).primary_region == AWAY


def test_a_replica_takes_no_writes(store: RegionalStore) -> None:
    """The service refuses them all, so that the order of a promotion matters."""
    writes: list[Callable[[], None]] = [
        lambda: store.put_current(TOKEN, "{}"),
        lambda: store.tag({"a": "b"}),
        lambda: store.attach(TOKEN, FUNCTION.format(AWAY), RULES, immediately=False),
    ]
    for write in writes:
        with pytest.raises(StoreError, match="InvalidParameterException"):
            write()
