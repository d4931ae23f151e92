"""The secret of another Region becomes a replica again: nothing is lost that nobody has named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rotation.errors import GuardViolation, RotationRefused, StoreUnavailable
from rotation.stores.regional import RegionalStore
from tests.support.emulators.secretsmanager.replication import AfterStop, Reason, Replication
from tests.support.memory.regions import AWAY, HOME, TwoRegions

if TYPE_CHECKING:
    from rotation.model import Versions


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once."""
    monkeypatch.setattr("rotation.promotion.returning.LOOKS", (0, 0))
    monkeypatch.setattr("rotation.strategies.replicas.LOOKS", (0,))


def promoted(after_stop: AfterStop = AfterStop.GONE) -> TwoRegions:
    """Make two Regions, of which the home was lost and came back, after the other one was promoted and rotated."""
    scene = TwoRegions("alternating-users", replication=Replication(after_stop=after_stop))
    scene.rotate()
    scene.regions.cut(HOME)
    scene.promote()
    assert scene.run_due() == [None]
    scene.rotate(AWAY)
    scene.regions.restore(HOME)
    return scene


def stale(scene: TwoRegions) -> str:
    return scene.regions[HOME].labels("app")["AWSCURRENT"]


def test_the_old_primary_becomes_a_replica() -> None:
    """It is rotated no more, and serves what is current in the Region that took over; a repetition does nothing."""
    scene = promoted()
    answer = scene.give_back(AWAY, HOME, OverwriteStale=stale(scene))
    assert [step["state"] for step in answer["steps"]] == ["done", "done"]
    assert scene.regions[HOME].value("app") == scene.regions[AWAY].value("app")
    assert [step["state"] for step in scene.give_back(AWAY, HOME)["steps"]] == ["done before"]


def test_a_dry_run_overwrites_nothing() -> None:
    """It names what would be lost."""
    scene = promoted()
    before = stale(scene)
    answer = scene.give_back(AWAY, HOME, dry_run=True, OverwriteStale=before)
    assert answer["steps"][-1] == {"step": f"Replicate to {HOME}, over version {before}", "state": "would be done"}
    assert stale(scene) == before


@pytest.mark.parametrize("said", [None, "7" * 36])
def test_nothing_is_lost_that_was_not_named(said: str | None) -> None:
    """The refusal names the version."""
    scene = promoted()
    before = stale(scene)
    event: dict[str, Any] = {"OverwriteStale": said} if said else {}
    with pytest.raises(GuardViolation, match=f"would be lost, whose AWSCURRENT is version {before}") as caught:
        scene.give_back(AWAY, HOME, **event)
    assert "was never here" not in str(caught.value)
    assert stale(scene) == before


def test_a_rotation_that_was_never_seen_here_is_told() -> None:
    """The old primary made it while it was cut off."""
    scene = promoted()
    request = {"SecretId": "app", "SecretString": "{}", "ClientRequestToken": "7" * 36}
    scene.regions[HOME].execute("PutSecretValue", request)
    with pytest.raises(GuardViolation, match="was never here"):
        scene.give_back(AWAY, HOME)


def test_a_region_that_does_not_answer() -> None:
    """It cannot be overwritten unseen."""
    scene = promoted()
    scene.regions.cut(HOME)
    with pytest.raises(StoreUnavailable):
        scene.give_back(AWAY, HOME, OverwriteStale="7" * 36)


def test_a_replica_gives_nothing_back() -> None:
    """It is run where the secret is that is to be kept."""
    scene = TwoRegions("alternating-users")
    with pytest.raises(GuardViolation, match=f"is a replica of {HOME} itself"):
        scene.give_back(AWAY, HOME)


def test_other_replicas_of_the_old_primary_are_not_cut_off() -> None:
    """What hangs on it is dealt with before."""
    scene = promoted()
    scene.regions.at["us-east-1"] = scene.regions[AWAY]
    scene.regions.lag["us-east-1"] = scene.regions.lag[AWAY]
    secret = scene.regions.find("app", HOME)
    assert secret is not None
    secret.primary_region = "us-east-1"
    with pytest.raises(GuardViolation, match="is replicated with us-east-1"):
        scene.give_back(AWAY, HOME, OverwriteStale=stale(scene))


def test_a_copy_that_is_under_way() -> None:
    """It is run again until the copy has come."""
    scene = promoted()
    scene.regions.lag[HOME] = scene.regions.lag[AWAY].resolution * 10**9
    with pytest.raises(RotationRefused, match="does not serve AWSCURRENT yet") as caught:
        scene.give_back(AWAY, HOME, OverwriteStale=stale(scene))
    assert caught.value.retryable
    scene.arrive()
    assert scene.give_back(AWAY, HOME)["steps"]


def test_an_old_primary_that_does_not_give_way() -> None:
    """Where it lists replicas still, Force may not overwrite it: it is deleted by hand, as the guide tells."""
    scene = promoted(AfterStop.FAILED)
    with pytest.raises(GuardViolation, match="The replication to eu-west-1 failed") as caught:
        scene.give_back(AWAY, HOME, OverwriteStale=stale(scene))
    assert str(Reason.NAME).rstrip(".") in str(caught.value)
    emulator = scene.regions[HOME]
    emulator.execute("RemoveRegionsFromReplication", {"SecretId": "app", "RemoveReplicaRegions": [AWAY]})
    emulator.execute("DeleteSecret", {"SecretId": "app", "ForceDeleteWithoutRecovery": True})
    answer = scene.give_back(AWAY, HOME)
    assert answer["steps"] == [{"step": f"Replicate to {HOME}", "state": "done"}]
    assert scene.regions[HOME].value("app") == scene.regions[AWAY].value("app")


def test_there_and_back() -> None:
    """The original ARN serves again, its function rotates again, and the Region that stood in does not any more."""
    scene = promoted()
    scene.give_back(AWAY, HOME, OverwriteStale=stale(scene))
    answer = scene.promote(HOME, Force=True)
    assert answer["fence"] == "marks"
    assert scene.run_due(HOME) == [None]
    scene.rotate(HOME)
    assert scene.logs_in(HOME)
    before = scene.accounts()
    away = scene.player(AWAY).rotate("app")
    assert not away.succeeded
    assert scene.accounts() == before
    scene.give_back(HOME, AWAY, OverwriteStale=scene.regions[AWAY].labels("app")["AWSCURRENT"])
    scene.rotate(HOME)
    assert scene.logs_in(AWAY)


def test_a_copy_that_cannot_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for one that is in step; the Region that was rotated no more is not asked to stop."""
    scene = promoted()
    scene.regions[HOME].execute("CancelRotateSecret", {"SecretId": "app"})
    look, seen = RegionalStore.describe_replica, iter([True])

    def once(store: RegionalStore, region: str) -> Versions:
        if next(seen, False):
            return look(store, region)
        raise StoreUnavailable("No answer")

    monkeypatch.setattr(RegionalStore, "describe_replica", once)
    with pytest.raises(RotationRefused, match="does not serve AWSCURRENT yet"):
        scene.give_back(AWAY, HOME, OverwriteStale=stale(scene))


def test_the_key_of_the_old_primary_stays() -> None:
    """Its clients may use no other."""
    scene = promoted()
    secret = scene.regions.find("app", HOME)
    assert secret is not None
    secret.kms_key = "alias/own"
    scene.give_back(AWAY, HOME, OverwriteStale=stale(scene))
    assert (
        scene.regions[AWAY]
        .execute("DescribeSecret", {"SecretId": "app"})["ReplicationStatus"][0]["KmsKeyId"]
        .endswith("alias/own")
    )
